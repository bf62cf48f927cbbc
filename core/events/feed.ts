/**
 * From the log to its readers. Durable events are always read from the database: by a reader itself until it has caught
 * up, then once for all who have. So no reader can miss or double one. Live ones pass through bounded memory and may be
 * lost (the finished text is durable).
 */
import type { EventBatch } from '../kernel-api.ts'
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
  follow(input: { ticketId: string; after: number; gap: string | null; signal: AbortSignal }): AsyncIterable<EventBatch>
  close(): void
}

export function createEventFeed(log: Log, clock: Clock): EventFeed {
  const parts = new OpenParts()
  const channels = new Channels((ticketId) => new Channel({ ticketId, log, clock, snapshots: () => parts.snapshots(ticketId) }))
  const off = log.onAppend((ticketId) => channels.get(ticketId)?.appended())
  const nameOf = (seq: number): string => `${log.epoch}.${seq}`
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
    async *follow({ ticketId, after, gap, signal }) {
      const reader = new Reader(after, signal)
      const channel = channels.enter(ticketId)
      try {
        // Said before anything else: what follows starts over.
        if (gap !== null) yield { id: nameOf(after), events: [], live: [{ type: 'gap', reason: gap }] }
        while (!signal.aborted) {
          const batch = reader.attached ? reader.take(nameOf) : await catchUp(ticketId, reader, channel)
          if (batch) yield batch
          else if (reader.attached) await reader.news()
        }
      } finally {
        channel.detach(reader)
        channels.leave(ticketId)
      }
    },
    close: off,
  }

  /** The next page; with the last one the reader joins the others and sees what is open. */
  async function catchUp(ticketId: string, reader: Reader, channel: Channel): Promise<EventBatch | null> {
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
