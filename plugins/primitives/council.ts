/**
 * Several models draft the same document, vote on the drafts without knowing whose they are, and the winner refines its own
 * with what is better in the others. What became of a member is a value, set once; a member that fails does not fail the
 * council while there is a quorum. Of a council of one it is one prompt, without a vote.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Json, Outcome, OutputSpec, PhasePlugin, PhaseRun, PromptOptions, PromptTemplate, SliceContext, Turned } from '../contract.ts'
import { definePhase, part, withParts } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'
import { promptAgain } from './again.ts'
import { labelOf } from './ballot.ts'
import type { Category } from './ballot.ts'
import { CHANGE_RULES, changesInWords, changesOutput } from './changes.ts'
import type { Changed } from './changes.ts'
import { NO_QUORUM_HINT, limitOf, rosterOf } from './roster.ts'
import type { Member } from './roster.ts'
import { tell } from './tell.ts'
import { aboutDrafts, choose, documentOf, outcomeOf } from './vote.ts'
import type { Short } from './vote.ts'

const NO_QUORUM = 'no_quorum'

/** What each member does before its draft, in a session of its own; the winner's is kept as an artifact. */
export interface FirstPart {
  readonly artifact: string
  /** Known without a model: then nobody is asked. */
  readonly given?: Json
  readonly ask?: Pick<PromptOptions<Json>, 'context' | 'output'> & { readonly text: PromptTemplate }
}

export interface CouncilPhase<Doc> extends Omit<PhaseDefinition<Doc>, 'outcomes' | 'primitive' | 'run' | 'model' | 'context'> {
  /** `interview`, `prd`, `beads`: the winner is asked again as `winner(domain)`; the record is kept as `<domain>_council`. */
  readonly domain: string
  readonly artifact: string
  readonly prompt: PromptTemplate
  readonly output: OutputSpec<Doc>
  readonly context: SliceContext
  /** The document's list of items with ids: what a refinement changes. */
  readonly list: string
  /** Name of the setting with the most items that the list may have. */
  readonly most?: string
  readonly rubric: readonly Category[]
  first?(phase: PhaseRun<Doc>): Promise<FirstPart | null>
}

export interface Draft<Doc> {
  readonly first: Json
  readonly document: Doc
}
export interface Council<Doc> {
  readonly phase: PhaseRun<Doc>
  readonly definition: CouncilPhase<Doc>
  readonly roster: readonly Member[]
  readonly drafts: readonly Turned<Draft<Doc>>[]
}

export const council = <Doc>(definition: CouncilPhase<Doc>): PhasePlugin<Doc> =>
  definePhase<Doc>({
    tools: 'read_only',
    ...definition,
    model: 'members',
    primitive: 'council',
    outcomes: ['done', NO_QUORUM],
    stops: [NO_QUORUM],
    async run(phase) {
      const roster = rosterOf(phase.settings)
      const first = (await definition.first?.(phase)) ?? null
      const begun = await phase.now('drafting')
      const drafts = await Promise.all(roster.map((member) => draftOf({ phase, definition, first, begun }, member)))
      const sitting: Council<Doc> = { phase, definition, roster, drafts }
      const chosen = await choose(sitting)
      if ('short' in chosen) return endShort(sitting, chosen)
      const winner = roster[chosen.winner] as Member
      const draft = documentOf(drafts[chosen.winner])
      if (first) await phase.save(first.artifact, draft.first)
      const refined = drafts.filter((d) => d.ok).length > 1 ? await refine(sitting, chosen.winner) : null
      const failed = refined && !refined.ok ? [`the refinement ended as ${refined.why}: the winner's draft stands as it was`] : []
      await phase.save(`${definition.domain}_council`, {
        winner: { member: winner.id, model: { ...winner.model } },
        degraded: [...chosen.degraded, ...failed],
        why: chosen.why,
        drafts: draftRecords(sitting),
        ...chosen.record,
        changes: refined?.ok ? refined.value.changes : [],
      })
      const changes = refined?.ok ? [`${winner.id} refined its draft: ${changesInWords(refined.value.changes)}`] : []
      await tell(phase, [chosen.why, ...changes, ...[...chosen.degraded, ...failed].map((what) => `degraded: ${what}`)])
      return phase.done(refined?.ok ? refined.value.document : draft.document)
    },
  })

/** Too few took part: what there is of it is kept. */
async function endShort<Doc>(sitting: Council<Doc>, { short, degraded }: Short): Promise<Outcome<Doc>> {
  const { phase, definition } = sitting
  await phase.save(`${definition.domain}_council`, { winner: null, degraded: [...degraded, short], drafts: draftRecords(sitting) })
  await tell(phase, [...degraded.map((what) => `degraded: ${what}`), short])
  return { ...phase.done(undefined, NO_QUORUM), reason: short, hint: NO_QUORUM_HINT }
}

const draftRecords = <Doc>({ roster, drafts }: Council<Doc>): Json =>
  drafts.map((d, i) => ({
    member: roster[i]?.id ?? '',
    ...(d.ok ? { outcome: 'drafted', document: d.value.document as Json } : outcomeOf(d)),
  }))

// ------------------------------------------------------------------------------------------------------- drafts

interface Drafting<Doc> {
  readonly phase: PhaseRun<Doc>
  readonly definition: CouncilPhase<Doc>
  readonly first: FirstPart | null
  readonly begun: number
}

/** One deadline for all that a member does until its draft is there. */
async function draftOf<Doc>({ phase, definition, first, begun }: Drafting<Doc>, member: Member): Promise<Turned<Draft<Doc>>> {
  const own = { model: member.model, tools: definition.tools ?? 'read_only' } as const
  let before: Json = first?.given ?? null
  if (first?.ask) {
    const slot = { memberId: member.id, step: first.artifact }
    const asked = await promptAgain<Json>(phase, `${first.artifact}:${member.id}`, { ...own, ...first.ask, slot })
    if (!asked.ok) return asked
    before = asked.value
  }
  const spent = first?.ask ? (await phase.now(`${first.artifact}:${member.id}:done`)) - begun : 0
  const limit = limitOf(phase.settings)
  const drafted = await promptAgain<Doc>(phase, `draft:${member.id}`, {
    ...own,
    slot: { memberId: member.id, step: 'draft' },
    ...(first ? { context: withParts(definition.context, [part(first.artifact, before)]) } : {}),
    ...(definition.most === undefined ? {} : { text: atMost(definition, phase.settings) }),
    output: boundedOutput(definition, phase.settings),
    // A server that was away meanwhile must not leave it without time.
    ...(limit === null ? {} : { deadline: Math.ceil(Math.max(limit / 3, limit - spent)) }),
  })
  return drafted.ok ? { ok: true, value: { first: before, document: drafted.value } } : drafted
}

/** A draft without a single item is none; nor is one with more than the setting allows. */
function boundedOutput<Doc>({ output, list, most }: CouncilPhase<Doc>, settings: PhaseRun['settings']): OutputSpec<Doc> {
  const limit = most === undefined ? Infinity : Number(settings[most])
  const validate = async (value: unknown): Promise<StandardSchemaV1.Result<Doc>> => {
    const read = await output.schema['~standard'].validate(value)
    if (read.issues) return read
    const items = (read.value as { readonly [name: string]: unknown })[list]
    const count = Array.isArray(items) ? items.length : 0
    if (count > 0 && count <= limit) return read
    return {
      issues: [{ message: `must have ${count === 0 ? 'at least one entry' : `at most ${limit} entries, not ${count}`}`, path: [list] }],
    }
  }
  return { ...output, schema: { '~standard': { version: 1, vendor: 'looptroop', validate } } }
}

const atMost = <Doc>({ prompt, list, most = '' }: CouncilPhase<Doc>, settings: PhaseRun['settings']): PromptTemplate => ({
  ...prompt,
  steps: [...(prompt.steps ?? []), `At most ${Number(settings[most])} ${list}.`],
})

// ------------------------------------------------------------------------------------------------------- refine

/** The winner's own draft, and the others without their authors. A refinement that fails loses nothing. */
function refine<Doc>({ phase, definition, roster, drafts }: Council<Doc>, winner: number): Promise<Turned<Changed<Doc>>> {
  const member = roster[winner] as Member
  const { document } = documentOf(drafts[winner])
  const others = drafts.flatMap((d, i) => (d.ok && i !== winner ? [d.value.document] : []))
  const sources = others.map((_, i) => labelOf(i))
  const shown = others.map((other, i) => part('drafts', `### ${labelOf(i)}, an alternative\n\n${JSON.stringify(other, null, 1)}`))
  return promptAgain<Changed<Doc>>(phase, 'refine', {
    model: member.model,
    tools: 'disabled',
    slot: { memberId: member.id, step: 'refine' },
    text: {
      role: 'You finish the draft that a council chose.',
      task: 'Improve the chosen draft with what is better in the alternatives, and mend what you find wrong in it.',
      steps: [
        ...CHANGE_RULES,
        'Name in `inspired_by` the alternative that a change comes from, or null.',
        'Change only what makes the document better.',
      ],
    },
    context: aboutDrafts(definition, [part('drafts', `### The chosen draft\n\n${JSON.stringify(document, null, 1)}`), ...shown]),
    output: changesOutput(
      { document, list: definition.list, schema: boundedOutput(definition, phase.settings).schema, sources },
      'CHANGES',
    ),
  })
}
