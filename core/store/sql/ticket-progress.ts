/** How a started ticket moves on: start, the next phase, a fresh attempt, waiting and waking. */
import { event } from '../../events/events.ts'
import { CHANGES, type Ticket } from '../../ticket.ts'
import type { AttemptRecord } from '../records.ts'
import type { Fence, TicketVerbs } from '../store.ts'
import { saveArtifact } from './artifacts.ts'
import { fencedBatch, guardAnyStatus, guardChange, guardPhase, TICKET, type Batch, type Condition, type Context } from './batch.ts'
import { toTicketRecord } from './decode-ticket.ts'
import { closeEntries } from './closing.ts'
import { sayStatus, setStatus, setWaiting, wakeWaiting, TIME } from './status.ts'

type Verbs = Pick<TicketVerbs, 'startTicket' | 'advance' | 'reattempt' | 'park' | 'wake'>
type Input<K extends keyof Verbs> = Parameters<Verbs[K]>[1]

export const progressVerbs = (context: Context): Verbs => ({
  startTicket: (fence, input) => startTicket(context, fence, input),
  advance: (fence, input) => advance(context, fence, input),
  reattempt: (fence, input) => reattempt(context, fence, input),
  park: (fence, input) => park(context, fence, input),
  wake: (fence, { at }) => {
    const batch = fencedBatch(context, 'wake', { fence, args: { at } })
    return finish(context, wakeWaiting(guardAnyStatus(batch, 'wake', [...CHANGES.wake.from, CHANGES.wake.to])))
  },
})

export const finish = async (context: Context, batch: Batch): Promise<Ticket> =>
  toTicketRecord(context, await batch.run(TICKET).commitRow('ticket'))

/** A new row of `attempts`, and its event. */
export function openAttempt(
  batch: Batch,
  to: { phase: string; attempt: number; label: string; visits: number; reason: AttemptRecord['reason'] },
): Batch {
  batch.guard(
    'the attempt is new',
    'NOT EXISTS (SELECT 1 FROM attempts WHERE ticket_id = :ticketId AND phase = :toPhase AND attempt = :toAttempt)',
    {
      toPhase: to.phase,
      toAttempt: to.attempt,
    },
  )
  batch.run(
    `INSERT INTO attempts (ticket_id, phase, attempt, label, reason, state, started_at)
     VALUES (:ticketId, :toPhase, :toAttempt, :label, :reason, 'active', :at)`,
    { toPhase: to.phase, toAttempt: to.attempt, label: to.label, reason: to.reason },
  )
  return batch.append([event('phase.entered', to)])
}

async function startTicket(context: Context, fence: Fence, input: Input<'startTicket'>): Promise<Ticket> {
  const { at, phase, pinned, branch, baseCommit, actionId } = input
  const known =
    actionId === undefined ? [] : await context.database.all(`${TICKET} AND start_id = :actionId`, { ticketId: fence.ticketId, actionId })
  if (known[0] !== undefined) return toTicketRecord(context, known[0])
  const batch = guardChange(fencedBatch(context, 'startTicket', { fence, args: { at } }), 'start')
  const phases = pinned.rows.map((row) => ({ phase: row.phase, label: row.label, group: row.group }))
  batch.append([event('ticket.started', { pipeline: pinned.name, branch, baseCommit, phases })])
  sayStatus(batch, 'start')
  openAttempt(batch, {
    phase,
    attempt: 1,
    label: pinned.rows.find((row) => row.phase === phase)?.label ?? phase,
    visits: 1,
    reason: 'entered',
  })
  setStatus(batch, 'start', {
    more: `phase = :toPhase, attempt = 1, visits = 1, pinned = :pinned, settings = :settings, setting_sources = :sources, branch = :branch, base_branch = :baseBranch,
      base_commit = :baseCommit, started_at = :at, start_id = :startId, `,
    args: {
      toPhase: phase,
      pinned: JSON.stringify(pinned),
      settings: JSON.stringify(input.settings),
      sources: input.sources === undefined ? null : JSON.stringify(input.sources),
      branch,
      baseBranch: input.baseBranch,
      baseCommit,
      startId: actionId ?? null,
    },
  })
  return finish(context, batch)
}

async function advance(context: Context, fence: Fence, input: Input<'advance'>): Promise<Ticket> {
  const { at, from, outcome, to, output } = input
  const batch = guardChange(
    fencedBatch(context, 'advance', { fence, args: { at, phase: from.phase, attempt: from.attempt } }),
    to === null ? 'complete' : 'advance',
  )
  guardPhase(batch)
  if (output !== undefined) saveArtifact(batch, from, output)
  batch.run(
    "UPDATE attempts SET state = 'done', outcome = :outcome, ended_at = :at WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt",
    { outcome },
  )
  closeEntries(batch, { where: 'phase = :phase', how: 'moved_on', reason: `${from.phase} ended with ${outcome}` })
  batch.append([event('phase.left', { ...from, outcome, next: to?.phase ?? null })])
  sayStatus(batch, to === null ? 'complete' : 'advance')
  if (to === null) {
    batch.run('DELETE FROM execution_leases WHERE ticket_id = :ticketId')
    setStatus(batch, 'complete')
  } else {
    openAttempt(batch, { ...to, reason: 'entered' })
    setPhase(batch, 'advance', to)
  }
  return finish(context, batch)
}

async function reattempt(context: Context, fence: Fence, input: Input<'reattempt'>): Promise<Ticket> {
  const { at, from, to, label, failure, notBefore } = input
  const batch = guardPhase(
    guardChange(fencedBatch(context, 'reattempt', { fence, args: { at, phase: from.phase, attempt: from.attempt } }), 'reattempt'),
  )
  batch.run(
    "UPDATE attempts SET state = 'failed', failure = :failure, ended_at = :at WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt",
    {
      failure: JSON.stringify(failure),
    },
  )
  batch.append([event('attempt.failed', { ...from, ...failure, again: notBefore })])
  const [row] = await context.database.all('SELECT visits FROM tickets WHERE id = :ticketId', { ticketId: fence.ticketId })
  openAttempt(batch, { ...to, label, visits: Number(row?.['visits'] ?? 1), reason: 'reattempt' })
  if (notBefore > at) {
    batch.run('UPDATE tickets SET phase = :toPhase, attempt = :toAttempt WHERE id = :ticketId', {
      toPhase: to.phase,
      toAttempt: to.attempt,
    })
    setWaiting(batch, { waitingFor: TIME, until: notBefore })
  } else {
    sayStatus(batch, 'reattempt')
    setPhase(batch, 'reattempt', to)
  }
  return finish(context, batch)
}

export const setPhase = (
  batch: Batch,
  change: 'advance' | 'reattempt' | 'retry' | 'edit',
  to: { phase: string; attempt: number; visits?: number },
): Batch =>
  setStatus(batch, change, {
    more: 'phase = :toPhase, attempt = :toAttempt, visits = COALESCE(:visits, visits), ',
    args: { toPhase: to.phase, toAttempt: to.attempt, visits: to.visits ?? null },
  })

async function park(context: Context, fence: Fence, { at, waitingFor, until, holder, awaiting }: Input<'park'>): Promise<Ticket> {
  const batch = guardChange(fencedBatch(context, 'park', { fence, args: { at } }), 'park')
  if (holder !== undefined) {
    batch.append([event('lease.waiting', { holder })], {
      when: '(SELECT waiting_for IS NOT :newWait OR until IS NOT :newUntil FROM tickets WHERE id = :ticketId)',
      args: { newWait: waitingFor, newUntil: until },
    })
  }
  return finish(context, setWaiting(batch, { waitingFor, until, unless: awaiting ? decidedMeanwhile(awaiting) : null }))
}

/** A decision may come between the opening of a gate and the parking of its run: that run must not sleep over it. */
const decidedMeanwhile = ({ phase, attempt, names }: NonNullable<Input<'park'>['awaiting']>): Condition => ({
  when: `EXISTS (SELECT 1 FROM steps WHERE ticket_id = :ticketId AND phase = :awaitPhase AND attempt = :awaitAttempt
         AND state = 'done' AND name IN (SELECT value FROM json_each(:awaitNames)))`,
  args: { awaitPhase: phase, awaitAttempt: attempt, awaitNames: JSON.stringify(names) },
})
