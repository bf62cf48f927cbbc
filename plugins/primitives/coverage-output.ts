/** What the answers of a coverage phase must be: an audit, and a revision by change records with a word on every gap. */
import * as v from 'valibot'
import type { Json, OutputSpec, PhaseRun, PromptTemplate } from '../contract.ts'
import { changesOutput } from './changes.ts'
import type { Changed } from './changes.ts'

export interface Revise<Doc> {
  readonly by: 'revise'
  /** The document's own schema and its list of items with ids. */
  readonly output: OutputSpec<Doc>
  readonly list: string
  readonly prompt: PromptTemplate
}
export interface Ask {
  readonly by: 'ask'
  /** One follow-up question, and a correct example of one. */
  readonly question: v.GenericSchema<unknown, Json>
  readonly example: Json
  /** Where the questions are kept, all of them so far: `{questions: […]}`. */
  readonly artifact: string
  /** How many may be asked for the ticket, over all visits. 0 means none. */
  budget(settings: PhaseRun['settings']): number
}

export interface Audit {
  readonly gaps: readonly string[]
  readonly questions: readonly Json[]
}

export function auditOutput<Doc>(fix: Revise<Doc> | Ask, questions: number): OutputSpec<Audit> {
  const gaps = v.array(v.pipe(v.string(), v.trim(), v.minLength(1)))
  const asked = v.pipe(v.array(fix.by === 'ask' ? fix.question : v.custom<Json>(() => true)), v.maxLength(questions))
  const schema = v.pipe(
    v.object({ gaps, questions: v.optional(asked, []) }),
    v.check(
      (found) => found.gaps.length === 0 || found.questions.length > 0 || questions === 0,
      'gaps without a follow-up question: ask at least one, or name no gap',
    ),
  )
  const example = { gaps: [], questions: [] }
  return { schema, format: 'yaml', tag: 'COVERAGE', example, aliases: { questions: ['follow_up_questions'] } }
}

export type Revision<Doc> = Changed<Doc> & {
  readonly gap_resolutions: readonly { readonly gap: number; readonly action: string; readonly rationale: string }[]
}

export function revisionOutput<Doc>(document: Doc, { list, output }: Revise<Doc>, gaps: number): OutputSpec<Revision<Doc>> {
  const Resolution = v.object({
    gap: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(gaps)),
    action: v.picklist(['updated', 'already_covered', 'left_unresolved']),
    rationale: v.pipe(v.string(), v.trim(), v.minLength(1)),
  })
  const all = (entries: readonly { gap: number }[]): boolean => entries.length === gaps && new Set(entries.map((e) => e.gap)).size === gaps
  const schema = v.object({
    gap_resolutions: v.pipe(
      v.array(Resolution),
      v.check((entries) => all(entries), `must have one entry for each of the ${gaps} gaps`),
    ),
  })
  const one = { action: 'already_covered', rationale: 'Why.' } as const
  const example = { gap_resolutions: Array.from({ length: gaps }, (_, i) => ({ gap: i + 1, ...one })) }
  return changesOutput({ document, list, schema: output.schema }, 'REVISION', { schema, example })
}
