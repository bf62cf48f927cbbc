/** Ownership rows of sessions. At most one row per slot is creating or active; the schema itself holds that. */
import { fail } from '../../errors.ts'
import { DRIVEN_STATUSES } from '../../ticket.ts'
import type { Args } from '../database.ts'
import type { SessionRecord, Slot } from '../records.ts'
import type { BegunPrompt, Fence, SessionVerbs } from '../store.ts'
import { fencedBatch, guardAnyStatus, guardPhase, Batch, type Context } from './batch.ts'
import { encode, toSession } from './decode.ts'

const OPEN = "state IN ('creating', 'active')"
const IN_SLOT = `ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND member_id IS :memberId AND bead_id IS :beadId
  AND iteration IS :iteration AND step IS :step AND ${OPEN}`
const ONE = 'SELECT * FROM sessions WHERE nonce = :nonce'

export const sessionVerbs = (context: Context): SessionVerbs => ({
  claimSlot: (fence, input) => claimSlot(context, fence, input),
  activateSession: (fence, input) => activateSession(context, fence, input),
  endSession: async (fence, { at, ...session }) => {
    const batch = fencedBatch(context, 'endSession', { fence, args: { at } })
    batch.guard('the session', 'EXISTS (SELECT 1 FROM sessions WHERE nonce = :nonce AND ticket_id = :ticketId)', { nonce: session.nonce })
    await endSession(batch, session).commit()
  },
  adoptSession: async (fence, { at, nonce, prompt }) => {
    const batch = fencedBatch(context, 'adoptSession', { fence, args: { at, nonce } })
    batch.guard('an active session', "SELECT state = 'active' AND ticket_id = :ticketId FROM sessions WHERE nonce = :nonce")
    batch.run('UPDATE sessions SET generation = :generation WHERE nonce = :nonce')
    if (prompt) openPrompt(batch, prompt)
    return toSession(context, await batch.run(ONE).commitRow('session'))
  },
  sessionInSlot: async (slot) => {
    const [row] = await context.database.all(`SELECT * FROM sessions WHERE ${IN_SLOT}`, slotArgs(slot))
    return row === undefined ? null : toSession(context, row)
  },
  sessions: (ticketId) => list(context, 'ticket_id = :ticketId', { ticketId }),
  openSessions: () => list(context, OPEN),
  pendingAborts: () => list(context, 'abort_pending = 1'),
  confirmAbort: async ({ at, ticketId, nonce }) => {
    const batch = new Batch(context, 'confirmAbort', { ticketId, at, nonce })
    batch.appendEach('session.aborted', {
      data: "json_object('sessionId', session_id)",
      from: 'sessions WHERE nonce = :nonce AND abort_pending = 1',
    })
    await batch.run('UPDATE sessions SET abort_pending = 0 WHERE nonce = :nonce').commit()
  },
})

const slotArgs = ({ phaseAttempt, ...slot }: Slot): Args => ({ ...slot, attempt: phaseAttempt })

async function list(context: Context, where: string, args: Args = {}): Promise<readonly SessionRecord[]> {
  return (await context.database.all(`SELECT * FROM sessions WHERE ${where} ORDER BY rowid`, args)).map((row) => toSession(context, row))
}

/** The row of the prompt that the session `:nonce` is for, with its slot. Nothing when it was begun before. */
const openPrompt = (batch: Batch, { name, inputHash }: BegunPrompt): Batch =>
  batch.run(
    `INSERT INTO prompts (ticket_id, phase, attempt, name, member_id, bead_id, iteration, step, input_hash, state, started_at)
     SELECT ticket_id, phase, attempt, :name, member_id, bead_id, iteration, step, :inputHash, 'open', :at FROM sessions WHERE nonce = :nonce
     ON CONFLICT DO NOTHING`,
    { name, inputHash },
  )

async function claimSlot(context: Context, fence: Fence, input: Parameters<SessionVerbs['claimSlot']>[1]): Promise<SessionRecord> {
  const { slot, at, nonce } = input
  if (slot.ticketId !== fence.ticketId) throw fail('STORE_CONFLICT', { verb: 'claimSlot', guard: 'the slot is of the fenced ticket' })
  // A machine that dies here leaves a session that nobody prompted; its nonce tells whose it was.
  const batch = fencedBatch(context, 'claimSlot', { fence, args: { ...slotArgs(slot), at, nonce } }).soft()
  guardPhase(guardAnyStatus(batch, 'a session', DRIVEN_STATUSES))
  batch.guard(
    () =>
      fail('SLOT_TAKEN', {
        slot: Object.values(slot)
          .filter((part) => part !== null)
          .join('/'),
      }),
    `NOT EXISTS (SELECT 1 FROM sessions WHERE ${IN_SLOT})`,
  )
  batch.run(
    `INSERT INTO sessions (nonce, ticket_id, phase, attempt, member_id, bead_id, iteration, step, state, opencode_id, host, directory, model, generation, created_at)
     SELECT :nonce, :ticketId, :phase, :attempt, :memberId, :beadId, :iteration, :step, 'creating', :opencodeId, host, :directory, :model, :generation, :at
     FROM leases WHERE ticket_id = :ticketId`,
    { opencodeId: input.opencodeId, directory: context.directories.store(input.directory), model: encode(input.model) },
  )
  openPrompt(batch, input.prompt)
  return toSession(context, await batch.run(ONE).commitRow('session'))
}

async function activateSession(
  context: Context,
  fence: Fence,
  input: Parameters<SessionVerbs['activateSession']>[1],
): Promise<SessionRecord> {
  const { at, nonce, sessionId } = input
  const args = { at, sessionNonce: nonce, sessionId, directory: context.directories.store(input.directory) }
  const batch = activate(fencedBatch(context, 'activateSession', { fence, args }))
  return toSession(context, await batch.run(ONE, { nonce }).commitRow('session'))
}

/** The row `:sessionNonce`, which is being created, gets its `:sessionId` and the `:directory` as OpenCode resolved it. */
export function activate(batch: Batch): Batch {
  batch.guard('a session being created', "SELECT state = 'creating' AND ticket_id = :ticketId FROM sessions WHERE nonce = :sessionNonce")
  batch.run(
    "UPDATE sessions SET state = 'active', session_id = :sessionId, directory = :directory, generation = :generation WHERE nonce = :sessionNonce",
  )
  const slot =
    "json_object('ticketId', ticket_id, 'phase', phase, 'phaseAttempt', attempt, 'memberId', member_id, 'beadId', bead_id, 'iteration', iteration, 'step', step)"
  return batch.appendEach('session.created', {
    data: `json_object('phase', phase, 'attempt', attempt, 'sessionId', session_id, 'slot', ${slot})`,
    from: 'sessions WHERE nonce = :sessionNonce',
  })
}

interface Ending {
  readonly state: 'ended' | 'abandoned'
  readonly reason: string
  readonly abortPending?: boolean
}
type Which = { readonly nonce: string } | { readonly slot: Slot } | { readonly turnId: string }
/** By its nonce, what is in the slot, or that of the turn. No change and no event when it is over already. */
export function endSession(batch: Batch, { state, reason, abortPending = false, ...which }: Ending & Which): Batch {
  const [mine, of] = whereOf(which)
  const args = { ...of, endedState: state, endReason: reason, abortPending: abortPending ? 1 : 0 }
  batch.appendEach('session.ended', {
    data: "json_object('sessionId', session_id, 'how', :endedState, 'reason', :endReason)",
    from: `sessions WHERE ${mine}`,
    args,
  })
  return batch.run(
    `UPDATE sessions SET state = :endedState, ended_at = :at, reason = :endReason, abort_pending = :abortPending WHERE ${mine}`,
    args,
  )
}

function whereOf(which: Which): readonly [string, Args] {
  if ('slot' in which) return [IN_SLOT, slotArgs(which.slot)]
  const mine = `ticket_id = :ticketId AND ${OPEN}`
  if ('nonce' in which) return [`nonce = :endedNonce AND ${mine}`, { endedNonce: which.nonce }]
  return [`nonce = (SELECT session_nonce FROM turns WHERE turn_id = :endedTurn) AND ${mine}`, { endedTurn: which.turnId }]
}
