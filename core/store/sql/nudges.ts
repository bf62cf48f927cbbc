/** Which inbox entries a person was told of. */
import type { KeepingVerbs } from '../store.ts'
import { Batch, type Context } from './batch.ts'
import { toInbox } from './decode.ts'

type Verbs = Pick<KeepingVerbs, 'dueNudges' | 'claimNudge' | 'endNudge' | 'failedNudges'>

const DUE = "state = 'open' AND nudged_at IS NULL AND nudge_tries < :tries AND nudge_after <= :at"
const ENTRY = 'ticket_id = :ticketId AND id = :id'

export const nudgeVerbs = (context: Context): Verbs => ({
  dueNudges: async ({ at, tries, limit }) => {
    const rows = await context.database.all(`SELECT * FROM inbox WHERE ${DUE} ORDER BY since, rowid LIMIT :limit`, { at, tries, limit })
    return rows.map((row) => toInbox(context, row))
  },
  claimNudge: async ({ at, ticketId, id, tries, againAfterMs }) => {
    const wait = 'COALESCE((SELECT value FROM json_each(:againAfter) WHERE key = nudge_tries), 0)'
    const rows = await new Batch(context, 'claimNudge', { at, ticketId, id, tries, againAfter: JSON.stringify(againAfterMs) })
      .run(
        `UPDATE inbox SET nudge_tries = nudge_tries + 1, nudge_after = :at + ${wait} WHERE ${ENTRY} AND ${DUE} RETURNING nudge_tries AS tries`,
      )
      .commit()
    return rows[0] === undefined ? null : Number(rows[0]['tries'])
  },
  endNudge: async ({ at, ticketId, id, problem }) => {
    await new Batch(context, 'endNudge', { at, ticketId, id, problem })
      .run(`UPDATE inbox SET nudge_problem = :problem, nudged_at = CASE WHEN :problem IS NULL THEN :at END WHERE ${ENTRY}`)
      .commit()
  },
  failedNudges: async () =>
    (
      await context.database.all(
        "SELECT ticket_id, id, nudge_tries, nudge_problem FROM inbox WHERE state = 'open' AND nudge_problem IS NOT NULL ORDER BY since",
      )
    ).map((row) => ({
      ticketId: String(row['ticket_id']),
      id: String(row['id']),
      tries: Number(row['nudge_tries']),
      problem: String(row['nudge_problem']),
    })),
})
