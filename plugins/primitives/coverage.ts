/**
 * Holds a document against what it was made from: audit, then revise by change records, then audit again; or audit, then
 * ask the person. Ends within its cap whatever the audits say; what is left open is kept for the gate to show.
 * Entered from the gate ("fix gaps", or a comment) it revises what was left open, once, and audits once.
 */
import * as v from 'valibot'
import { parse } from 'yaml'
import type { Json, ModelRole, OutputSpec, PhasePlugin, PhaseRun, PromptTemplate, SliceContext, Turned } from '../contract.ts'
import { definePhase, part, winner, withParts } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'
import { GiveUp, PromptFailed } from '../errors.ts'
import { promptAgain } from './again.ts'
import { CHANGE_RULES, changesInWords } from './changes.ts'
import { auditOutput, revisionOutput } from './coverage-output.ts'
import type { Ask, Audit, Revise, Revision } from './coverage-output.ts'
import { tell } from './tell.ts'

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
    const turned = await audit(covering, { pass, questions: 0 })
    if (!turned.ok) throw new PromptFailed(turned)
    const { gaps } = turned.value
    covering.history.push({ gaps })
    await tell(phase, gapsInWords(pass, gaps))
    const revised = gaps.length > 0 && pass < cap && (await revise(covering, fix, { gaps, pass }))
    if (revised) continue
    await report(covering, { gaps, feedback: asked.feedback })
    if (gaps.length > 0) await tell(phase, [`${gaps.length} left open: shown at the gate`])
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

/** False when the answer could not be used: then the gaps stay open. */
async function revise<Doc>(
  { phase, definition, history }: Covering<Doc>,
  fix: Revise<Doc>,
  { gaps, pass }: { gaps: readonly string[]; pass: number },
): Promise<boolean> {
  const { artifact } = definition
  const current = await documentOf(phase, artifact)
  const turned = await promptAgain<Revision<Doc>>(phase, `revise:${pass}`, {
    slot: { step: `revise:${pass}` },
    text: { ...fix.prompt, steps: [...(fix.prompt.steps ?? []), ...CHANGE_RULES, 'Say for every gap, by its number, what became of it.'] },
    context: withParts(definition.context, [part('gaps', gaps.map((gap, i) => `${i + 1}. ${gap}`).join('\n'))]),
    output: revisionOutput(parse(current.content) as Doc, fix, gaps.length),
  })
  if (!turned.ok) {
    if (turned.why !== 'invalid') throw new PromptFailed(turned)
    await tell(phase, ['the revision could not be used: the gaps stay open'])
    return false
  }
  const { document, changes, gap_resolutions: resolutions } = turned.value
  if (changes.length > 0) await phase.save(artifact, document as Json)
  history.push({ gaps, resolutions, changes })
  await tell(phase, [...resolutions.map((r) => `gap ${r.gap} ${r.action.replaceAll('_', ' ')}: ${r.rationale}`), changesInWords(changes)])
  return true
}

// ---------------------------------------------------------------------------------------------------------- ask

async function askPass<Doc>(covering: Covering<Doc>, fix: Ask): ReturnType<NonNullable<PhasePlugin<Json>['run']>> {
  const { phase, definition } = covering
  const earlier = await phase.read(fix.artifact)
  const before = earlier ? (parse(earlier.content) as { questions: readonly Json[] }).questions : []
  const left = Math.max(0, fix.budget(phase.settings) - before.length)
  const may = phase.visits < (phase.settings[definition.passes] as number) ? left : 0
  const turned = await audit(covering, { pass: 1, questions: may })
  if (!turned.ok && turned.why !== 'invalid') throw new PromptFailed(turned)
  // A check that cannot ask is no reason to stop: the person sees at the gate that it was of no use.
  const { gaps, questions } = turned.ok
    ? turned.value
    : { gaps: [`The check itself could not be used: ${turned.error.message}`], questions: [] }
  covering.history.push({ gaps })
  await report(covering, { gaps, feedback: null })
  await tell(phase, [...gapsInWords(phase.visits, gaps), ...askedInWords({ gaps, questions, left, may })])
  if (gaps.length === 0) return phase.done(undefined, 'clean')
  if (questions.length === 0) return phase.done(undefined, 'capped')
  await phase.save(fix.artifact, { questions: [...before, ...questions] })
  return phase.done(undefined, 'ask')
}

// -------------------------------------------------------------------------------------------------------- audit

async function audit<Doc>(
  { phase, definition }: Covering<Doc>,
  { pass, questions }: { pass: number; questions: number },
): Promise<Turned<Audit>> {
  const limit =
    definition.fix.by === 'ask' ? [`Ask at most ${questions} follow-up questions${questions === 0 ? ': leave the list empty' : ''}.`] : []
  return promptAgain<Audit>(phase, `audit:${pass}`, {
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
}

const gapsInWords = (pass: number, gaps: readonly string[]): readonly string[] =>
  gaps.length === 0 ? [`check ${pass}: nothing is missing`] : gaps.map((gap, i) => `check ${pass}, gap ${i + 1}: ${gap}`)

function askedInWords({ gaps, questions, left, may }: Audit & { left: number; may: number }): readonly string[] {
  if (questions.length > 0) return [`${questions.length} further questions to the person; ${left - questions.length} may follow later`]
  if (gaps.length === 0) return []
  const why = may > 0 ? '' : left > 0 ? ': it was the last check that may ask' : ': the questions that may be asked are used up'
  return [`nothing more is asked${why}; what is open is shown at the gate`]
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
