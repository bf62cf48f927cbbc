/** One subscriber of a channel: a bounded queue of batches that it shares with the others. */
import type { EventBatch, TakeBatch } from '../kernel-api.ts'
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
  /** There while its reader waits, wants batches handed over, and has room. */
  #take: TakeBatch | null = null
  /** Until there is room again. */
  #full: Promise<void> | undefined
  #failure: unknown
  #gone = false
  readonly #nameOf: (seq: number) => string

  /** Aborted, it waits for nothing any more. */
  constructor(cursor: number, { nameOf, signal }: { nameOf: (seq: number) => string; signal: AbortSignal }) {
    this.cursor = cursor
    this.#nameOf = nameOf
    this.#gone = signal.aborted
    const leave = (): void => {
      this.#gone = true
      this.#wake()
    }
    signal.addEventListener('abort', leave, { once: true })
  }

  /** False when it is to get no more: it lags too far behind and has lost its queue, or it could not take this one. */
  offer(cast: Cast): boolean {
    if (this.#take !== null) return this.#handOver(cast, this.#take)
    const fits = this.#weight + cast.weight <= BOUND || this.#queue.length === 0
    if (fits) {
      this.#queue.push(cast)
      this.#weight += cast.weight
    } else this.drop()
    this.#wake()
    return fits
  }

  /** In the loop of whoever casts: no queue and no promise in between. */
  #handOver(cast: Cast, take: TakeBatch): boolean {
    if (this.#gone) return true
    const batch = this.#unseen(cast)
    try {
      this.#full = batch === null ? undefined : take(batch)
    } catch (error) {
      this.fail(error)
      return false
    }
    if (this.#full) {
      this.#take = null
      this.#wake()
    }
    return true
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

  /** The next batch; null when none waits. */
  take(): EventBatch | null {
    for (let cast = this.#queue.shift(); cast; cast = this.#queue.shift()) {
      this.#weight -= cast.weight
      const batch = this.#unseen(cast)
      if (batch) return batch
    }
    return null
  }

  /** Without what this reader has seen before it was attached. */
  #unseen({ batch, upTo }: Cast): EventBatch | null {
    const from = this.cursor
    this.cursor = Math.max(from, upTo)
    if (from <= (batch.events[0]?.seq ?? upTo + 1) - 1 && upTo >= from) return batch
    const events = batch.events.filter((event) => event.seq > from)
    return events.length > 0 || batch.live.length > 0 ? { id: this.#nameOf(this.cursor), events, live: batch.live } : null
  }

  /** Until something waits, the reader was dropped, or its signal aborts. With `take` it gets what comes meanwhile, until that is full. */
  async news(take: TakeBatch | null): Promise<void> {
    if (this.#queue.length === 0 && this.attached && !this.#gone) {
      this.#take = take
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#take = null
    this.#wake = () => {}
    if (this.#full) await this.#full
    this.#full = undefined
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
