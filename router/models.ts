import * as v from 'valibot'
import type { Kernel } from '#core'
import { orNull, reply, some } from './shapes.ts'
import { procedure, router } from './trpc.ts'

type Catalogue = Awaited<ReturnType<Kernel['models']['list']>>

const Models = reply<Catalogue>({
  models: v.array(
    v.object({
      provider: v.string(),
      model: v.string(),
      name: v.string(),
      contextTokens: orNull(v.number()),
      variants: v.array(v.string()),
    }),
  ),
  connectedProviders: v.array(v.string()),
  defaultModels: v.record(v.string(), v.string()),
  message: some(v.string()),
  stale: some(v.boolean()),
})

const Scope = v.optional(v.object({ scope: some(v.picklist(['configured', 'all'])) }), {})

export const modelsRouter = router({
  list: procedure
    .input(Scope)
    .output(Models)
    .query(({ ctx, input }) => ctx.kernel.models.list(input)),
  refresh: procedure
    .input(Scope)
    .output(Models)
    .mutation(({ ctx, input }) => ctx.kernel.models.refresh(input)),
})
