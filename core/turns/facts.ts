/** What can be known of a turn now: the messages of its session and its status, as the table wants them. Decides nothing. */
import type { Driving } from '../driving.ts'
import { isCode } from '../errors.ts'
import type { Requests } from '../inbox/requests.ts'
import type { RemoteMessage, RemoteStatus } from '../opencode/adapter.ts'
import type { TurnRecord } from '../store/records.ts'
import type { Budget } from './budget.ts'
import type { TurnWatch } from './turn-watch.ts'
import { QUIET_MS, chainOf, isFinal } from './verdict.ts'
import type { TurnFacts } from './verdict.ts'

export class FactFinder {
  /** The session's status at the last look; null when it had none. */
  status: RemoteStatus | null = null
  /** The last wait for the provider that was seen. */
  lastRetry: (RemoteStatus & { readonly type: 'retry' }) | null = null
  #absentSince: { readonly at: number; readonly seen: number } | null = null
  readonly #driving: Driving
  readonly #watch: TurnWatch
  readonly #care: { readonly requests: Requests; readonly budget: Budget }

  constructor(driving: Driving, watch: TurnWatch, care: { readonly requests: Requests; readonly budget: Budget }) {
    this.#driving = driving
    this.#watch = watch
    this.#care = care
  }

  async find(turn: TurnRecord): Promise<TurnFacts> {
    const { adapter } = this.#driving.opencode
    const base: TurnFacts = {
      turnId: turn.turnId,
      partTexts: turn.request.parts.map((p) => p.text),
      settled: turn.settlement !== null,
      posts: turn.posts,
      msSincePost: turn.lastPostAt === null ? null : this.#driving.clock.now() - turn.lastPostAt,
      youngerProcess: startedAfter(this.#driving.opencode.startedAt, turn.lastPostAt),
      stopping: turn.stopping,
      reach: 'ok',
      messages: [],
      running: 'absent',
      restarts: turn.restarts,
    }
    if (base.settled || turn.posts === 0) return base // never posted: OpenCode cannot know it
    if (turn.opencodeId !== adapter.opencodeId) return { ...base, reach: 'other_opencode' }
    const told = this.#toldEnd(base)
    if (told) return { ...base, messages: told }
    try {
      const messages = await adapter.getSessionMessages(turn.sessionId, { signal: this.#driving.signal })
      if (!messages) return { ...base, reach: 'session_gone' }
      this.#watch.catchUp(chainOf({ ...base, messages })?.answer ?? [])
      if (this.#watch.reconnected) await this.#catchUpRequests(turn)
      return { ...base, messages, running: await this.#running(turn) }
    } catch (error) {
      if (this.#driving.signal.aborted || isCode(error, 'LEASE_LOST')) throw error
      return { ...base, reach: 'unreadable' }
    }
  }

  /**
   * The stream's durable events already show the end of the turn: reading the messages back would give the same, some
   * fifteen milliseconds later. Anything less is read back: with several sessions at once the end of a message was seen to
   * be told before the last state of its text.
   */
  #toldEnd(base: TurnFacts): TurnFacts['messages'] | null {
    const messages = this.#watch.mirror.messages(base.turnId)
    const last = messages && chainOf({ ...base, messages })?.answer.at(-1)
    return last && isFinal(last) && (last.error !== undefined || isWhole(last)) ? messages : null
  }

  async #catchUpRequests(turn: TurnRecord): Promise<void> {
    this.#watch.reconnected = false
    await this.#care.requests.catchUp(turn, this.#care.budget)
  }

  /** "Not running" is believed only when asked twice, QUIET_MS apart, with no durable event between. */
  async #running(turn: TurnRecord): Promise<TurnFacts['running']> {
    const statuses = await this.#driving.opencode.adapter.sessionStatuses(turn.directory, { signal: this.#driving.signal })
    const entry = statuses[turn.sessionId]
    this.status = entry ?? null
    if (entry?.type === 'retry') this.lastRetry = entry
    if (entry) {
      this.#absentSince = null
      return entry.type
    }
    const now = this.#driving.clock.monotonic()
    const before = this.#absentSince
    if (!before || before.seen !== this.#watch.seen) this.#absentSince = { at: now, seen: this.#watch.seen }
    else if (now - before.at >= QUIET_MS) return 'quiet'
    return 'absent'
  }
}

/** Every text is in its last state, there is one, and its step was finished: nothing of it is still on the way. */
export const isWhole = ({ parts }: RemoteMessage): boolean => {
  const texts = parts.filter((p) => p.type === 'text' || p.type === 'reasoning')
  const said = texts.some((p) => p.type === 'text' && p.text.trim() !== '')
  return said && texts.every((p) => p.ended) && parts.some((p) => p.type === 'step-finish')
}

const startedAfter = (startedAt: number | null, postedAt: number | null): boolean =>
  startedAt !== null && postedAt !== null && startedAt > postedAt
