/** Forms that a person has begun to fill in: kept until they are sent, and never put over newer ones. */
import { fail, type LoopTroopError } from '../../errors.ts'
import type { GateDraft } from '../records.ts'
import type { InboxVerbs } from '../store.ts'
import { Batch, type Context } from './batch.ts'
import type { Row } from '../database.ts'
import { encode } from './decode.ts'
import { GATE } from './status.ts'

type Verbs = Pick<InboxVerbs, 'saveDraft' | 'draft'>

const OWN = 'ticket_id = :ticketId AND gate_id = :gateId'

export const draftVerbs = (context: Context): Verbs => ({
  draft: (ticketId, gateId) => draft(context, ticketId, gateId),
  saveDraft: async ({ at, ticketId, gateId, seen, content }) => {
    const batch = new Batch(context, 'saveDraft', { at, ticketId, gateId, seen, content: encode(content) })
    const gate = "SELECT 1 FROM inbox WHERE ticket_id = :ticketId AND id = :gateId AND kind = :kind AND state = 'open'"
    batch.guard(() => fail('GATE_CLOSED', { gateId }), `EXISTS (${gate})`, { kind: GATE })
    const current = `SELECT revision FROM gate_drafts WHERE ${OWN}`
    // The same once more is a save whose reply was lost.
    const mine = `EXISTS (SELECT 1 FROM gate_drafts WHERE ${OWN} AND revision = :seen + 1 AND content = :content)`
    batch.guard(
      async () => stale(gateId, seen, (await draft(context, ticketId, gateId))?.revision ?? 0),
      `COALESCE((${current}), 0) = :seen OR ${mine}`,
    )
    batch.run(
      `INSERT INTO gate_drafts (ticket_id, gate_id, revision, content, saved_at) VALUES (:ticketId, :gateId, :seen + 1, :content, :at)
       ON CONFLICT (ticket_id, gate_id) DO UPDATE SET revision = excluded.revision, content = excluded.content, saved_at = excluded.saved_at
       WHERE revision = :seen`,
    )
    return toDraft(await batch.run(`SELECT * FROM gate_drafts WHERE ${OWN}`).commitRow('draft'))
  },
})

async function draft({ database }: Context, ticketId: string, gateId: string): Promise<GateDraft | null> {
  const [row] = await database.all(`SELECT * FROM gate_drafts WHERE ${OWN}`, { ticketId, gateId })
  return row === undefined ? null : toDraft(row)
}

const stale = (gateId: string, seen: number, current: number): LoopTroopError => fail('DRAFT_STALE', { gateId, seen, current })

const toDraft = (row: Row): GateDraft => ({
  revision: Number(row['revision']),
  content: JSON.parse(String(row['content'])) as GateDraft['content'],
  savedAt: Number(row['saved_at']),
})
