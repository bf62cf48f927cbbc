/** Declares phases, pipelines and configurations: fills defaults, changes nothing else. */
import type {
  ContextBuilder,
  Json,
  LoopTroopConfig,
  ModelRole,
  OutputSpec,
  PhasePlugin,
  Pipeline,
  PromptPart,
  RetryRules,
  SliceContext,
  SliceName,
} from './contract.ts'

/** What a phase must say; everything else has a default. */
export type PhaseDefinition<Out> = Pick<PhasePlugin<Out>, 'id' | 'label'> &
  Partial<Omit<PhasePlugin<Out>, 'id' | 'label' | 'retry'>> & { readonly retry?: Partial<RetryRules> }

export const DEFAULT_RETRY: RetryRules = {
  structured: 2,
  attempts: 3,
  delay: 5_000,
  on: ['truncated', 'empty', 'timed_out', 'transport', 'interrupted', 'lost', 'not_started', 'plugin'],
  keepWorking: 5,
}

/** For phases that ask no model. */
export const noOutput: OutputSpec<Json> = {
  schema: { '~standard': { version: 1, vendor: 'looptroop', validate: (value) => ({ value: value as Json }) } },
  format: 'json',
  example: null,
}

export function definePhase<Out = Json>(definition: PhaseDefinition<Out>): PhasePlugin<Out> {
  const { retry, ...rest } = definition
  return {
    version: 1,
    prompt: { task: definition.label },
    context: slices('ticket_details'),
    tools: 'read_only',
    output: noOutput as OutputSpec as OutputSpec<Out>,
    ...rest,
    retry: { ...DEFAULT_RETRY, ...retry },
  }
}

export const definePipeline = (pipeline: Pipeline): Pipeline => pipeline
export const defineConfig = (config: LoopTroopConfig): LoopTroopConfig => config

/** A context as an allow-list. `about(…)` names those that are never trimmed away. */
export function slices(...names: readonly SliceName[]): SliceContext & { about(...keep: readonly SliceName[]): SliceContext } {
  return { slices: names, keep: [], about: (...keep) => ({ slices: names, keep }) }
}

/** A context with parts of the phase's own after it. */
export const withParts = (context: ContextBuilder, parts: readonly PromptPart[]): ContextBuilder =>
  typeof context === 'function' ? (state) => [...context(state), ...parts] : { ...context, parts: [...(context.parts ?? []), ...parts] }

/** A labelled part; a value is shown as JSON. `source` is its heading in the prompt. */
export const part = (source: string, content: string | Json): PromptPart => ({
  type: 'text',
  source,
  content: typeof content === 'string' ? content : JSON.stringify(content, null, 1),
})

export const winner = (kind: string): ModelRole => ({ winner: kind })
