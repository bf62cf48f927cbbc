/** Entries that wait for a person: gates, and the model's questions and permissions. */
import { setImmediate as others } from 'node:timers/promises'
import type { Json } from '#plugins/contract'
import { fail, type LoopTroopError } from '../../errors.ts'
import { event } from '../../events/events.ts'
import { CHANGES } from '../../ticket.ts'
import type { InboxRecord, StepRecord } from '../records.ts'
import type { Fence, InboxVerbs } from '../store.ts'
import { Batch, fencedBatch, guardAnyStatus, guardKnown, guardLive, type Context } from './batch.ts'
import { closeEntries } from './closing.ts'
import { encode, encodeOrNull, toInbox, toStep } from './decode.ts'
import { GATE, PERMISSION, QUESTION, waitForPerson, wakeFromPerson } from './status.ts'
import { consumeCommand } from './ticket-stops.ts'

type Verbs = Omit<InboxVerbs, 'submitCommand' | 'consumeCommand' | 'dropCommand' | 'pendingCommands' | 'command' | 'saveDraft' | 'draft'>
type Input<K extends 'openGate' | 'decideGate' | 'openRequest'> = Parameters<Verbs[K]>[1]

const ENTRY = 'ticket_id = :ticketId AND id = :id'
const REQUEST = `${ENTRY} AND kind IN ('${QUESTION}', '${PERMISSION}')`
const STEP = 'ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND name = :name'

export const inboxVerbs = (context: Context): Verbs => ({
  openGate: (fence, input) => openGate(context, fence, input),
  decideGate: (fence, input) => decideGate(context, fence, input),
  openRequest: (fence, input) => openRequest(context, fence, input),
  holdRequest: (input) => holdRequest(context, input),
  claimRequest: (input) => claimRequest(context, input),
  reopenRequest: async ({ at, ticketId, id }) => {
    const batch = new Batch(context, 'reopenRequest', { at, ticketId, id })
    await batch.runOnInbox(`UPDATE inbox SET state = 'open', answer = NULL WHERE ${REQUEST} AND state = 'claimed'`).commit()
  },
  closeRequest: (input) => closeRequest(context, input),
  overdueRequests: ({ at }) => list(context, `state = 'open' AND deadline <= :at AND kind IN ('${QUESTION}', '${PERMISSION}')`, { at }),
  declined: async (ticketId, { phase, attempt }) => {
    const where = "ticket_id = :ticketId AND phase = :phase AND attempt = :attempt AND how = 'declined'"
    const [row] = await context.database.all(`SELECT COUNT(*) AS n FROM inbox WHERE ${where}`, { ticketId, phase, attempt })
    return Number(row?.['n'] ?? 0)
  },
  storedAnswers: async (ticketId) =>
    list(context, 'ticket_id = :ticketId AND detached = 1 AND answer IS NOT NULL AND carried_at IS NULL', { ticketId }),
  consumeAnswers: async (fence, { at, ids }) => {
    const batch = fencedBatch(context, 'consumeAnswers', { fence, args: { at, ids: encode(ids) } })
    await batch
      .run(
        'UPDATE inbox SET carried_at = :at WHERE ticket_id = :ticketId AND id IN (SELECT value FROM json_each(:ids)) AND carried_at IS NULL',
      )
      .commit()
  },
  inboxEntry: async (ticketId, id) => (await list(context, ENTRY, { ticketId, id }))[0] ?? null,
  inbox: (filter = {}) => waiting(context, filter),
})

const WAITING = "state IN ('open', 'claimed')"
/** So many entries are read and decoded in a few milliseconds. */
const PAGE = 100

/** What waits now. Many are read some at a time, with others in between; what was closed meanwhile is left out. */
async function waiting(context: Context, { ticketId, kinds }: NonNullable<Parameters<Verbs['inbox']>[0]>): Promise<readonly InboxRecord[]> {
  // One row with all their numbers: a thousand rows of one number would take longer than they are worth.
  const [found] = await context.database.all(
    `SELECT json_group_array(entry) AS entries FROM (SELECT rowid AS entry FROM inbox WHERE ${WAITING} AND (:ticketId IS NULL OR ticket_id = :ticketId)
       AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds))) ORDER BY since, rowid)`,
    { ticketId: ticketId ?? null, kinds: encodeOrNull(kinds) },
  )
  const rows = JSON.parse(String(found?.['entries'] ?? '[]')) as readonly number[]
  const entries: InboxRecord[] = []
  for (let from = 0; from < rows.length; from += PAGE) {
    if (from > 0) await others()
    const page = encode(rows.slice(from, from + PAGE))
    entries.push(...(await list(context, `${WAITING} AND rowid IN (SELECT value FROM json_each(:page))`, { page })))
  }
  return entries
}

async function list(context: Context, where: string, args: Record<string, string | number | null>): Promise<readonly InboxRecord[]> {
  return (await context.database.all(`SELECT * FROM inbox WHERE ${where} ORDER BY since, rowid`, args)).map((row) => toInbox(context, row))
}

async function openGate(context: Context, fence: Fence, input: Input<'openGate'>): Promise<StepRecord> {
  const { at, phase, attempt, gateId, name, inputHash, payload, actions, opened } = input
  const batch = guardLive(fencedBatch(context, 'openGate', { fence, args: { at, phase, attempt, id: gateId, name } }))
  batch.run(
    `INSERT INTO steps (ticket_id, phase, attempt, name, verb, input_hash, state, started_at)
     VALUES (:ticketId, :phase, :attempt, :name, 'ask', :inputHash, 'open', :at) ON CONFLICT DO NOTHING`,
    { inputHash },
  )
  batch.append([opened], { when: `NOT EXISTS (SELECT 1 FROM inbox WHERE ${ENTRY})` })
  batch.runOnInbox(
    `INSERT INTO inbox (ticket_id, id, kind, phase, attempt, payload, state, actions, since)
     VALUES (:ticketId, :id, :kind, :phase, :attempt, :payload, 'open', :actions, :at) ON CONFLICT DO NOTHING`,
    { kind: GATE, payload: encode(payload), actions: encode(actions) },
  )
  return toStep(await batch.run(`SELECT * FROM steps WHERE ${STEP}`).commitRow('step'))
}

async function decideGate(context: Context, fence: Fence, input: Input<'decideGate'>): Promise<void> {
  const { at, phase, attempt, gateId, name, decision, approves, consume } = input
  const batch = fencedBatch(context, 'decideGate', { fence, args: { at, phase, attempt, id: gateId, name, decision: encode(decision) } })
  batch.guard('an open gate', `SELECT state = 'open' AND kind = :kind FROM inbox WHERE ${ENTRY}`, { kind: GATE })
  batch.guard('an open step', `SELECT state = 'open' FROM steps WHERE ${STEP}`)
  if (consume !== null) consumeCommand(batch, 'decide', consume)
  batch.run(`UPDATE steps SET state = 'done', value = :decision, ended_at = :at WHERE ${STEP}`)
  batch.runOnInbox(`UPDATE inbox SET state = 'closed', how = 'decided', answer = :decision, closed_at = :at WHERE ${ENTRY}`)
  if (approves !== null) {
    const newest =
      'SELECT id FROM artifacts WHERE ticket_id = :ticketId AND kind = :approvedKind AND void_at IS NULL ORDER BY revision DESC LIMIT 1'
    const args = { approvedKind: approves, consumed: consume }
    batch.guard('the approved artifact', `(${newest}) IS NOT NULL`, args)
    batch.run(`UPDATE artifacts SET approved_by = :consumed, approved_in = :phase WHERE id = (${newest})`, args)
  }
  batch.append([event('gate.decided', { phase, attempt, gateId, ...decisionOf(decision) })])
  await wakeFromPerson(batch, { unlessOpen: false }).commit()
}

function decisionOf(decision: Json): { action: string; sha256: string | null } {
  const { action, sha256 } = (decision ?? {}) as { action?: Json; sha256?: Json }
  return { action: typeof action === 'string' ? action : '', sha256: typeof sha256 === 'string' ? sha256 : null }
}

async function openRequest(context: Context, fence: Fence, input: Input<'openRequest'>): Promise<void> {
  const { at, phase, attempt, id, kind, sessionId, directory, payload, actions, opened, deadline = null } = input
  const known = await context.database.all(`SELECT 1 FROM inbox WHERE ${ENTRY}`, { ticketId: fence.ticketId, id })
  if (known.length > 0) return
  const batch = fencedBatch(context, 'openRequest', { fence, args: { at, phase, attempt, id } })
  guardAnyStatus(batch, 'a question', CHANGES.cancel.from)
  batch.append([opened], { when: `NOT EXISTS (SELECT 1 FROM inbox WHERE ${ENTRY})` })
  batch.runOnInbox(
    `INSERT INTO inbox (ticket_id, id, kind, phase, attempt, session_id, directory, payload, state, actions, since, deadline)
     VALUES (:ticketId, :id, :kind, :phase, :attempt, :sessionId, :directory, :payload, 'open', :actions, :at, :deadline) ON CONFLICT DO NOTHING`,
    { kind, sessionId, directory: context.directories.store(directory), payload: encode(payload), actions: encode(actions), deadline },
  )
  await waitForPerson(batch).commit()
}

/** The event that opened it has its first deadline. */
const FIRST_DEADLINE = `COALESCE((SELECT data ->> '$.deadline' FROM events
  WHERE events.ticket_id = :ticketId AND events.key IN ('question:' || :id, 'permission:' || :id)), deadline)`
const HELD_UNTIL = `MIN(:until, ${FIRST_DEADLINE} + :most)`

async function holdRequest(context: Context, { at, ticketId, id, until, most }: Parameters<Verbs['holdRequest']>[0]): Promise<InboxRecord> {
  const batch = openedRequest(new Batch(context, 'holdRequest', { at, ticketId, id, until, most }), { context, ticketId, id })
  const longer = `${ENTRY} AND deadline < ${HELD_UNTIL}`
  batch.appendEach('request.held', { data: `json_object('requestId', id, 'deadline', ${HELD_UNTIL})`, from: `inbox WHERE ${longer}` })
  batch.runOnInbox(`UPDATE inbox SET deadline = ${HELD_UNTIL} WHERE ${longer}`)
  return toInbox(context, await batch.run(`SELECT * FROM inbox WHERE ${ENTRY}`).commitRow('entry'))
}

async function claimRequest(context: Context, { at, ticketId, id, answer }: Parameters<Verbs['claimRequest']>[0]): Promise<InboxRecord> {
  const batch = openedRequest(new Batch(context, 'claimRequest', { at, ticketId, id }), { context, ticketId, id })
  batch.runOnInbox(`UPDATE inbox SET state = 'claimed', answer = :answer WHERE ${ENTRY}`, { answer: encodeOrNull(answer) })
  return toInbox(context, await batch.run(`SELECT * FROM inbox WHERE ${ENTRY}`).commitRow('entry'))
}

/** Nobody has answered it. */
function openedRequest(batch: Batch, { context, ticketId, id }: { context: Context; ticketId: string; id: string }): Batch {
  const refused = async (): Promise<LoopTroopError> => {
    const answered = `SELECT how FROM inbox WHERE ${REQUEST} AND (state = 'claimed' OR answer IS NOT NULL OR how = 'rejected')`
    const [row] = await context.database.all(answered, { ticketId, id })
    const code = row === undefined ? 'QUESTION_UNKNOWN' : row['how'] === 'declined' ? 'QUESTION_DECLINED' : 'QUESTION_ANSWERED'
    return fail(code, { ticketId, requestId: id })
  }
  return batch.guard(refused, `SELECT state = 'open' FROM inbox WHERE ${REQUEST}`)
}

async function closeRequest(context: Context, { at, ticketId, id, how, reason }: Parameters<Verbs['closeRequest']>[0]): Promise<void> {
  const batch = guardKnown(new Batch(context, 'closeRequest', { at, ticketId, id }), ticketId)
  batch.guard(() => fail('QUESTION_UNKNOWN', { ticketId, requestId: id }), `EXISTS (SELECT 1 FROM inbox WHERE ${REQUEST})`)
  closeEntries(batch, { where: 'id = :id', how, reason })
  await wakeFromPerson(batch, { unlessOpen: true }).commit()
}
