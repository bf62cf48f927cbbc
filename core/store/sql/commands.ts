/** People's writes: accepted by any server, consumed by the driver in the verb that acts. */
import { fail, type LoopTroopError } from '../../errors.ts'
import { event } from '../../events/events.ts'
import type { CommandRecord } from '../records.ts'
import type { InboxVerbs } from '../store.ts'
import { Batch, fencedBatch, guardKnown, type Context } from './batch.ts'
import { encode, toCommand } from './decode.ts'
import { NEWEST_LIVE } from './edits.ts'
import { GATE } from './status.ts'

type Verbs = Pick<InboxVerbs, 'submitCommand' | 'consumeCommand' | 'dropCommand' | 'pendingCommands' | 'command'>
type Submitted = Parameters<Verbs['submitCommand']>[0]

export const commandVerbs = (context: Context): Verbs => ({
  submitCommand: (input) => submitCommand(context, input),
  consumeCommand: async (fence, { at, actionId }) => {
    const batch = fencedBatch(context, 'consumeCommand', { fence, args: { at, actionId } })
    batch.guard('a pending command', "SELECT state = 'pending' AND ticket_id = :ticketId FROM commands WHERE action_id = :actionId")
    await batch.run("UPDATE commands SET state = 'consumed', ended_at = :at WHERE action_id = :actionId").commit()
  },
  dropCommand: async (fence, { at, actionId, reason }) => {
    const batch = fencedBatch(context, 'dropCommand', { fence, args: { at, actionId, reason } })
    await batch
      .run(
        "UPDATE commands SET state = 'dropped', ended_at = :at, reason = :reason WHERE action_id = :actionId AND ticket_id = :ticketId AND state = 'pending'",
      )
      .commit()
  },
  pendingCommands: async () =>
    (await context.database.all("SELECT * FROM commands WHERE state = 'pending' ORDER BY at, rowid")).map(toCommand),
  command: async (ticketId, actionId) => {
    const [row] = await context.database.all('SELECT * FROM commands WHERE ticket_id = :ticketId AND action_id = :actionId', {
      ticketId,
      actionId,
    })
    return row === undefined ? null : toCommand(row)
  },
})

const SAME = 'action_id = :actionId AND ticket_id = :ticketId AND kind = :kind AND target IS :target AND payload = :payload'
const REPEATED = `EXISTS (SELECT 1 FROM commands WHERE ${SAME})`

async function submitCommand(context: Context, input: Submitted): Promise<CommandRecord> {
  const { at, actionId, ticketId, kind, target, payload, gate, edit } = input
  const batch = guardKnown(
    new Batch(context, 'submitCommand', { at, actionId, ticketId, kind, target, payload: encode(payload) }),
    ticketId,
  )
  batch.guard(() => fail('ACTION_CONSUMED', { actionId }), `${REPEATED} OR NOT EXISTS (SELECT 1 FROM commands WHERE action_id = :actionId)`)
  if (gate !== undefined) guardGate(context, batch, input)
  if (edit !== undefined) guardEdit(context, batch, input)
  batch.append([event('ticket.command', { kind, actionId })], { when: `NOT ${REPEATED}` })
  batch.run(
    `INSERT INTO commands (action_id, ticket_id, kind, target, payload, state, at)
     VALUES (:actionId, :ticketId, :kind, :target, :payload, 'pending', :at) ON CONFLICT (action_id) DO NOTHING`,
  )
  return toCommand(await batch.run('SELECT * FROM commands WHERE action_id = :actionId').commitRow('command'))
}

/** Open, undecided, and still about what the person saw. */
function guardGate(context: Context, batch: Batch, { ticketId, target, gate }: Submitted): void {
  batch.guard(
    () => fail('GATE_CLOSED', { ticketId, gateId: target }),
    `${REPEATED} OR EXISTS (SELECT 1 FROM inbox WHERE ticket_id = :ticketId AND id = :target AND kind = :gateKind AND state = 'open'
       AND NOT EXISTS (SELECT 1 FROM commands WHERE ticket_id = :ticketId AND target = :target AND state = 'pending'))`,
    { gateKind: GATE },
  )
  if (gate === undefined || gate.artifact === null || gate.sha256 === null) return
  guardNewest(context, batch, { ticketId, gateId: target, artifact: gate.artifact, sha256: gate.sha256 })
}

/** One edit of a document at a time: the next one is of what this one makes of it. */
function guardEdit(context: Context, batch: Batch, { ticketId, target, edit }: Submitted): void {
  const pending = "SELECT 1 FROM commands WHERE ticket_id = :ticketId AND kind = :kind AND target = :target AND state = 'pending'"
  batch.guard(() => fail('TICKET_MOVED', { ticketId }), `${REPEATED} OR NOT EXISTS (${pending})`)
  if (edit && target !== null) guardNewest(context, batch, { ticketId, gateId: null, artifact: target, sha256: edit.sha256 })
}

function guardNewest(
  context: Context,
  batch: Batch,
  { ticketId, gateId, artifact, sha256 }: { ticketId: string; gateId: string | null; artifact: string; sha256: string },
): void {
  const args = { ticketId, artifactKind: artifact }
  const newest = NEWEST_LIVE('sha256')
  const stale = async (): Promise<LoopTroopError> => {
    const [row] = await context.database.all(newest, args)
    return fail('GATE_HASH_STALE', {
      ticketId,
      gateId,
      artifact,
      current: row?.['sha256'] ?? null,
      expected: sha256,
    })
  }
  batch.guard(stale, `${REPEATED} OR :expected IS (${newest})`, { ...args, expected: sha256 })
}
