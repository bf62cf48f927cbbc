/** One structured question to one model. */
import type { PhasePlugin } from '../contract.ts'
import { definePhase } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'

export type PromptPhase<Out> = Omit<PhaseDefinition<Out>, 'outcomes' | 'primitive'> & Required<Pick<PhasePlugin<Out>, 'prompt' | 'output'>>

export const prompt = <Out>(definition: PromptPhase<Out>): PhasePlugin<Out> =>
  definePhase({ ...definition, primitive: 'prompt', outcomes: ['done'] })
