/** The ticket of a cell: one phase with one prompt, which may use tools and ask. */
import * as v from 'valibot'
import { definePhase, definePipeline } from '#plugins'
import type { PhasePlugin } from '#plugins'
import type { Point } from './points.ts'

const Said = v.object({ said: v.string() })

export const PIPELINE = 'talk'
export const PHASE = 'TALKING'

/** With the talk about a permission, every command asks for one. */
export const talking = (talk: Point['talk']): PhasePlugin<v.InferOutput<typeof Said>> =>
  definePhase<v.InferOutput<typeof Said>>({
    id: PHASE,
    label: 'Talking',
    tools: talk === 'permission' ? [{ permission: 'bash', pattern: '*', action: 'ask' }] : 'default',
    questions: true,
    artifact: 'said',
    output: { schema: Said, format: 'json', tag: 'SAID', example: { said: 'something' } },
    retry: { delay: 50 },
  })

export const pipeline = definePipeline({ name: PIPELINE, label: 'One prompt', rows: [{ phase: PHASE, group: 'all' }] })
