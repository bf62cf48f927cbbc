/** The ledger: one row per turn that is over, written with its end; and what a person lets a ticket spend. */
import { event } from '../../events/events.ts'
import type { Spent, SpentTurn } from '../../money.ts'
import type { Tokens } from '../../opencode/adapter.ts'
import { CHANGES } from '../../ticket.ts'
import type { Ticket } from '../../ticket.ts'
import type { Row } from '../database.ts'
import type { Settlement } from '../records.ts'
import type { KeepingVerbs } from '../store.ts'
import { Batch, guardAnyStatus, guardKnown, TICKET, type Context } from './batch.ts'
import { toTicketRecord } from './decode-ticket.ts'

type Verbs = Pick<KeepingVerbs, 'spentByTicket' | 'spentTurns' | 'ticketCaps' | 'changeLimits'>

const TOKENS = ['tokens_input', 'tokens_output', 'tokens_reasoning', 'tokens_cache_read', 'tokens_cache_write'] as const

export const spentVerbs = (context: Context): Verbs => ({
  spentByTicket: async (ticketId) => {
    const sums = [...TOKENS, 'cost'].map((column) => `SUM(${column}) AS ${column}`).join(', ')
    const rows = await context.database.all(
      `SELECT ticket_id, ${sums}, COUNT(*) AS turns, SUM(untold > 0) AS missing FROM spent
       WHERE :ticketId IS NULL OR ticket_id = :ticketId GROUP BY ticket_id`,
      { ticketId: ticketId ?? null },
    )
    return rows.map((row) => ({ ticketId: String(row['ticket_id']), ...toSpent(row) }))
  },
  spentTurns: async (ticketId) =>
    (await context.database.all('SELECT * FROM spent WHERE ticket_id = :ticketId ORDER BY at, turn_id', { ticketId })).map(toSpentTurn),
  ticketCaps: async (ticketId) => {
    const columns = [`settings ->> '$."limits.ticketTokens"' AS tokens`, `settings ->> '$."limits.ticketCost"' AS cost`]
    const [row] = await context.database.all(`SELECT ${columns.join(', ')} FROM tickets WHERE id = :ticketId`, { ticketId })
    return { tokens: numberOrNull(row?.['tokens']), cost: numberOrNull(row?.['cost']) }
  },
  changeLimits: (input) => changeLimits(context, input),
})

/** The turn `:turnId`, in the batch that settles it. */
export function enter(batch: Batch, { tokens, cost, untold }: Settlement): Batch {
  return batch.run(
    `INSERT INTO spent
     SELECT t.ticket_id, :at, t.turn_id, t.phase, t.attempt, t.prompt, s.member_id, s.bead_id, s.model ->> '$.provider' || '/' || (s.model ->> '$.model'),
       :input, :output, :reasoning, :cacheRead, :cacheWrite, :cost, :untold
     FROM turns t JOIN sessions s ON s.nonce = t.session_nonce WHERE t.turn_id = :turnId`,
    {
      ...{ input: tokens?.input ?? null, output: tokens?.output ?? null, reasoning: tokens?.reasoning ?? null },
      ...{ cacheRead: tokens?.cacheRead ?? null, cacheWrite: tokens?.cacheWrite ?? null },
      ...{ cost, untold: untold ?? (tokens === null || cost === null ? 1 : 0) },
    },
  )
}

async function changeLimits(context: Context, { at, ticketId, limits }: Parameters<Verbs['changeLimits']>[0]): Promise<Ticket> {
  const started = CHANGES.cancel.from.filter((status) => !(CHANGES.start.from as readonly string[]).includes(status))
  const batch = guardAnyStatus(guardKnown(new Batch(context, 'changeLimits', { at, ticketId }), ticketId), 'limits', started)
  const given = Object.entries(limits).filter(([, value]) => value !== undefined)
  const args = Object.fromEntries(
    given.flatMap(([name, value], i) => [
      [`path${i}`, `$."${name}"`],
      [`value${i}`, JSON.stringify(value)],
    ]),
  )
  const changed = `json_set(settings${given.map((_, i) => `, :path${i}, json(:value${i})`).join('')})`
  if (given.length > 0) {
    const differs = { when: `(SELECT ${changed} <> settings FROM tickets WHERE id = :ticketId)`, args }
    batch.append(
      [
        event('ticket.limits', {
          ...(limits['limits.ticketTokens'] === undefined ? {} : { tokens: limits['limits.ticketTokens'] }),
          ...(limits['limits.ticketCost'] === undefined ? {} : { cost: limits['limits.ticketCost'] }),
        }),
      ],
      differs,
    )
    batch.run(
      `UPDATE tickets SET settings = ${changed}, revision = revision + 1, updated_at = :at WHERE id = :ticketId AND ${changed} <> settings`,
      args,
    )
  }
  return toTicketRecord(context, await batch.run(TICKET).commitRow('ticket'))
}

const numberOrNull = (value: Row[string] | undefined): number | null => (value === null || value === undefined ? null : Number(value))

function toTokens(row: Row): Tokens | null {
  const [input = null, output = null, reasoning = null, cacheRead = null, cacheWrite = null] = TOKENS.map((name) => numberOrNull(row[name]))
  if (input === null || output === null || reasoning === null || cacheRead === null || cacheWrite === null) return null
  return { input, output, reasoning, cacheRead, cacheWrite }
}

const toSpent = (row: Row): Spent => ({
  tokens: toTokens(row),
  cost: numberOrNull(row['cost']),
  turns: Number(row['turns']),
  missing: Number(row['missing']),
})

const textOrNull = (value: Row[string] | undefined): string | null => (typeof value === 'string' ? value : null)

const toSpentTurn = (row: Row): SpentTurn => ({
  turnId: String(row['turn_id']),
  phase: String(row['phase']),
  attempt: Number(row['attempt']),
  prompt: String(row['prompt']),
  member: textOrNull(row['member']),
  item: textOrNull(row['item']),
  model: String(row['model']),
  tokens: toTokens(row),
  cost: numberOrNull(row['cost']),
  untold: Number(row['untold']),
})
