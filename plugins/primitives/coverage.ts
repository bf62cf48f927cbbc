/**
 * Holds a document against what it was made from: audit, then revise by change records, then audit again; or audit, then
 * ask the person. Ends within its cap whatever the audits say; what is left open is kept for the gate to show.
 * Entered from the gate ("fix gaps", or a comment) it revises what was left open, once, and audits once.
 */
import * as v from 'valibot'
import { parse } from 'yaml'
import type { Json, ModelRole, OutputSpec, PhasePlugin, PhaseRun, PromptTemplate, SliceContext } from '../contract.ts'
import { definePhase, part, winner, withParts } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'
import { GiveUp, PromptFailed } from '../errors.ts'
import { CHANGE_RULES, changesOutput } from './changes.ts'
import type { Changed } from './changes.ts'

interface Revise<Doc> {
  readonly by: 'revise'
  /** The document's own schema and its list of items with ids. */
  readonly output: OutputSpec<Doc>
  readonly list: string
  readonly prompt: PromptTemplate
}
interface Ask {
  readonly by: 'ask'
  /** One follow-up question, and a correct example of one. */
  readonly question: v.GenericSchema<unknown, Json>
  readonly example: Json
  /** Where the questions are kept, all of them so far: `{questions: […]}`. */
  readonly artifact: string
  /** How many may be asked for the ticket, over all visits. 0 means none. */
  budget(settings: PhaseRun['settings']): number
}

export interface CoveragePhase<Doc> extends Pick<PhaseDefinition<Json>, 'id' | 'label' | 'version' | 'retry' | 'budget'> {
  /** Whose council's winner is asked. */
  readonly domain: string
  /** The document that is held against the rest of the context. */
  readonly artifact: string
  readonly context: SliceContext
  readonly tools?: 'read_only' | 'disabled'
  readonly audit: PromptTemplate
  /** Name of the setting with the number of audits. */
  readonly passes: string
  readonly fix: Revise<Doc> | Ask
}

const Report = v.looseObject({
  gaps: v.array(v.string()),
  document: v.string(),
  feedback: v.nullable(v.string()),
})
interface Pass {
  readonly gaps: readonly string[]
  readonly resolutions?: Json
  readonly changes?: Json
}
interface Covering<Doc> {
  readonly phase: PhaseRun<Json>
  readonly definition: CoveragePhase<Doc>
  readonly history: Pass[]
}

export const coverage = <Doc>(definition: CoveragePhase<Doc>): PhasePlugin<Json> =>
  definePhase({
    ...pick(definition),
    context: definition.context,
    prompt: definition.audit,
    tools: definition.tools ?? 'read_only',
    model: winner(definition.domain) satisfies ModelRole,
    primitive: 'coverage',
    outcomes: definition.fix.by === 'ask' ? ['clean', 'capped', 'ask'] : ['clean', 'capped'],
    output: auditOutput(definition.fix, 1) as OutputSpec as OutputSpec<Json>,
    run: (phase) => {
      const covering: Covering<Doc> = { phase, definition, history: [] }
      return definition.fix.by === 'ask' ? askPass(covering, definition.fix) : revisePasses(covering, definition.fix)
    },
  })

const pick = ({
  id,
  label,
  version = 1,
  retry = {},
  budget,
}: Pick<CoveragePhase<Json>, 'id' | 'label' | 'version' | 'retry' | 'budget'>) => ({
  ...{ id, label, version, retry },
  ...(budget ? { budget } : {}),
})

// ------------------------------------------------------------------------------------------------------- revise

async function revisePasses<Doc>(covering: Covering<Doc>, fix: Revise<Doc>): ReturnType<NonNullable<PhasePlugin<Json>['run']>> {
  const { phase, definition } = covering
  const asked = await fromGate(covering)
  if (asked.gaps.length > 0) await revise(covering, fix, { gaps: asked.gaps, pass: 0 })
  const cap = asked.gaps.length > 0 ? 1 : (phase.settings[definition.passes] as number)
  for (let pass = 1; ; pass += 1) {
    const { gaps } = await audit(covering, { pass, questions: 0 })
    covering.history.push({ gaps })
    const revised = gaps.length > 0 && pass < cap && (await revise(covering, fix, { gaps, pass }))
    if (revised) continue
    await report(covering, { gaps, feedback: asked.feedback })
    return phase.done(undefined, gaps.length === 0 ? 'clean' : 'capped')
  }
}

/** What a person wants mended: a comment that was not followed yet, and with it what the last audit of this very document left open. */
async function fromGate<Doc>({
  phase,
  definition: { artifact },
}: Covering<Doc>): Promise<{ gaps: readonly string[]; feedback: string | null }> {
  const comment = await phase.read(`${artifact}_feedback`)
  const last = v.safeParse(Report, parse((await phase.read(`${artifact}_coverage`))?.content ?? ''))
  const now = await documentOf(phase, artifact)
  const known = last.success ? last.output : null
  const open = known?.document === now.sha256 ? known.gaps : []
  const fresh = comment && comment.sha256 !== known?.feedback ? [comment.content] : []
  return { gaps: phase.visits > 1 ? [...fresh, ...open] : [], feedback: comment?.sha256 ?? null }
}

type Revision<Doc> = Changed<Doc> & {
  readonly gap_resolutions: readonly { readonly gap: number; readonly action: string; readonly rationale: string }[]
}

/** False when the answer could not be used: then the gaps stay open. */
async function revise<Doc>(
  { phase, definition, history }: Covering<Doc>,
  fix: Revise<Doc>,
  { gaps, pass }: { gaps: readonly string[]; pass: number },
): Promise<boolean> {
  const { artifact } = definition
  const current = await documentOf(phase, artifact)
  const turned = await phase.prompt<Revision<Doc>>(`revise:${pass}`, {
    slot: { step: `revise:${pass}` },
    text: { ...fix.prompt, steps: [...(fix.prompt.steps ?? []), ...CHANGE_RULES, 'Say for every gap, by its number, what became of it.'] },
    context: withParts(definition.context, [part('gaps', gaps.map((gap, i) => `${i + 1}. ${gap}`).join('\n'))]),
    output: revisionOutput(parse(current.content) as Doc, fix, gaps.length),
  })
  if (!turned.ok) {
    if (turned.why === 'invalid') return false
    throw new PromptFailed(turned)
  }
  const { document, changes, gap_resolutions: resolutions } = turned.value
  if (changes.length > 0) await phase.save(artifact, document as Json)
  history.push({ gaps, resolutions, changes })
  return true
}

function revisionOutput<Doc>(document: Doc, { list, output }: Revise<Doc>, gaps: number): OutputSpec<Revision<Doc>> {
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

// ---------------------------------------------------------------------------------------------------------- ask

async function askPass<Doc>(covering: Covering<Doc>, fix: Ask): ReturnType<NonNullable<PhasePlugin<Json>['run']>> {
  const { phase, definition } = covering
  const earlier = await phase.read(fix.artifact)
  const before = earlier ? (parse(earlier.content) as { questions: readonly Json[] }).questions : []
  const left = Math.max(0, fix.budget(phase.settings) - before.length)
  const may = phase.visits < (phase.settings[definition.passes] as number) ? left : 0
  const { gaps, questions } = await audit(covering, { pass: 1, questions: may })
  covering.history.push({ gaps })
  await report(covering, { gaps, feedback: null })
  if (gaps.length === 0) return phase.done(undefined, 'clean')
  if (questions.length === 0) return phase.done(undefined, 'capped')
  await phase.save(fix.artifact, { questions: [...before, ...questions] })
  return phase.done(undefined, 'ask')
}

// -------------------------------------------------------------------------------------------------------- audit

interface Audit {
  readonly gaps: readonly string[]
  readonly questions: readonly Json[]
}

async function audit<Doc>({ phase, definition }: Covering<Doc>, { pass, questions }: { pass: number; questions: number }): Promise<Audit> {
  const limit =
    definition.fix.by === 'ask' ? [`Ask at most ${questions} follow-up questions${questions === 0 ? ': leave the list empty' : ''}.`] : []
  const turned = await phase.prompt<Audit>(`audit:${pass}`, {
    slot: { step: `audit:${pass}` },
    text: {
      ...definition.audit,
      steps: [
        ...(definition.audit.steps ?? []),
        'Name each gap in one sentence that says what is missing and where it comes from. No gap: an empty list.',
        ...limit,
      ],
    },
    output: auditOutput(definition.fix, questions),
  })
  if (!turned.ok) throw new PromptFailed(turned)
  return turned.value
}

function auditOutput<Doc>(fix: Revise<Doc> | Ask, questions: number): OutputSpec<Audit> {
  const gaps = v.array(v.pipe(v.string(), v.trim(), v.minLength(1)))
  const schema = v.object({
    gaps,
    questions: v.optional(v.pipe(v.array(fix.by === 'ask' ? fix.question : v.custom<Json>(() => true)), v.maxLength(questions)), []),
  })
  const example = { gaps: [], questions: [] }
  return { schema, format: 'yaml', tag: 'COVERAGE', example, aliases: { questions: ['follow_up_questions'] } }
}

async function report<Doc>(
  { phase, definition: { artifact }, history }: Covering<Doc>,
  { gaps, feedback }: { gaps: readonly string[]; feedback: string | null },
): Promise<void> {
  const document = await documentOf(phase, artifact)
  await phase.save(`${artifact}_coverage`, {
    ...{ status: gaps.length === 0 ? 'clean' : 'capped', gaps, feedback, document: document.sha256 },
    history: history as unknown as Json,
  })
}

async function documentOf(phase: PhaseRun<Json>, kind: string): Promise<{ content: string; sha256: string }> {
  const found = await phase.read(kind)
  if (found) return found
  throw new GiveUp(`there is no ${kind} to check`, { hint: 'A phase before this one has to make it.' })
}
