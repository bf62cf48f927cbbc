/**
 * Listens to one open turn: puts what passes by into the ticket's log, in order, and hints when a look at the messages is
 * worth while. It never decides: messages do.
 */
import type { Driving } from '../driving.ts'
import type { NewEvent } from '../events/events.ts'
import type { Progress } from '../events/live.ts'
import type { OpencodeEvent, RemoteMessage } from '../opencode/adapter.ts'
import type { TurnRecord } from '../store/records.ts'
import { Mirror } from './mirror.ts'
import { TurnLog } from './turn-log.ts'
import type { Taken } from './turn-log.ts'
import { activityOf, messageEvents, partEvents, progressOf, streamEvent } from './ticket-events.ts'
import type { OfTurn } from './ticket-events.ts'

/** `look`: the messages may have changed in a way that matters. `admitted`: our message was seen stored. */
export type Hint = 'look' | 'admitted' | 'time'

export interface WatchOptions {
  readonly turn: TurnRecord
  /** Questions and permissions go to the inbox. */
  readonly onRequest: (event: OpencodeEvent) => Promise<void>
}

const NOT_FINAL: ReadonlySet<string | undefined> = new Set(['tool-calls', 'unknown', undefined])

export class TurnWatch {
  /** Grows with every durable event of the session; "quiet" means it did not. */
  seen = 0
  /** The stream was (re)connected since `reconnected` was last cleared: live facts may have been missed. */
  reconnected = false
  /** Monotonic time of the last event of the session or one below it: a sign of life. */
  lastSign: number
  /** Of the turn's own session. */
  readonly mirror: Mirror
  #hint: Hint | null = null
  #wake: () => void = () => {}
  readonly #log: TurnLog
  readonly #kinds = new Map<string, 'text' | 'reasoning'>()
  readonly #answering = new Set<string>()
  readonly #stops: (() => void)[]
  readonly #driving: Driving
  readonly #turn: TurnRecord
  readonly #onRequest: WatchOptions['onRequest']

  constructor(driving: Driving, options: WatchOptions) {
    this.#driving = driving
    this.lastSign = driving.clock.monotonic()
    this.#turn = options.turn
    this.#onRequest = options.onRequest
    this.#log = new TurnLog(driving, () => this.#give('look'))
    const { hub } = driving.opencode
    this.mirror = new Mirror(options.turn.posts === 0 && hub.state().connected)
    this.#stops = [
      hub.watch(options.turn.sessionId, (seen) => this.#listen(seen)),
      hub.onStream((seen) => {
        this.reconnected = seen.type === 'connected'
        this.mirror.interrupted()
        this.#give('look')
      }),
    ]
  }

  /** Resolves at the next hint, or after `ms`. A hint that came since the last call counts. */
  async hint(ms: number): Promise<Hint> {
    const { clock, signal } = this.#driving
    if (this.#hint === null && ms > 0) {
      const timer = new AbortController()
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      await Promise.race([woken, clock.sleep(ms, AbortSignal.any([timer.signal, signal]))])
      timer.abort('woken')
    }
    const hint = this.#hint ?? 'time'
    this.#hint = null
    this.#wake = () => {}
    return hint
  }

  /** Appends what the messages show and the stream did not. */
  catchUp(messages: readonly RemoteMessage[]): void {
    for (const m of messages) if (m.role === 'assistant') this.#answering.add(m.id)
    this.append(messageEvents(messages, this.#ofTurn(this.#turn.sessionId)))
  }

  /** In the order of what the stream tells. */
  append(events: readonly NewEvent[]): void {
    this.#log.append(events)
  }

  /** All appends so far are stored. Throws what the store threw (a lost lease). */
  flush(): Promise<void> {
    return this.#log.flush()
  }

  /** As `flush`, but what may be the end of the turn still waits, for `take` or `flush`. */
  settle(): Promise<void> {
    return this.#log.settle()
  }

  /** What is not stored yet, for the batch that ends the turn. */
  take(): Promise<Taken> {
    return this.#log.take()
  }

  close(): void {
    for (const stop of this.#stops) stop()
    for (const partId of this.#kinds.keys()) this.#driving.feed.closePart(this.#driving.fence.ticketId, partId)
    this.#driving.feed.closeTurn(this.#driving.fence.ticketId, this.#turn.turnId)
  }

  #listen(seen: OpencodeEvent): void {
    this.lastSign = this.#driving.clock.monotonic()
    switch (seen.type) {
      case 'message.updated':
        return this.#onMessage(seen)
      case 'part.updated':
        return this.#onPart(seen)
      case 'part.delta':
        return this.#onDelta(seen)
      case 'question.asked':
      case 'question.replied':
      case 'question.rejected':
      case 'permission.asked':
      case 'permission.replied':
        return this.#log.work(() => this.#onRequest(seen))
      default:
        if ('sessionId' in seen) this.#onSession(seen)
    }
  }

  #onMessage(seen: OpencodeEvent & { type: 'message.updated' }): void {
    const { message, sessionId } = seen
    this.seen += 1
    if (message.role === 'assistant') this.#answering.add(message.id)
    if (sessionId !== this.#turn.sessionId) return
    this.mirror.message(seen)
    if (message.id === this.#turn.turnId) this.#give('admitted')
    const final = message.completedAt !== undefined && (message.error !== undefined || !NOT_FINAL.has(message.finish))
    if (message.role !== 'assistant' || !final) return
    this.#log.hold()
    this.#give('look')
  }

  #onPart(seen: OpencodeEvent & { type: 'part.updated' }): void {
    const { sessionId, messageId, part } = seen
    this.seen += 1
    if (sessionId === this.#turn.sessionId) this.mirror.part(seen)
    if (!this.#answering.has(messageId)) return
    if (part.type === 'text' || part.type === 'reasoning') this.#kinds.set(part.id, part.type)
    const made = partEvents(sessionId, part, this.#ofTurn(sessionId))
    const ends = part.type !== 'tool' || part.state === 'completed' || part.state === 'error'
    const close = ends ? (): void => this.#driving.feed.closePart(this.#driving.fence.ticketId, part.id) : undefined
    if (made.length > 0) this.#log.append(made, close)
    this.#show(progressOf(part, this.#ofTurn(sessionId)))
  }

  #onDelta({ messageId, partId, text }: OpencodeEvent & { type: 'part.delta' }): void {
    const kind = this.#kinds.get(partId)
    if (!kind || !this.#answering.has(messageId)) return
    this.#driving.feed.delta(this.#driving.fence.ticketId, { turnId: this.#turn.turnId, partId, kind, text })
  }

  #onSession(seen: OpencodeEvent & { sessionId: string }): void {
    const made = streamEvent(seen, this.#ofTurn(seen.sessionId))
    if (made) this.append([made])
    this.#show(activityOf(seen, this.#ofTurn(seen.sessionId)))
    const matters =
      seen.type === 'session.error' || seen.type === 'session.deleted' || (seen.type === 'session.status' && seen.status.type !== 'busy')
    if (matters && seen.sessionId === this.#turn.sessionId) this.#give('look')
  }

  #show(live: Progress | null): void {
    if (live) this.#driving.feed.progress(this.#driving.fence.ticketId, live)
  }

  #ofTurn(sessionId: string): OfTurn {
    return { turn: this.#turn, owner: sessionId === this.#turn.sessionId ? null : sessionId }
  }

  #give(hint: Hint): void {
    if (this.#hint !== 'look') this.#hint = hint
    this.#wake()
  }
}
