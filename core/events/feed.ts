/**
 * From the log to its readers. Durable events are always read from the database: by a reader itself until it has caught
 * up, then once for all who have. So no reader can miss or double one. Live ones pass through bounded memory and may be
 * lost (the finished text is durable).
 */
import type { EventBatch, EventStream, TakeBatch } from '../kernel-api.ts'
import type { Clock } from '../ports.ts'
import { Channel, PAGE, type Log } from './channel.ts'
import type { Progress } from './live.ts'
import { OpenParts, type OpenPart } from './open-parts.ts'
import { Reader } from './reader.ts'

export interface EventFeed {
  /** More text of an open part, as it arrives. The feed counts the offset. */
  delta(ticketId: string, part: Readonly<OpenPart>): void
  /** A tool at work, a step that began, a session that is busy. */
  progress(ticketId: string, live: Progress): void
  /** The turn is over: nothing of it goes on. */
  closeTurn(ticketId: string, turnId: string): void
  /** The part's durable event is stored (or its turn is over): it is open no longer. */
  closePart(ticketId: string, partId: string): void
  follow(input: Following): Required<EventStream>
  close(): void
}
interface Following {
  readonly ticketId: string
  readonly after: number
  /** Why what the reader knew is void. */
  readonly gap: string | null
  readonly signal: AbortSignal
}

export function createEventFeed(log: Log, clock: Clock): EventFeed {
  const parts = new OpenParts()
  const channels = new Channels((ticketId) => new Channel({ ticketId, log, clock, snapshots: () => parts.snapshots(ticketId) }))
  const off = log.onAppend((ticketId) => channels.get(ticketId)?.appended())
  const sources = { log, channels }
  return {
    delta: (ticketId, part) => {
      const live = parts.grow(ticketId, part)
      channels.get(ticketId)?.push(live)
    },
    progress: (ticketId, live) => {
      parts.show(ticketId, live)
      channels.get(ticketId)?.push(live)
    },
    closeTurn: (ticketId, turnId) => parts.closeTurn(ticketId, turnId),
    closePart: (ticketId, partId) => parts.close(ticketId, partId),
    follow: (following) => ({
      [Symbol.asyncIterator]: () => batches(sources, following, null),
      into: async (take) => {
        for await (const batch of batches(sources, following, take)) {
          const full = take(batch)
          if (full) await full
        }
      },
    }),
    close: off,
  }
}

interface Sources {
  readonly log: Log
  readonly channels: Channels
}

/** With `take` only what the reader has to catch up with, or what came while it had no room: all else is handed over. */
async function* batches(
  { log, channels }: Sources,
  { ticketId, after, gap, signal }: Following,
  take: TakeBatch | null,
): AsyncGenerator<EventBatch, void> {
  const nameOf = (seq: number): string => `${log.epoch}.${seq}`
  const reader = new Reader(after, { nameOf, signal })
  const channel = channels.enter(ticketId)
  try {
    // Said before anything else: what follows starts over.
    if (gap !== null) yield { id: nameOf(after), events: [], live: [{ type: 'gap', reason: gap }] }
    while (!signal.aborted) {
      const batch = reader.attached ? reader.take() : await catchUp()
      if (batch) yield batch
      else if (reader.attached) await reader.news(take)
    }
  } finally {
    channel.detach(reader)
    channels.leave(ticketId)
  }

  /** The next page; with the last one the reader joins the others and sees what is open. */
  async function catchUp(): Promise<EventBatch | null> {
    const events = await log.events(ticketId, reader.cursor, PAGE)
    reader.cursor = events.at(-1)?.seq ?? reader.cursor
    const live = events.length < PAGE ? channel.attach(reader, events.length === 0) : null
    return events.length > 0 || (live?.length ?? 0) > 0 ? { id: nameOf(reader.cursor), events, live: live ?? [] } : null
  }
}

/** A channel lives as long as somebody reads the ticket. */
class Channels {
  readonly #make: (ticketId: string) => Channel
  readonly #byTicket = new Map<string, { readonly channel: Channel; users: number }>()

  constructor(make: (ticketId: string) => Channel) {
    this.#make = make
  }
  get(ticketId: string): Channel | undefined {
    return this.#byTicket.get(ticketId)?.channel
  }
  enter(ticketId: string): Channel {
    const entry = this.#byTicket.get(ticketId) ?? { channel: this.#make(ticketId), users: 0 }
    entry.users += 1
    this.#byTicket.set(ticketId, entry)
    return entry.channel
  }
  leave(ticketId: string): void {
    const entry = this.#byTicket.get(ticketId)
    if (entry && --entry.users === 0) this.#byTicket.delete(ticketId)
  }
}
