import * as v from 'valibot'
import type { HealthView } from '#core'
import { NoInput, reply, some } from './shapes.ts'
import { procedure, router } from './trpc.ts'

const Health = reply<HealthView>({
  status: v.picklist(['ok', 'recovering', 'degraded']),
  version: v.string(),
  opencode: v.object({
    reachable: v.boolean(),
    version: some(v.string()),
    message: some(v.string()),
    code: some(v.string()),
    mode: v.string(),
    baseUrl: v.string(),
  }),
  store: v.object({ ok: v.boolean(), message: some(v.string()) }),
  recovery: v.record(v.string(), v.number()),
})

export const healthRouter = router({
  check: procedure
    .input(NoInput)
    .output(Health)
    .query(({ ctx }) => ctx.kernel.health()),
})
