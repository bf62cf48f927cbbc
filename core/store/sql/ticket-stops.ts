/** How a ticket stops, and how a person sets it going again: block, retry, continue, cancel. */
import { event } from '../../events/events.ts'
import type { Ticket } from '../../ticket.ts'
import type { CommandKind, PhaseAt } from '../records.ts'
import type { Fence, TicketVerbs } from '../store.ts'
import { fencedBatch, guardChange, guardPhase, type Batch, type Context } from './batch.ts'
import { abandonSessions, closeEntries, closeKind } from './closing.ts'
import { encode } from './decode.ts'
import { endSession } from './sessions.ts'
import { sayStatus, setStatus, STOPPED, UNCERTAIN } from './status.ts'
import { finish, openAttempt, setPhase } from './ticket-progress.ts'
import { settle } from './turns.ts'

type Verbs = Pick<TicketVerbs, 'block' | 'retryTicket' | 'continueTicket' | 'resolveTurn' | 'cancelTicket'>
type Input<K extends keyof Verbs> = Parameters<Verbs[K]>[1]

export const stopVerbs = (context: Context): Verbs => ({
  block: (fence, input) => block(context, fence, input),
  retryTicket: (fence, input) => retryTicket(context, fence, input),
  continueTicket: (fence, input) => continueTicket(context, fence, input),
  resolveTurn: (fence, input) => resolveTurn(context, fence, input),
  cancelTicket: (fence, input) => cancelTicket(context, fence, input),
})

/** The command must be pending, for this ticket and of this kind; it is consumed with what it causes. */
export function consumeCommand(batch: Batch, kind: CommandKind, actionId: string): Batch {
  const args = { consumed: actionId, commandKind: kind }
  batch.guard(
    `a pending ${kind} command`,
    "SELECT state = 'pending' AND kind = :commandKind AND ticket_id = :ticketId FROM commands WHERE action_id = :consumed",
    args,
  )
  return batch.run("UPDATE commands SET state = 'consumed', ended_at = :at WHERE action_id = :consumed", args)
}

async function block(context: Context, fence: Fence, input: Input<'block'>): Promise<Ticket> {
  const { at, from, blocked, kind, evidence, notices = [] } = input
  const { code, message, hint, actions, errorId } = blocked
  const batch = guardPhase(
    guardChange(fencedBatch(context, 'block', { fence, args: { at, phase: from.phase, attempt: from.attempt } }), 'block'),
  )
  batch.run(
    `INSERT INTO errors (id, ticket_id, phase, attempt, code, kind, message, hint, actions, evidence, at)
     VALUES (:errorId, :ticketId, :phase, :attempt, :code, :kind, :message, :hint, :actions, :evidence, :at)`,
    { errorId, code, kind, message, hint, actions: encode(actions), evidence: encode(evidence) },
  )
  batch.runOnInbox(
    `INSERT INTO inbox (ticket_id, id, kind, phase, attempt, payload, state, actions, since)
     VALUES (:ticketId, :errorId, :inboxKind, :phase, :attempt, :payload, 'open', :actions, :at)`,
    { errorId, inboxKind: STOPPED, payload: encode({ code, message, hint }), actions: encode(actions) },
  )
  batch.append([...notices, event('ticket.blocked', { ...from, code, message, hint, actions, evidence })])
  sayStatus(batch, 'block')
  setStatus(batch, 'block', { more: 'blocked = :blockedJson, ', args: { blockedJson: encode(blocked) } })
  return finish(context, batch)
}

async function retryTicket(context: Context, fence: Fence, input: Input<'retryTicket'>): Promise<Ticket> {
  const { at, from, to, label, note, consume } = input
  const batch = unblocking(context, 'retryTicket', { fence, at, from })
  consumeCommand(batch, 'retry', consume)
  batch.run("UPDATE attempts SET state = 'archived', ended_at = :at WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt")
  batch.run('UPDATE attempts SET counted = 0 WHERE ticket_id = :ticketId AND phase = :phase')
  resolveError(batch, 'retry')
  closeKind(batch, UNCERTAIN, { where: 'phase = :phase', how: 'retried', reason: 'the phase was retried' })
  abandonSessions(batch, { where: 'phase = :phase', reason: 'the phase was retried' })
  if (note !== null) {
    batch.run(
      "INSERT INTO phase_notes (ticket_id, phase, kind, at, iteration, text) VALUES (:ticketId, :toPhase, 'person', :at, :iteration, :note)",
      {
        toPhase: to.phase,
        iteration: from.attempt,
        note,
      },
    )
  }
  sayStatus(batch, 'retry')
  openAttempt(batch, { ...to, label, visits: 1, reason: 'retry' })
  return finish(context, setPhase(batch, 'retry', { ...to, visits: 1 }))
}

async function continueTicket(context: Context, fence: Fence, input: Input<'continueTicket'>): Promise<Ticket> {
  const { at, from, reopenPrompt, consume } = input
  const batch = unblocking(context, 'continueTicket', { fence, at, from })
  consumeCommand(batch, 'continue', consume)
  if (reopenPrompt !== null) {
    const args = { name: reopenPrompt }
    const row = 'FROM prompts WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND name = :name'
    batch.guard('the prompt', `EXISTS (SELECT 1 ${row})`, args)
    batch.run(
      "UPDATE prompts SET state = 'open', result = NULL, ended_at = NULL, continues = continues + 1 WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND name = :name",
      args,
    )
  }
  resolveError(batch, 'continue')
  sayStatus(batch, 'continue')
  return finish(context, setStatus(batch, 'continue'))
}

async function resolveTurn(context: Context, fence: Fence, input: Input<'resolveTurn'>): Promise<Ticket> {
  const { at, from, turnId, settlement, giveUp, consume } = input
  const batch = unblocking(context, 'resolveTurn', { fence, at, from, turnId })
  consumeCommand(batch, 'resolve_turn', consume)
  settle(batch, { settlement })
  if (giveUp !== null) endSession(batch, { turnId, state: 'abandoned', reason: giveUp, abortPending: true })
  resolveError(batch, 'continue')
  sayStatus(batch, 'continue')
  return finish(context, setStatus(batch, 'continue'))
}

async function cancelTicket(context: Context, fence: Fence, { at, reason, consume }: Input<'cancelTicket'>): Promise<Ticket> {
  const batch = guardChange(fencedBatch(context, 'cancelTicket', { fence, args: { at } }), 'cancel')
  consumeCommand(batch, 'cancel', consume)
  batch.run("UPDATE commands SET state = 'dropped', ended_at = :at, reason = :reason WHERE ticket_id = :ticketId AND state = 'pending'", {
    reason,
  })
  batch.run("UPDATE attempts SET state = 'archived', ended_at = :at WHERE ticket_id = :ticketId AND state = 'active'")
  resolveErrors(batch, 'cancel')
  closeEntries(batch, { where: '1', how: 'ticket_canceled', reason })
  abandonSessions(batch, { where: '1', reason })
  batch.run('DELETE FROM execution_leases WHERE ticket_id = :ticketId')
  sayStatus(batch, 'cancel')
  return finish(context, setStatus(batch, 'cancel'))
}

const unblocking = (
  context: Context,
  verb: 'retryTicket' | 'continueTicket' | 'resolveTurn',
  { fence, at, from, ...args }: { fence: Fence; at: number; from: PhaseAt; turnId?: string },
): Batch =>
  guardPhase(
    guardChange(
      fencedBatch(context, verb, { fence, args: { ...args, at, phase: from.phase, attempt: from.attempt } }),
      verb === 'retryTicket' ? 'retry' : 'continue',
    ),
  )

export const resolveErrors = (batch: Batch, resolution: 'retry' | 'continue' | 'cancel' | 'edit'): Batch =>
  batch.run('UPDATE errors SET resolved_at = :at, resolution = :resolution WHERE ticket_id = :ticketId AND resolved_at IS NULL', {
    resolution,
  })

/** The error occurrence that blocked the ticket, and its inbox entry. */
function resolveError(batch: Batch, resolution: 'retry' | 'continue'): Batch {
  resolveErrors(batch, resolution)
  return closeKind(batch, STOPPED, { where: '1', how: resolution, reason: `a person chose ${resolution}` })
}
