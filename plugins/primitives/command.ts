/** Deterministic steps: checks, git, files. No model is asked. */
import type { Json, Outcome, PhasePlugin, PhaseRun } from '../contract.ts'
import { definePhase } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'

export type CommandPhase<Out> = Pick<PhaseDefinition<Out>, 'id' | 'label' | 'version' | 'artifact' | 'retry' | 'budget' | 'stops'> & {
  /** Default `['done', 'failed']`. */
  readonly outcomes?: readonly string[]
  run(phase: PhaseRun<Out>): Promise<Outcome<Out>>
}

export const command = <Out = Json>(definition: CommandPhase<Out>): PhasePlugin<Out> =>
  definePhase<Out>({ outcomes: ['done', 'failed'], ...definition, tools: 'disabled', primitive: 'command' })
