/**
 * What the model asks of a person: OpenCode's questions and permissions become inbox entries; answers go back through
 * here and nowhere else. While one is open the clock of its turn stands still.
 */
import type { Json } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import { event } from '../events/events.ts'
import type { NewEvent } from '../events/events.ts'
import type { OpencodeEvent, RemotePermission, RemoteQuestion } from '../opencode/adapter.ts'
import type { PhaseAt, TurnRecord } from '../store/records.ts'
import { endOfClaim, finishClaimed } from './answers.ts'
import type { Budget } from '../turns/budget.ts'

/** Declined so often in an attempt, the model is to decide itself. */
export const MAX_DECLINED = 3

export class Requests {
  readonly #driving: Driving
  readonly #windowMs: number | null
  /** `windowMs`: how long a person has to answer; null: as long as it takes. */
  constructor(driving: Driving, windowMs: number | null) {
    this.#driving = driving
    this.#windowMs = windowMs
  }

  /** How often nobody answered in time in an attempt; zero when there is no time to keep. */
  async declined(at: PhaseAt): Promise<number> {
    return this.#windowMs === null ? 0 : this.#driving.store.declined(this.#driving.fence.ticketId, at)
  }

  /** From the stream, in order. */
  async onEvent(seen: OpencodeEvent, turn: TurnRecord, budget: Budget): Promise<void> {
    switch (seen.type) {
      case 'question.asked':
        return this.#openQuestion(seen.question, turn, budget)
      case 'permission.asked':
        return this.#openPermission(seen.permission, turn, budget)
      case 'question.replied':
        return this.#close(seen.requestId, { how: 'answered', budget, answers: seen.answers })
      case 'permission.replied':
        return this.#close(seen.requestId, { how: seen.reply, budget })
      case 'question.rejected':
        // A rejection in a sub-agent is a tool error of its parent, which goes on; our own session's turn ends by it.
        if (seen.sessionId === turn.sessionId) await this.#markRejected(turn)
        return this.#close(seen.requestId, { how: 'rejected', budget })
      default:
    }
  }

  /** After a (re)connect: the stream tells no question twice, the lists do. */
  async catchUp(turn: TurnRecord, budget: Budget): Promise<void> {
    const { adapter } = this.#driving.opencode
    const options = { signal: this.#driving.signal }
    const questions = await adapter.listPendingQuestions(turn.directory, options)
    const permissions = await adapter.listPendingPermissions(turn.directory, options)
    for (const question of questions) if (await this.#belongs(question.sessionId, turn)) await this.#openQuestion(question, turn, budget)
    for (const permission of permissions)
      if (await this.#belongs(permission.sessionId, turn)) await this.#openPermission(permission, turn, budget)
    await this.#finishClaims(turn, { budget, asked: new Set([...questions, ...permissions].map((r) => r.requestId)) })
  }

  /** Answers that were on their way when an earlier process ended. */
  async #finishClaims(turn: TurnRecord, { budget, asked }: { budget: Budget; asked: ReadonlySet<string> }): Promise<void> {
    const { store, fence, clock, opencode } = this.#driving
    const env = { store, clock, adapter: opencode.adapter, fence: () => Promise.resolve(fence) }
    for (const entry of await store.inbox({ ticketId: turn.ticketId, kinds: ['question', 'permission'] })) {
      if (entry.state !== 'claimed' || entry.detached || entry.phase !== turn.phase || entry.attempt !== turn.attempt) continue
      await finishClaimed(env, entry, asked.has(entry.id))
      budget.resume(entry.id)
    }
  }

  /** The turn's own session, or a sub-agent's at any depth: by the hub's memory, else by the parent chain. */
  async #belongs(sessionId: string, turn: TurnRecord): Promise<boolean> {
    const { adapter, hub } = this.#driving.opencode
    let id: string | undefined = sessionId
    while (id !== undefined) {
      if (id === turn.sessionId || hub.ownerOf(id) === turn.sessionId) return true
      id = (await adapter.getSession(id, { signal: this.#driving.signal }))?.parentId
    }
    return false
  }

  /** Entries of the turn's session that were open when the process ended: its clock does not run. A sub-agent's are found by `catchUp`. */
  async resumePaused(turn: TurnRecord, budget: Budget): Promise<void> {
    const entries = await this.#driving.store.inbox({ ticketId: turn.ticketId, kinds: ['question', 'permission'] })
    for (const entry of entries) if (!entry.detached && entry.sessionId === turn.sessionId) budget.pause(entry.id)
  }

  #openQuestion(question: RemoteQuestion, turn: TurnRecord, budget: Budget): Promise<void> {
    const payload = { questions: question.questions, messageId: question.messageId } as unknown as Json
    const { requestId, sessionId, questions } = question
    const asked = { phase: turn.phase, attempt: turn.attempt, requestId, sessionId, questions: questions as unknown as Json }
    const opened = (deadline: Deadline): NewEvent => event('question.asked', { ...asked, ...deadline }, `question:${requestId}`)
    return this.#open({ kind: 'question', requestId, sessionId, payload, opened, actions: ['reply', 'reject'] }, turn, budget)
  }

  #openPermission(asked: RemotePermission, turn: TurnRecord, budget: Budget): Promise<void> {
    const { requestId, sessionId, permission, patterns } = asked
    const told = { phase: turn.phase, attempt: turn.attempt, requestId, sessionId, permission, patterns }
    const opened = (deadline: Deadline): NewEvent => event('permission.asked', { ...told, ...deadline }, `permission:${requestId}`)
    return this.#open(
      {
        kind: 'permission',
        requestId,
        sessionId,
        payload: { permission, patterns, metadata: asked.metadata },
        opened,
        actions: ['once', 'always', 'reject'],
      },
      turn,
      budget,
    )
  }

  async #open(request: OpenedRequest, turn: TurnRecord, budget: Budget): Promise<void> {
    const { store, fence, clock } = this.#driving
    const known = await store.inboxEntry(turn.ticketId, request.requestId)
    if (known?.state === 'closed') return // a ghost: OpenCode still lists what an abort left behind
    budget.pause(request.requestId)
    const { requestId: id, opened, ...rest } = request
    const { phase, attempt, directory } = turn
    const at = clock.now()
    const deadline = await this.#deadline({ phase, attempt }, at)
    const input = { ...rest, id, phase, attempt, directory, deadline, opened: opened(deadline === null ? {} : { deadline }), at }
    await store.openRequest(fence, input)
  }

  /** A model that asks on after it was told to decide itself is refused at once. */
  async #deadline(at: PhaseAt, now: number): Promise<number | null> {
    if (this.#windowMs === null) return null
    return (await this.declined(at)) >= MAX_DECLINED ? now : now + this.#windowMs
  }

  async #close(requestId: string, end: { how: string; budget: Budget; answers?: readonly (readonly string[])[] }): Promise<void> {
    const { store, fence, clock } = this.#driving
    end.budget.resume(requestId)
    const entry = await store.inboxEntry(fence.ticketId, requestId)
    if (!entry || entry.state === 'closed') return
    // Ours that is on its way is told by OpenCode too, in OpenCode's words.
    const told = entry.state === 'open' ? { how: end.how, reason: 'by another client of OpenCode' } : endOfClaim(entry)
    await store.closeRequest({ ticketId: fence.ticketId, id: requestId, ...told, at: clock.now() })
  }

  async #markRejected(turn: TurnRecord): Promise<void> {
    const { store, fence, clock } = this.#driving
    const now = await store.turn(turn.turnId)
    if (now && !now.stopping && !now.settlement)
      await store.markStopping(fence, { turnId: turn.turnId, stopping: 'rejected', at: clock.now() })
  }
}

type Deadline = { readonly deadline?: number }
interface OpenedRequest {
  readonly kind: 'question' | 'permission'
  readonly requestId: string
  readonly sessionId: string
  readonly payload: Json
  readonly opened: (deadline: Deadline) => NewEvent
  readonly actions: readonly string[]
}
