/** The numbered log of a ticket. Every verb appends to it; these only add what was observed, and read. */
import type { EventVerbs } from '../store.ts'
import { fencedBatch, type Context } from './batch.ts'
import { toEvent } from './decode.ts'

type Verbs = Omit<EventVerbs, 'onAppend' | 'onInbox'>

export const eventVerbs = (context: Context): Verbs => ({
  appendEvents: async (fence, { at, events }) => {
    await fencedBatch(context, 'appendEvents', { fence, args: { at } }).append(events).commit()
  },
  events: async (ticketId, after, limit) => {
    const rows = await context.database.all('SELECT * FROM events WHERE ticket_id = :ticketId AND seq > :after ORDER BY seq LIMIT :limit', {
      ticketId,
      after,
      limit,
    })
    return rows.map((row) => toEvent(context, row))
  },
  // A batch commits whole and one after the other, so the row number follows the order of commits.
  allEvents: async (after, limit) => {
    const rows = await context.database.all('SELECT rowid AS position, * FROM events WHERE rowid > :after ORDER BY rowid LIMIT :limit', {
      after,
      limit,
    })
    return rows.map((row) => ({ position: Number(row['position']), ticketId: String(row['ticket_id']), event: toEvent(context, row) }))
  },
  lastPosition: async () => {
    const [row] = await context.database.all('SELECT COALESCE(MAX(rowid), 0) AS position FROM events', {})
    return Number(row?.['position'] ?? 0)
  },
  lastSeq: async (ticketId) => {
    const [row] = await context.database.all('SELECT COALESCE(MAX(seq), 0) AS seq FROM events WHERE ticket_id = :ticketId', { ticketId })
    return Number(row?.['seq'] ?? 0)
  },
})
