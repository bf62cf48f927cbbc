/**
 * From the log to its readers. Durable events are always read from the database past the reader's cursor, so that no
 * reader can miss or double one; live ones pass through bounded memory and may be lost (the finished text is durable).
 */
import type { Clock } from '../ports.ts'
import type { Store } from '../store/store.ts'
import type { EventBatch } from '../kernel-api.ts'
import type { DurableEvent } from './events.ts'
import type { LiveEvent } from './live.ts'

/** Milliseconds for which deltas are gathered into one batch. */
const COALESCE_MS = 50
const PAGE = 500
/** Live entries a reader may lag behind before it gets snapshots of the open parts instead. */
const LIVE_BOUND = 1_000

interface OpenPart {
  readonly turnId: string
  readonly partId: string
  readonly kind: 'text' | 'reasoning'
  text: string
}
interface Reader {
  live: LiveEvent[]
  overflowed: boolean
  /** Something durable may be there. */
  dirty: boolean
  wake: () => void
}

export interface EventFeed {
  /** More text of an open part, as it arrives. The feed counts the offset. */
  delta(ticketId: string, part: { turnId: string; partId: string; kind: 'text' | 'reasoning'; text: string }): void
  /** The part's durable event is stored (or its turn is over): it is open no longer. */
  closePart(ticketId: string, partId: string): void
  follow(input: { ticketId: string; after: number; gap: string | null; signal: AbortSignal }): AsyncIterable<EventBatch>
  close(): void
}

type Log = Pick<Store, 'events' | 'onAppend' | 'epoch'>

export function createEventFeed(store: Log, clock: Clock): EventFeed {
  const readers = new Readers()
  const parts = new OpenParts()
  const off = store.onAppend((ticketId) => {
    for (const reader of readers.of(ticketId)) {
      reader.dirty = true
      reader.wake()
    }
  })
  return {
    delta: (ticketId, part) => {
      const live = parts.grow(ticketId, part)
      for (const reader of readers.of(ticketId)) push(reader, live)
    },
    closePart: (ticketId, partId) => parts.close(ticketId, partId),
    async *follow({ ticketId, after, gap, signal }) {
      const reader = readers.add(ticketId)
      let cursor = after
      try {
        // Said before anything else: what follows starts over.
        if (gap !== null) yield { id: `${store.epoch}.${cursor}`, events: [], live: [{ type: 'gap', reason: gap }] }
        while (!signal.aborted) {
          const events = reader.dirty ? await page(store, ticketId, { cursor, reader }) : []
          cursor = events.at(-1)?.seq ?? cursor
          const live = reader.dirty ? [] : takeLive(reader, () => parts.snapshots(ticketId))
          if (events.length > 0 || live.length > 0) yield { id: `${store.epoch}.${cursor}`, events, live }
          else if (!reader.dirty) await nextNews(reader, clock, signal)
        }
      } finally {
        readers.remove(ticketId, reader)
      }
    },
    close: off,
  }
}

class Readers {
  readonly #byTicket = new Map<string, Set<Reader>>()

  of(ticketId: string): Iterable<Reader> {
    return this.#byTicket.get(ticketId) ?? []
  }
  add(ticketId: string): Reader {
    // It begins as one that lagged: after the replay it gets snapshots of what is open.
    const reader: Reader = {
      live: [],
      overflowed: true,
      dirty: true,
      wake: () => undefined,
    }
    this.#byTicket.set(ticketId, (this.#byTicket.get(ticketId) ?? new Set()).add(reader))
    return reader
  }
  remove(ticketId: string, reader: Reader): void {
    const group = this.#byTicket.get(ticketId)
    group?.delete(reader)
    if (group?.size === 0) this.#byTicket.delete(ticketId)
  }
}

/** Text so far of the parts that the model is writing now. */
class OpenParts {
  readonly #byTicket = new Map<string, Map<string, OpenPart>>()

  grow(ticketId: string, part: OpenPart): LiveEvent {
    const parts = this.#byTicket.get(ticketId) ?? new Map<string, OpenPart>()
    const open = parts.get(part.partId) ?? { ...part, text: '' }
    const live: LiveEvent = { type: 'delta', ...part, offset: open.text.length }
    open.text += part.text
    this.#byTicket.set(ticketId, parts.set(part.partId, open))
    return live
  }
  close(ticketId: string, partId: string): void {
    const parts = this.#byTicket.get(ticketId)
    parts?.delete(partId)
    if (parts?.size === 0) this.#byTicket.delete(ticketId)
  }
  snapshots(ticketId: string): LiveEvent[] {
    return [...(this.#byTicket.get(ticketId)?.values() ?? [])].map((part) => ({ type: 'part.snapshot', ...part }))
  }
}

/** A full page leaves the reader dirty: there may be more, and live events wait until all durable ones before them are out. */
async function page(
  store: Log,
  ticketId: string,
  { cursor, reader }: { cursor: number; reader: Reader },
): Promise<readonly DurableEvent[]> {
  reader.dirty = false
  const events = await store.events(ticketId, cursor, PAGE)
  if (events.length === PAGE) reader.dirty = true
  return events
}

function push(reader: Reader, live: LiveEvent): void {
  const last = reader.live.at(-1)
  if (last?.type === 'delta' && live.type === 'delta' && last.partId === live.partId && last.offset + last.text.length === live.offset)
    reader.live[reader.live.length - 1] = { ...last, text: last.text + live.text }
  else if (reader.live.length < LIVE_BOUND) reader.live.push(live)
  else reader.overflowed = true
  reader.wake()
}

function takeLive(reader: Reader, snapshots: () => LiveEvent[]): readonly LiveEvent[] {
  const queued = reader.overflowed ? snapshots() : reader.live
  reader.live = []
  reader.overflowed = false
  return queued
}

async function nextNews(reader: Reader, clock: Clock, signal: AbortSignal): Promise<void> {
  const had = reader.live.length
  await new Promise<void>((resolve) => {
    const end = (): void => {
      signal.removeEventListener('abort', end)
      reader.wake = () => undefined
      resolve()
    }
    reader.wake = end
    signal.addEventListener('abort', end, { once: true })
    if (reader.dirty || reader.live.length > had || signal.aborted) end()
  })
  // Only deltas: gather some before the next frame. A durable event goes out at once.
  if (!reader.dirty && !signal.aborted) await clock.sleep(COALESCE_MS, signal)
}
