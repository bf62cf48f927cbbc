/** Tickets that are over: cleared away by age, or deleted by a person. */
import { event } from '../../events/events.ts'
import type { EventData } from '../../events/events.ts'
import { FINAL_STATUSES, RESTING_STATUSES } from '../../ticket.ts'
import type { Fence, KeepingVerbs } from '../store.ts'
import { fencedBatch, guardAnyStatus, type Batch, type Context } from './batch.ts'
import { toTicketRecord } from './decode-ticket.ts'

/** Rows that name a ticket; those that others refer to come last. */
const TABLES = [
  ...['turns', 'sessions', 'steps', 'prompts', 'items', 'phase_notes', 'artifacts', 'commands', 'errors', 'attempts'],
  ...['execution_leases', 'leases', 'gate_drafts'],
]
const NO_OPEN_TURN = "NOT EXISTS (SELECT 1 FROM turns WHERE ticket_id = :ticketId AND receipt <> 'settled')"

type Verbs = Pick<KeepingVerbs, 'deleteTicket' | 'deletedTicket' | 'untidyTickets' | 'markTidied'>

export const keepingVerbs = (context: Context): Verbs => ({
  deleteTicket: (fence, input) => deleteTicket(context, fence, input),
  deletedTicket: async (ticketId) => {
    const [row] = await context.database.all(
      `SELECT data FROM events JOIN tickets ON tickets.id = ticket_id
       WHERE ticket_id = :ticketId AND deleted_at IS NOT NULL AND type = 'ticket.deleted'`,
      { ticketId },
    )
    return row === undefined ? null : (JSON.parse(String(row['data'])) as EventData['ticket.deleted'])
  },
  untidyTickets: async ({ before, after, limit }) => {
    const rows = await context.database.all(
      `SELECT * FROM tickets WHERE status IN (SELECT value FROM json_each(:final)) AND updated_at <= :before AND number > :after
       AND tidied_at IS NULL AND deleted_at IS NULL ORDER BY number LIMIT :limit`,
      { final: JSON.stringify(FINAL_STATUSES), before, after, limit },
    )
    return rows.map((row) => toTicketRecord(context, row))
  },
  markTidied: async (fence, { at, ...told }) => {
    const batch = atRest(context, 'markTidied', { fence, at }, FINAL_STATUSES)
    batch.guard('not tidied', 'SELECT tidied_at IS NULL FROM tickets WHERE id = :ticketId')
    batch.append([event('ticket.tidied', told)])
    await batch.run('UPDATE tickets SET tidied_at = :at, revision = revision + 1 WHERE id = :ticketId').commit()
  },
})

function atRest(
  context: Context,
  verb: 'deleteTicket' | 'markTidied',
  { fence, at }: { fence: Fence; at: number },
  statuses: typeof RESTING_STATUSES | typeof FINAL_STATUSES,
): Batch {
  const batch = guardAnyStatus(fencedBatch(context, verb, { fence, args: { at } }), verb, statuses)
  return batch.guard('no open turn', NO_OPEN_TURN)
}

async function deleteTicket(context: Context, fence: Fence, input: Parameters<KeepingVerbs['deleteTicket']>[1]): Promise<void> {
  const { at, branch, left } = input
  const batch = atRest(context, 'deleteTicket', { fence, at }, RESTING_STATUSES)
  batch.append([event('ticket.deleted', { branch, left })])
  batch.run('DELETE FROM events WHERE ticket_id = :ticketId AND seq < (SELECT MAX(seq) FROM events WHERE ticket_id = :ticketId)')
  batch.runOnInbox('DELETE FROM inbox WHERE ticket_id = :ticketId')
  for (const table of TABLES) batch.run(`DELETE FROM ${table} WHERE ticket_id = :ticketId`)
  batch.run(
    `UPDATE tickets SET deleted_at = :at, title = '', description = '', models = NULL, blocked = NULL, pinned = NULL, settings = NULL, own_settings = NULL,
       revision = revision + 1, updated_at = :at WHERE id = :ticketId`,
  )
  await batch.commit()
}
