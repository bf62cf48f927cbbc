/** Tickets before their start, and reading them. */
import { fail } from '../../errors.ts'
import { event } from '../../events/events.ts'
import { CHANGES, FIRST_STATUS, type ListedTicket, type Ticket } from '../../ticket.ts'
import type { NewTicket, TicketFilter, TicketVerbs } from '../store.ts'
import { Batch, guardKnown, TICKET, type Context } from './batch.ts'
import { encodeOrNull, toAttempt, toErrorRecord } from './decode.ts'
import { LISTED, toListedTicket, toTicketRecord } from './decode-ticket.ts'

type Verbs = Pick<TicketVerbs, 'createTicket' | 'editTicket' | 'getTicket' | 'listTickets' | 'attempts' | 'errors'>

export const ticketVerbs = (context: Context): Verbs => ({
  createTicket: (input) => createTicket(context, input),
  editTicket: (input) => editTicket(context, input),
  getTicket: async (ticketId) => {
    const [row] = await context.database.all(TICKET, { ticketId })
    return row === undefined ? null : toTicketRecord(context, row)
  },
  listTickets: (filter = {}) => listTickets(context, filter),
  attempts: async (ticketId) =>
    (await context.database.all('SELECT * FROM attempts WHERE ticket_id = :ticketId ORDER BY rowid', { ticketId })).map(toAttempt),
  errors: async (ticketId) =>
    (await context.database.all('SELECT * FROM errors WHERE ticket_id = :ticketId ORDER BY rowid', { ticketId })).map(toErrorRecord),
})

const CREATED = '(SELECT id FROM tickets WHERE create_id = :createId)'

/** Number and row in one statement, so that two servers never take the same; a known `create_id` adds nothing. */
async function createTicket(context: Context, input: NewTicket): Promise<Ticket> {
  const createId = input.actionId ?? `own:${context.random(16)}`
  const batch = new Batch(context, 'createTicket', { createId, at: input.at })
  const deleted = 'SELECT 1 FROM tickets WHERE create_id = :createId AND deleted_at IS NOT NULL'
  batch.guard(() => fail('ACTION_CONSUMED', { actionId: createId }), `NOT EXISTS (${deleted})`)
  batch.run(
    `INSERT INTO tickets (id, number, create_id, title, description, priority, pipeline, models, status, created_at, updated_at)
     SELECT :key || '-' || n, n, :createId, :title, :description, :priority, :pipeline, :models, :status, :at, :at
     FROM (SELECT COALESCE(MAX(number), 0) + 1 AS n FROM tickets) WHERE ${CREATED} IS NULL`,
    {
      key: context.projectKey,
      title: input.title,
      description: input.description,
      priority: input.priority,
      pipeline: input.pipeline,
      models: encodeOrNull(input.models),
      status: FIRST_STATUS,
    },
  )
  batch.appendFirst(CREATED, event('ticket.created', { title: input.title, pipeline: input.pipeline }))
  const row = await batch.run('SELECT * FROM tickets WHERE create_id = :createId').commitRow('ticket')
  return toTicketRecord(context, row)
}

async function editTicket(context: Context, input: Parameters<Verbs['editTicket']>[0]): Promise<Ticket> {
  const { ticketId, at, patch } = input
  const fields = Object.keys(patch).map((field) => (field === 'own' ? 'settings' : field))
  const batch = guardKnown(new Batch(context, 'editTicket', { ticketId, at }), ticketId)
  batch.guard('draft', 'SELECT status = :draft FROM tickets WHERE id = :ticketId', { draft: FIRST_STATUS })
  batch.guard('revision', 'SELECT revision = :revision FROM tickets WHERE id = :ticketId', { revision: input.revision })
  if (fields.length > 0) {
    batch.run(
      `UPDATE tickets SET title = COALESCE(:title, title), description = COALESCE(:description, description),
         priority = COALESCE(:priority, priority), pipeline = COALESCE(:pipeline, pipeline),
         models = CASE WHEN :setsModels THEN :models ELSE models END,
         own_settings = CASE WHEN :setsOwn THEN :own ELSE own_settings END, revision = revision + 1, updated_at = :at WHERE id = :ticketId`,
      {
        title: patch.title ?? null,
        description: patch.description ?? null,
        priority: patch.priority ?? null,
        pipeline: patch.pipeline ?? null,
        setsModels: 'models' in patch ? 1 : 0,
        models: encodeOrNull(patch.models),
        setsOwn: 'own' in patch ? 1 : 0,
        own: encodeOrNull(patch.own),
      },
    )
    batch.append([event('ticket.updated', { fields })])
  }
  return toTicketRecord(context, await batch.run(TICKET).commitRow('ticket'))
}

const DUE = `(status = :running OR until <= :dueAt OR waiting_for = 'lease'
  OR held_by IS NOT COALESCE(:pause, CASE WHEN paused THEN 'ticket' END)
  OR id IN (SELECT ticket_id FROM turns WHERE receipt <> 'settled'))`

async function listTickets(context: Context, { after, status, limit, due }: TicketFilter): Promise<readonly ListedTicket[]> {
  const dueArgs = due && { running: CHANGES.start.to, dueAt: due.at, pause: due.pause }
  const rows = await context.database.all(
    `SELECT ${LISTED} FROM tickets WHERE number > :after AND deleted_at IS NULL AND (:statuses IS NULL OR status IN (SELECT value FROM json_each(:statuses)))
       AND ${due ? DUE : '1'} ORDER BY number LIMIT :limit`,
    { after: after ?? 0, statuses: encodeOrNull(status), limit: limit ?? -1, ...dueArgs },
  )
  return rows.map((row) => toListedTicket(context, row))
}
