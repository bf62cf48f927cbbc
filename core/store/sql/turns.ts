/** Receipts of turns: intended → sent → admitted → settled, or uncertain. */
import { event } from '../../events/events.ts'
import { modelName } from '../../settings.ts'
import { DRIVEN_STATUSES } from '../../ticket.ts'
import type { SettledHow, Settlement, TurnRecord } from '../records.ts'
import type { Fence, TurnVerbs } from '../store.ts'
import { fencedBatch, guardAnyStatus, guardPhase, type Batch, type Context } from './batch.ts'
import { closeEntries, closeKind, detachRequests } from './closing.ts'
import { encode, toTurn } from './decode.ts'
import { endPrompt } from './journal.ts'
import { activate } from './sessions.ts'
import { enter } from './spent.ts'
import { PERMISSION, QUESTION, UNCERTAIN, wakeFromPerson } from './status.ts'

type Input<K extends 'intendTurn' | 'settleTurn' | 'turnUncertain'> = Parameters<TurnVerbs[K]>[1]

const ONE = 'SELECT * FROM turns WHERE turn_id = :turnId'
const MINE = 'turn_id = :turnId AND ticket_id = :ticketId'
/** Of the turn's prompt. */
const SPENT = `UPDATE prompts SET used_ms = :usedMs
  WHERE (ticket_id, phase, attempt, name) = (SELECT ticket_id, phase, attempt, prompt FROM turns WHERE ${MINE})`
/** Of all its turns: a fresh session is told the whole again. */
const SOURCES = `UPDATE prompts SET sources = (SELECT json_group_array(value) FROM
    (SELECT value FROM json_each(sources) UNION SELECT value FROM json_each(:sources)))
  WHERE ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND name = :prompt`
const OF_TURN = "'turnId', turn_id, 'phase', phase, 'attempt', attempt, 'prompt', prompt"

export const turnVerbs = (context: Context): TurnVerbs => ({
  intendTurn: (fence, turn) => intendTurn(context, fence, turn),
  recordPost: (fence, input) => recordPost(context, fence, input),
  admitTurn: async (fence, { at, turnId }) => {
    const batch = fencedBatch(context, 'admitTurn', { fence, args: { at, turnId } })
    const ours = `${MINE} AND receipt IN ('intended', 'sent')`
    batch.appendEach('turn.admitted', { data: `json_object(${OF_TURN})`, from: `turns WHERE ${ours}` })
    await batch.run(`UPDATE turns SET receipt = 'admitted', admitted_at = :at WHERE ${ours}`).commit()
  },
  markStopping: async (fence, { at, turnId, stopping }) => {
    const batch = fencedBatch(context, 'markStopping', { fence, args: { at, turnId } })
    await batch.run(`UPDATE turns SET stopping = :stopping WHERE ${MINE} AND receipt <> 'settled'`, { stopping }).commit()
  },
  settleTurn: (fence, input) => settleTurn(context, fence, input),
  turnUncertain: (fence, input) => turnUncertain(context, fence, input),
  turns: async (ticketId, at) => {
    const rows = await context.database.all(
      `SELECT * FROM turns WHERE ticket_id = :ticketId AND (:phase IS NULL OR phase = :phase) AND (:attempt IS NULL OR attempt = :attempt)
         AND (:prompt IS NULL OR prompt = :prompt) ORDER BY rowid`,
      { ticketId, phase: at?.phase ?? null, attempt: at?.attempt ?? null, prompt: at?.prompt ?? null },
    )
    return rows.map((row) => toTurn(context, row))
  },
  turn: async (turnId) => {
    const [row] = await context.database.all(ONE, { turnId })
    return row === undefined ? null : toTurn(context, row)
  },
  openTurns: async () =>
    (await context.database.all("SELECT * FROM turns WHERE receipt <> 'settled' ORDER BY rowid")).map((row) => toTurn(context, row)),
})

const finish = async (context: Context, batch: Batch): Promise<TurnRecord> => toTurn(context, await batch.run(ONE).commitRow('turn'))

async function intendTurn(context: Context, fence: Fence, turn: Input<'intendTurn'>): Promise<TurnRecord> {
  const { at, phase, attempt, turnId, prompt, ordinal, reason, sessionNonce, sessionId, opencodeId, request } = turn
  const directory = context.directories.store(turn.directory)
  // The POST that follows is recorded by a batch that waits for the disk.
  const batch = fencedBatch(context, 'intendTurn', {
    fence,
    args: { at, phase, attempt, turnId, sessionNonce, sessionId, directory },
  }).soft()
  guardPhase(guardAnyStatus(batch, 'a turn', DRIVEN_STATUSES))
  if (turn.activate) activate(batch)
  batch.guard(
    'an active session',
    "SELECT state = 'active' AND ticket_id = :ticketId AND session_id = :sessionId FROM sessions WHERE nonce = :sessionNonce",
  )
  batch.guard(
    'no open turn in the session',
    "NOT EXISTS (SELECT 1 FROM turns WHERE session_nonce = :sessionNonce AND receipt <> 'settled')",
  )
  batch.run(
    `INSERT INTO turns (turn_id, ticket_id, phase, attempt, prompt, ordinal, reason, session_nonce, session_id, opencode_id, directory, generation,
       request, receipt, intended_at)
     VALUES (:turnId, :ticketId, :phase, :attempt, :prompt, :ordinal, :reason, :sessionNonce, :sessionId, :opencodeId, :directory, :generation,
       :request, 'intended', :at)`,
    { prompt, ordinal, reason, opencodeId, request: encode(request) },
  )
  if ((turn.sources ?? []).length > 0) batch.run(SOURCES, { prompt, sources: encode(turn.sources ?? []) })
  batch.append([event('turn.intended', { turnId, phase, attempt, prompt, ordinal, model: modelName(request.model), sessionId, reason })])
  return finish(context, batch)
}

/** A person's "resend" takes an uncertain turn back to `sent`; its inbox entry closes with it. */
async function recordPost(
  context: Context,
  fence: Fence,
  { at, turnId, restart, row }: Parameters<TurnVerbs['recordPost']>[1],
): Promise<TurnRecord> {
  const batch = fencedBatch(context, 'recordPost', { fence, args: { at, turnId } })
  batch.guard('a turn that is not settled', `SELECT receipt <> 'settled' FROM turns WHERE ${MINE}`)
  batch.run(
    `UPDATE turns SET posts = posts + 1, restarts = restarts + :restart, last_post_at = :at, receipt = CASE receipt WHEN 'admitted' THEN receipt ELSE 'sent' END, generation = :generation
     WHERE ${MINE}`,
    { restart: restart ? 1 : 0 },
  )
  batch.appendEach('turn.sent', {
    data: `json_object(${OF_TURN}, 'post', posts, 'row', :row)`,
    from: `turns WHERE ${MINE}`,
    args: { row: row ?? null },
  })
  closeKind(batch, UNCERTAIN, { where: 'id = :turnId', how: 'resent', reason: 'the turn was sent again' })
  return finish(context, batch)
}

async function settleTurn(
  context: Context,
  fence: Fence,
  { at, turnId, settlement, row, usedMs, ends, events }: Input<'settleTurn'>,
): Promise<TurnRecord> {
  const asked = await waitsForSomething(context, fence.ticketId)
  const batch = settle(fencedBatch(context, 'settleTurn', { fence, args: { at, turnId } }), { settlement, row, usedMs, events, asked })
  return finish(context, ends ? endPrompt(batch, ends) : batch)
}

/** Only the driver opens entries: what is not there now does not come before the turn is settled. */
async function waitsForSomething(context: Context, ticketId: string): Promise<boolean> {
  const [row] = await context.database.all(
    `SELECT EXISTS (SELECT 1 FROM inbox WHERE ticket_id = :ticketId AND state <> 'closed')
       OR EXISTS (SELECT 1 FROM tickets WHERE id = :ticketId AND waiting_for IS NOT NULL) AS waits`,
    { ticketId },
  )
  return row?.['waits'] !== 0
}

type Settling = Pick<Input<'settleTurn'>, 'settlement' | 'row' | 'usedMs' | 'events'>
/** The turn `:turnId`. `asked` is false when the ticket's inbox is empty: nothing of it is to be closed. */
export function settle(
  batch: Batch,
  {
    settlement,
    row,
    usedMs,
    events = [],
    asked = true,
  }: { [K in keyof Settling]: Settling[K] | undefined } & { settlement: Settlement; asked?: boolean },
): Batch {
  const { how, finish: word, tokens, cost, untold, error } = settlement
  batch.guard('a turn that is not settled', `SELECT receipt <> 'settled' FROM turns WHERE ${MINE}`)
  batch.run(`UPDATE turns SET receipt = 'settled', settlement = :settlement, settled_at = :at WHERE ${MINE}`, {
    settlement: encode(settlement),
  })
  enter(batch, settlement)
  if (usedMs !== undefined) batch.run(SPENT, { usedMs })
  batch.append(events)
  batch.appendEach('turn.settled', {
    data: `json_object(${OF_TURN}, 'how', :how, 'finish', :finish, 'tokens', json(:tokens), 'cost', :cost, 'untold', :untold, 'error', json(:error), 'ms', :at - intended_at, 'row', :row)`,
    from: `turns WHERE ${MINE}`,
    args: { how, finish: word, tokens: encode(tokens), cost, untold: untold ?? 0, error: encode(error), row: row ?? null },
  })
  return asked ? closeAsked(batch, how) : batch
}

/** What it asked is over with it. */
function closeAsked(batch: Batch, how: SettledHow): Batch {
  const where = `kind IN ('${QUESTION}', '${PERMISSION}') AND session_id = (SELECT session_id FROM turns WHERE turn_id = :turnId)`
  // What was declined ends as that, whoever tells of its end first.
  const declined = `${where} AND (SELECT stopping FROM turns WHERE turn_id = :turnId) = 'declined'`
  if (how === 'rejected') closeEntries(batch, { where: `detached = 0 AND ${declined}`, how: 'declined', reason: 'nobody answered in time' })
  if (how === 'interrupted' || how === 'lost') detachRequests(batch, { where, reason: how })
  else closeEntries(batch, { where: `detached = 0 AND ${where}`, how: 'turn_ended', reason: `the turn ended: ${how}` })
  closeKind(batch, UNCERTAIN, { where: 'id = :turnId', how: 'settled', reason: `the turn is settled: ${how}` })
  return wakeFromPerson(batch, { unlessOpen: true })
}

async function turnUncertain(context: Context, fence: Fence, { at, turnId, problem, evidence }: Input<'turnUncertain'>): Promise<void> {
  const batch = fencedBatch(context, 'turnUncertain', { fence, args: { at, turnId, problem, evidence: encode(evidence) } })
  batch.guard('a turn that is not settled', `SELECT receipt <> 'settled' FROM turns WHERE ${MINE}`)
  const fresh = `turns WHERE ${MINE} AND receipt <> 'uncertain'`
  batch.appendEach('turn.uncertain', { data: `json_object(${OF_TURN}, 'problem', :problem, 'evidence', json(:evidence))`, from: fresh })
  batch.runOnInbox(
    `INSERT INTO inbox (ticket_id, id, kind, phase, attempt, session_id, directory, payload, state, actions, since)
     SELECT ticket_id, turn_id, :kind, phase, attempt, session_id, directory, json_object('problem', :problem, 'evidence', json(:evidence), 'prompt', prompt),
       'open', :actions, :at FROM ${fresh}
     ON CONFLICT (ticket_id, id) DO UPDATE SET state = 'open', payload = excluded.payload, since = excluded.since, closed_at = NULL, how = NULL, reason = NULL`,
    { kind: UNCERTAIN, actions: encode(['resend', 'adopt', 'abandon']) },
  )
  await batch.run(`UPDATE turns SET receipt = 'uncertain', problem = :problem WHERE ${MINE}`).commit()
}
