/**
 * What the model asks of a person: OpenCode's questions and permissions become inbox entries; answers go back through
 * here and nowhere else. While one is open the clock of its turn stands still.
 */
import type { Json } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import { event } from '../events/events.ts'
import type { OpencodeEvent, RemotePermission, RemoteQuestion } from '../opencode/adapter.ts'
import type { TurnRecord } from '../store/records.ts'
import { finishClaimed } from './answers.ts'
import type { Budget } from '../turns/budget.ts'

export class Requests {
  readonly #driving: Driving
  constructor(driving: Driving) {
    this.#driving = driving
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

  /** Entries of this turn that were open when the process ended: its clock does not run. */
  async resumePaused(turn: TurnRecord, budget: Budget): Promise<void> {
    const entries = await this.#driving.store.inbox({ ticketId: turn.ticketId, kinds: ['question', 'permission'] })
    for (const entry of entries) if (!entry.detached && entry.phase === turn.phase && entry.attempt === turn.attempt) budget.pause(entry.id)
  }

  #openQuestion(question: RemoteQuestion, turn: TurnRecord, budget: Budget): Promise<void> {
    const payload = { questions: question.questions, messageId: question.messageId } as unknown as Json
    const { requestId, sessionId, questions } = question
    const opened = event(
      'question.asked',
      { phase: turn.phase, attempt: turn.attempt, requestId, sessionId, questions: questions as unknown as Json },
      `question:${requestId}`,
    )
    return this.#open({ kind: 'question', requestId, sessionId, payload, opened, actions: ['reply', 'reject'] }, turn, budget)
  }

  #openPermission(asked: RemotePermission, turn: TurnRecord, budget: Budget): Promise<void> {
    const { requestId, sessionId, permission, patterns } = asked
    const opened = event(
      'permission.asked',
      { phase: turn.phase, attempt: turn.attempt, requestId, sessionId, permission, patterns },
      `permission:${requestId}`,
    )
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
    const { requestId: id, ...rest } = request
    await store.openRequest(fence, { ...rest, id, phase: turn.phase, attempt: turn.attempt, directory: turn.directory, at: clock.now() })
  }

  async #close(requestId: string, end: { how: string; budget: Budget; answers?: readonly (readonly string[])[] }): Promise<void> {
    const { store, fence, clock } = this.#driving
    end.budget.resume(requestId)
    const entry = await store.inboxEntry(fence.ticketId, requestId)
    if (!entry || entry.state === 'closed') return
    await store.closeRequest({
      ticketId: fence.ticketId,
      id: requestId,
      how: end.how,
      reason: entry.state === 'open' ? 'by another client of OpenCode' : null,
      at: clock.now(),
    })
  }

  async #markRejected(turn: TurnRecord): Promise<void> {
    const { store, fence, clock } = this.#driving
    const now = await store.turn(turn.turnId)
    if (now && !now.stopping && !now.settlement)
      await store.markStopping(fence, { turnId: turn.turnId, stopping: 'rejected', at: clock.now() })
  }
}

interface OpenedRequest {
  readonly kind: 'question' | 'permission'
  readonly requestId: string
  readonly sessionId: string
  readonly payload: Json
  readonly opened: ReturnType<typeof event>
  readonly actions: readonly string[]
}
