/** Pauses: what a person wishes for a ticket or a project, and by which of them a ticket rests. */
import { event } from '../../events/events.ts'
import { CHANGES } from '../../ticket.ts'
import type { Ticket } from '../../ticket.ts'
import { setMeta } from '../migrate.ts'
import type { KeepingVerbs } from '../store.ts'
import { Batch, guardAnyStatus, guardKnown, TICKET, type Context } from './batch.ts'
import { toTicketRecord } from './decode-ticket.ts'

type Verbs = Pick<KeepingVerbs, 'holdTicket' | 'pauseProject' | 'projectPaused'>

const PAUSED = 'value:paused'

export const pauseVerbs = (context: Context): Verbs => ({
  holdTicket: (input) => holdTicket(context, input),
  pauseProject: async ({ paused }) => {
    await context.database.batch([setMeta(PAUSED, paused ? '1' : '0')])
  },
  projectPaused: async () => {
    const [row] = await context.database.all('SELECT value FROM meta WHERE key = :key', { key: PAUSED })
    return row?.['value'] === '1'
  },
})

async function holdTicket(context: Context, input: Parameters<Verbs['holdTicket']>[0]): Promise<Ticket> {
  const { at, ticketId, heldBy, paused } = input
  const wish = paused === undefined ? null : Number(paused)
  const batch = guardKnown(new Batch(context, 'holdTicket', { at, ticketId, heldBy, wish }), ticketId)
  guardAnyStatus(batch, 'a pause', CHANGES.cancel.from)
  const differs = '(SELECT held_by IS NOT :heldBy FROM tickets WHERE id = :ticketId)'
  batch.append([heldBy === null ? event('ticket.resumed', {}) : event('ticket.paused', { by: heldBy })], { when: differs })
  batch.run(
    `UPDATE tickets SET held_by = :heldBy, paused = COALESCE(:wish, paused), revision = revision + 1, updated_at = :at
     WHERE id = :ticketId AND (held_by IS NOT :heldBy OR paused IS NOT COALESCE(:wish, paused))`,
  )
  return toTicketRecord(context, await batch.run(TICKET).commitRow('ticket'))
}
