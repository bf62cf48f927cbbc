/**
 * Puts what a turn's stream tells into the ticket's log: in order, and in as few batches as it can. What arrives together is
 * written together, and what is still waiting when the turn ends goes into the batch that settles it.
 */
import { setImmediate as afterReading } from 'node:timers/promises'
import type { Driving } from '../driving.ts'
import type { NewEvent } from '../events/events.ts'

interface Told {
  readonly events: readonly NewEvent[]
  /** Run once they are stored. */
  readonly stored: (() => void) | undefined
}
type Entry = Told | (() => Promise<void>)

/** What was waiting; the taker stores it. */
export interface Taken {
  readonly events: readonly NewEvent[]
  stored(): void
}

export class TurnLog {
  readonly #driving: Pick<Driving, 'store' | 'fence' | 'clock'>
  readonly #onFailure: () => void
  readonly #waiting: Entry[] = []
  /** A durable fact counts once, however often it is seen. */
  readonly #known = new Set<string>()
  #draining: Promise<void> | null = null
  #writing: Promise<void> | null = null
  #held = false
  #failure: unknown

  constructor(driving: Pick<Driving, 'store' | 'fence' | 'clock'>, onFailure: () => void) {
    this.#driving = driving
    this.#onFailure = onFailure
  }

  append(events: readonly NewEvent[], stored?: () => void): void {
    const fresh = events.filter(({ key }) => key === undefined || !this.#known.has(key))
    for (const { key } of fresh) if (key !== undefined) this.#known.add(key)
    if (fresh.length > 0 || stored) this.#add({ events: fresh, stored })
  }

  /** Between what was appended before and what is appended after. */
  work(job: () => Promise<void>): void {
    this.#add(job)
  }

  /** The last events wait until the next `flush` or `take`: the end of a turn is one batch. */
  hold(): void {
    this.#held = true
  }

  /** All so far is stored. Throws what the store threw (a lost lease). */
  async flush(): Promise<void> {
    this.#held = false
    if (this.#waiting.length > 0) this.#draining ??= this.#drain()
    while (this.#draining) await this.#draining
    if (this.#failure !== undefined) throw this.#failure
  }

  /** As `flush`; but what is held back stays so. */
  settle(): Promise<void> {
    return this.#held ? this.#work() : this.flush()
  }

  /** All work so far is done, and the events after it are the caller's to store. Throws as `flush` does. */
  async take(): Promise<Taken> {
    this.#held = true
    await this.#work()
    this.#held = false
    const told = this.#waiting.splice(0).filter(isTold)
    return { events: told.flatMap((one) => one.events), stored: () => told.forEach((one) => one.stored?.()) }
  }

  async #work(): Promise<void> {
    while (this.#writing ?? this.#waiting.some(isWork)) await (this.#writing ?? (this.#draining ??= this.#drain()))
    if (this.#failure !== undefined) throw this.#failure
  }

  #add(entry: Entry): void {
    this.#waiting.push(entry)
    this.#draining ??= this.#drain()
  }

  async #drain(): Promise<void> {
    for (;;) {
      // A burst comes in several frames: the rest of it is read first.
      await afterReading()
      const next = this.#next()
      if (next === null) break
      this.#writing = next().catch((error: unknown) => {
        this.#failure ??= error // thrown by the next flush or take
        this.#onFailure()
      })
      await this.#writing
      this.#writing = null
    }
    this.#draining = null
  }

  /** The work at the front, or all events up to the next work as one batch. */
  #next(): (() => Promise<void>) | null {
    const [first] = this.#waiting
    if (first === undefined || (this.#held && !this.#waiting.some(isWork))) return null
    if (isWork(first)) {
      this.#waiting.shift()
      return first
    }
    const end = this.#waiting.findIndex(isWork)
    const told = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end).filter(isTold)
    return () => this.#store(told)
  }

  async #store(told: readonly Told[]): Promise<void> {
    const { store, fence, clock } = this.#driving
    const events = told.flatMap((one) => one.events)
    if (events.length > 0) await store.appendEvents(fence, { events, at: clock.now() })
    for (const { stored } of told) stored?.()
  }
}

const isWork = (entry: Entry): entry is () => Promise<void> => typeof entry === 'function'
const isTold = (entry: Entry): entry is Told => !isWork(entry)
