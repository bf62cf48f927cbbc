/** One subscriber of a channel: a bounded queue of batches that it shares with the others. */
import type { EventBatch } from '../kernel-api.ts'
import type { DurableEvent } from './events.ts'
import type { LiveEvent } from './live.ts'

/** Entries that may wait for a reader; past it the queue is dropped and the reader catches up from the database. */
const BOUND = 1_000
/** Long texts count for more, so that the bound is one of memory too. */
const CHARS_PER_ENTRY = 4_000

/** A batch for everybody who has seen all before it, and how far it reaches. */
export interface Cast {
  readonly batch: EventBatch
  readonly upTo: number
  readonly weight: number
}

export class Reader {
  /** Sequence number of the last durable event that was handed out. */
  cursor: number
  /** It gets what the channel sends; else it reads the database itself. */
  attached = false
  #queue: Cast[] = []
  #weight = 0
  #wake: () => void = () => {}
  #failure: unknown
  readonly #signal: AbortSignal

  /** Aborted, it waits for nothing any more. */
  constructor(cursor: number, signal: AbortSignal) {
    this.cursor = cursor
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake(), { once: true })
  }

  /** False when it lags too far behind: it has lost its queue. */
  offer(cast: Cast): boolean {
    const fits = this.#weight + cast.weight <= BOUND || this.#queue.length === 0
    if (fits) {
      this.#queue.push(cast)
      this.#weight += cast.weight
    } else this.drop()
    this.#wake()
    return fits
  }

  drop(): void {
    this.attached = false
    this.#queue = []
    this.#weight = 0
  }

  fail(error: unknown): void {
    this.#failure = error
    this.drop()
    this.#wake()
  }

  /** The next batch without what this reader has seen before it was attached; null when none waits. */
  take(nameOf: (seq: number) => string): EventBatch | null {
    for (let cast = this.#queue.shift(); cast; cast = this.#queue.shift()) {
      this.#weight -= cast.weight
      const from = this.cursor
      this.cursor = Math.max(from, cast.upTo)
      const { batch } = cast
      if (from <= (batch.events[0]?.seq ?? cast.upTo + 1) - 1 && cast.upTo >= from) return batch
      const events = batch.events.filter((event) => event.seq > from)
      if (events.length > 0 || batch.live.length > 0) return { id: nameOf(this.cursor), events, live: batch.live }
    }
    return null
  }

  /** Until something waits, the reader was dropped, or its signal aborts. */
  async news(): Promise<void> {
    if (this.#queue.length === 0 && this.attached && !this.#signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve))
    this.#wake = () => {}
    if (this.#failure !== undefined) throw this.#failure
  }
}

export const castOf = (batch: EventBatch, upTo: number): Cast => ({
  batch,
  upTo,
  weight: [...batch.events, ...batch.live].reduce((sum, entry) => sum + 1 + Math.floor(textLength(entry) / CHARS_PER_ENTRY), 0),
})

function textLength(entry: DurableEvent | LiveEvent): number {
  const { text, output } = ('data' in entry ? entry.data : entry) as { text?: unknown; output?: unknown }
  return (typeof text === 'string' ? text.length : 0) + (typeof output === 'string' ? output.length : 0)
}
