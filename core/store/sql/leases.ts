/** Who drives a ticket, and which tickets hold the project's execution lease. A released lease keeps its generation. */
import { fail } from '../../errors.ts'
import type { LeaseRecord } from '../records.ts'
import type { Fence, LeaseVerbs } from '../store.ts'
import { Batch, fencedBatch, guardKnown, type Context } from './batch.ts'
import { toLease } from './decode.ts'

export const leaseVerbs = (context: Context): LeaseVerbs => ({
  claimLease: (input) => claimLease(context, input),
  renewLeases: async ({ at, owner, ttlMs }) => {
    const rows = await new Batch(context, 'renewLeases', { owner, expiresAt: at + ttlMs })
      .run('UPDATE leases SET expires_at = :expiresAt WHERE owner = :owner RETURNING ticket_id')
      .commit()
    return rows.map((row) => String(row['ticket_id']))
  },
  releaseLeases: async ({ owner, ticketId }) => {
    await new Batch(context, 'releaseLeases', { owner, ticketId: ticketId ?? null })
      .run('UPDATE leases SET owner = NULL WHERE owner = :owner AND (:ticketId IS NULL OR ticket_id = :ticketId)')
      .commit()
  },
  lease: (ticketId) => readLease(context, ticketId),
  takeExclusive: (fence, input) => takeExclusive(context, fence, input),
  releaseExclusive: async (fence, { at }) => {
    await fencedBatch(context, 'releaseExclusive', { fence, args: { at } })
      .run('DELETE FROM execution_leases WHERE ticket_id = :ticketId')
      .commit()
  },
  exclusiveHolders: async () =>
    (await context.database.all('SELECT ticket_id FROM execution_leases ORDER BY since, rowid')).map((row) => String(row['ticket_id'])),
})

async function readLease(context: Context, ticketId: string): Promise<LeaseRecord | null> {
  const [row] = await context.database.all('SELECT * FROM leases WHERE ticket_id = :ticketId AND owner IS NOT NULL', { ticketId })
  return row === undefined ? null : toLease(row)
}

async function claimLease(context: Context, input: Parameters<LeaseVerbs['claimLease']>[0]): Promise<LeaseRecord> {
  const { ticketId, at, owner } = input
  const batch = guardKnown(new Batch(context, 'claimLease', { ticketId, at, owner, dead: input.dead ?? null }), ticketId)
  const held = async (): Promise<ReturnType<typeof fail>> => {
    const lease = await readLease(context, ticketId)
    const holder = lease === null ? 'another kernel' : `process ${lease.pid} on ${lease.host}`
    return fail('LEASE_HELD', { ticketId, holder, owner: lease?.owner ?? null, pid: lease?.pid ?? null, host: lease?.host ?? null })
  }
  const free = 'owner IS NULL OR owner = :owner OR owner IS :dead OR expires_at <= :at'
  batch.guard(held, `NOT EXISTS (SELECT 1 FROM leases WHERE ticket_id = :ticketId AND NOT (${free}))`)
  batch.run(
    `INSERT INTO leases (ticket_id, owner, generation, host, pid, start_token, expires_at)
     VALUES (:ticketId, :owner, 1, :host, :pid, :startToken, :expiresAt)
     ON CONFLICT (ticket_id) DO UPDATE SET generation = generation + (owner IS NOT excluded.owner), owner = excluded.owner, host = excluded.host,
       pid = excluded.pid, start_token = excluded.start_token, expires_at = excluded.expires_at
     RETURNING *`,
    { host: input.host, pid: input.pid, startToken: input.startToken, expiresAt: at + input.ttlMs },
  )
  return toLease(await batch.commitRow('lease'))
}

async function takeExclusive(context: Context, fence: Fence, { at, limit }: { at: number; limit: number }): Promise<boolean> {
  const batch = fencedBatch(context, 'takeExclusive', { fence, args: { at, limit } })
  batch.run(
    `INSERT INTO execution_leases (ticket_id, since) SELECT :ticketId, :at
     WHERE (SELECT COUNT(*) FROM execution_leases WHERE ticket_id <> :ticketId) < :limit ON CONFLICT (ticket_id) DO NOTHING`,
  )
  const rows = await batch.run('SELECT 1 FROM execution_leases WHERE ticket_id = :ticketId').commit()
  return rows.length > 0
}
