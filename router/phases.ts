import * as v from 'valibot'
import type { PhaseView, PipelineView } from '#core'
import { given, listOf, NoInput, reply } from './shapes.ts'
import { procedure, router } from './trpc.ts'

const Phase = reply<PhaseView>({
  id: v.string(),
  label: v.string(),
  group: v.string(),
  primitive: v.string(),
  tools: given<PhaseView['tools']>(),
  context: v.union([v.array(v.string()), v.literal('custom')]),
  outcomes: v.array(v.string()),
  version: v.number(),
  exclusive: v.boolean(),
  next: v.record(v.string(), v.string()),
})
const Pipeline = reply<PipelineView>({ name: v.string(), label: v.string(), phases: v.array(Phase) })

export const phasesRouter = router({
  list: procedure
    .input(NoInput)
    .output(listOf(Pipeline))
    .query(({ ctx }) => ctx.kernel.phases()),
})
