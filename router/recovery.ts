import * as v from 'valibot'
import type { RecoveryReport } from '#core'
import { NoInput, orNull, reply } from './shapes.ts'
import { procedure, router } from './trpc.ts'

const does = { does: v.string() }
const Item = reply<RecoveryReport['tickets'][number]>({
  ticketId: v.string(),
  phase: orNull(v.string()),
  attempt: orNull(v.number()),
  found: v.string(),
  ...does,
  turns: v.array(v.object({ turnId: v.string(), receipt: v.string(), ...does })),
  sessions: v.array(v.object({ nonce: v.string(), sessionId: orNull(v.string()), state: v.string(), ...does })),
  inbox: v.array(v.object({ id: v.string(), kind: v.string(), detached: v.boolean() })),
})
const Report = reply<RecoveryReport>({
  at: v.number(),
  tickets: v.array(Item),
  opencode: orNull(v.string()),
  sessions: v.array(
    v.object({
      ticketId: v.string(),
      nonce: v.string(),
      sessionId: orNull(v.string()),
      found: v.picklist(['reconnected', 'stale', 'missing', 'unverified', 'adopted']),
    }),
  ),
  counts: v.record(v.string(), v.number()),
  problems: v.array(v.object({ projectId: v.string(), code: v.string(), message: v.string() })),
})

export const recoveryRouter = router({
  report: procedure
    .input(NoInput)
    .output(Report)
    .query(({ ctx }) => ctx.kernel.recovery()),
})
