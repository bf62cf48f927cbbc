/** Files attached to a manual test. Their bytes go over plain HTTP: see `plain/evidence.ts`. */
import * as v from 'valibot'
import type { Kernel } from '#core'
import { Id, listOf, reply, Sha256 } from './shapes.ts'
import { procedure, router } from './trpc.ts'

type Evidence = Awaited<ReturnType<Kernel['evidence']['list']>>[number]

export const EvidenceShape = reply<Evidence>({
  sha256: v.string(),
  name: v.string(),
  bytes: v.number(),
  type: v.string(),
  addedAt: v.number(),
})

export const evidenceRouter = router({
  list: procedure
    .input(v.object({ ticketId: Id }))
    .output(listOf(EvidenceShape))
    .query(({ ctx, input }) => ctx.kernel.evidence.list(input.ticketId)),
  remove: procedure
    .input(v.object({ ticketId: Id, sha256: Sha256 }))
    .output(v.object({ ok: v.literal(true) }))
    .mutation(({ ctx, input }) => ctx.kernel.evidence.remove(input)),
})
