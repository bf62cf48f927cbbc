/**
 * One ticket's news for all who have caught up: read from the database once, made into batches once, handed to each
 * reader by reference, so that they can be encoded once.
 */
import type { Clock } from '../ports.ts'
import type { Store } from '../store/store.ts'
import type { DurableEvent } from './events.ts'
import type { LiveEvent } from './live.ts'
import { castOf, type Reader } from './reader.ts'

/** Milliseconds for which deltas are gathered into one batch. A durable event goes out at once. */
const COALESCE_MS = 50
export const PAGE = 500
/** Live entries gathered before all get snapshots of the open parts instead. */
const LIVE_BOUND = 1_000

export type Log = Pick<Store, 'events' | 'onAppend' | 'epoch'>

interface ChannelEnv {
  readonly ticketId: string
  readonly log: Log
  readonly clock: Clock
  readonly snapshots: () => LiveEvent[]
}

export class Channel {
  readonly #env: ChannelEnv
  readonly #readers = new Set<Reader>()
  /** Last durable event that all attached readers were given. */
  #cursor = 0
  #dirty = false
  #live: LiveEvent[] = []
  /** The last live entry is part of somebody's snapshot: nothing may be merged into it. */
  #sealed = false
  #overflowed = false
  #pumping = false
  #gathering: AbortController | null = null

  constructor(env: ChannelEnv) {
    this.#env = env
  }

  /** What is open now, when the reader may be given what comes from here on; null when it has to read on before. */
  attach(reader: Reader, atEnd: boolean): readonly LiveEvent[] | null {
    if (this.#readers.size === 0) {
      this.#cursor = reader.cursor
      this.#live = []
      this.#overflowed = false
    } else if (reader.cursor < this.#cursor && !atEnd) return null
    this.#readers.add(reader)
    reader.attached = true
    this.#sealed = true
    this.appended()
    return this.#env.snapshots()
  }

  detach(reader: Reader): void {
    this.#readers.delete(reader)
    if (this.#readers.size === 0) this.#gathering?.abort()
  }

  /** Something durable may be there. */
  appended(): void {
    if (this.#readers.size === 0) return
    this.#dirty = true
    this.#gathering?.abort()
    this.#start()
  }

  push(live: LiveEvent): void {
    if (this.#readers.size === 0) return
    const last = this.#sealed ? undefined : this.#live.at(-1)
    this.#sealed = false
    if (last?.type === 'delta' && live.type === 'delta' && last.partId === live.partId && last.offset + last.text.length === live.offset)
      this.#live[this.#live.length - 1] = { ...last, text: last.text + live.text }
    else if (last?.type === 'tool.progress' && live.type === 'tool.progress' && last.partId === live.partId)
      this.#live[this.#live.length - 1] = live
    else if (this.#live.length < LIVE_BOUND) this.#live.push(live)
    else this.#overflowed = true
    this.#start()
  }

  #start(): void {
    if (this.#pumping) return
    this.#pumping = true
    this.#pump().catch((error: unknown) => this.#fail(error))
  }

  async #pump(): Promise<void> {
    try {
      while (this.#readers.size > 0 && (this.#dirty || this.#live.length > 0)) {
        if (!this.#dirty) await this.#gather()
        const events = this.#dirty ? await this.#page() : []
        // Live ones wait until all durable ones before them are out.
        const live = this.#dirty ? [] : this.#takeLive()
        if (events.length > 0 || live.length > 0) this.#cast(events, live)
      }
    } finally {
      this.#pumping = false
    }
  }

  async #gather(): Promise<void> {
    this.#gathering = new AbortController()
    await this.#env.clock.sleep(COALESCE_MS, this.#gathering.signal)
    this.#gathering = null
  }

  /** A full page leaves it dirty: there may be more. */
  async #page(): Promise<readonly DurableEvent[]> {
    const { log, ticketId } = this.#env
    const from = this.#cursor
    this.#dirty = false
    const events = await log.events(ticketId, from, PAGE)
    if (this.#cursor !== from) {
      // All readers left and others came meanwhile, who are somewhere else.
      this.#dirty = true
      return []
    }
    if (events.length === PAGE) this.#dirty = true
    this.#cursor = events.at(-1)?.seq ?? from
    return events
  }

  #takeLive(): readonly LiveEvent[] {
    const live = this.#overflowed ? this.#env.snapshots() : this.#live
    this.#live = []
    this.#overflowed = false
    return live
  }

  #cast(events: readonly DurableEvent[], live: readonly LiveEvent[]): void {
    const cast = castOf({ id: `${this.#env.log.epoch}.${this.#cursor}`, events, live }, this.#cursor)
    for (const reader of this.#readers) if (!reader.offer(cast)) this.detach(reader)
  }

  #fail(error: unknown): void {
    for (const reader of this.#readers) reader.fail(error)
    this.#readers.clear()
  }
}
