/**
 * Several models draft the same document, vote on the drafts without knowing whose they are, and the winner refines its own
 * with what is better in the others. What became of a member is a value, set once; a member that fails does not fail the
 * council while there is a quorum. Of a council of one it is one prompt, without a vote.
 */
import type {
  Json,
  Outcome,
  OutputSpec,
  PhasePlugin,
  PhaseRun,
  PromptOptions,
  PromptPart,
  PromptTemplate,
  SliceContext,
  Turned,
} from '../contract.ts'
import { definePhase, part, withParts } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'
import { GiveUp, PromptFailed } from '../errors.ts'
import { ballotOf, labelOf, scorecard, tally, totalsOf, votePrompt } from './ballot.ts'
import type { Card, Category, Scores } from './ballot.ts'
import { CHANGE_RULES, changesOutput } from './changes.ts'
import type { Changed } from './changes.ts'
import { NO_QUORUM_HINT, limitOf, quorumOf, rosterOf, standingsOf, tooFew } from './roster.ts'
import type { Member } from './roster.ts'

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
  readonly rubric: readonly Category[]
  first?(phase: PhaseRun<Doc>): Promise<FirstPart | null>
}

interface Draft<Doc> {
  readonly first: Json
  readonly document: Doc
}
type Failed = Extract<Turned<never>, { ok: false }>
interface Council<Doc> {
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
      const refined = roster.length > 1 ? await refine(sitting, chosen.winner) : null
      const failed = refined && !refined.ok ? [`the refinement ended as ${refined.why}: the winner's draft stands as it was`] : []
      await phase.save(`${definition.domain}_council`, {
        winner: { member: winner.id, model: { ...winner.model } },
        degraded: [...chosen.degraded, ...failed],
        drafts: draftRecords(sitting),
        ...chosen.record,
        changes: refined?.ok ? refined.value.changes : [],
      })
      return phase.done(refined?.ok ? refined.value.document : draft.document)
    },
  })

/** Too few took part: what there is of it is kept. */
async function endShort<Doc>(sitting: Council<Doc>, { short, degraded }: Short): Promise<Outcome<Doc>> {
  const { phase, definition } = sitting
  await phase.save(`${definition.domain}_council`, { winner: null, degraded: [...degraded, short], drafts: draftRecords(sitting) })
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
    const asked = await phase.prompt<Json>(`${first.artifact}:${member.id}`, { ...own, ...first.ask, slot })
    if (!asked.ok) return asked
    before = asked.value
  }
  const spent = first?.ask ? (await phase.now(`${first.artifact}:${member.id}:done`)) - begun : 0
  const limit = limitOf(phase.settings)
  const drafted = await phase.prompt<Doc>(`draft:${member.id}`, {
    ...own,
    slot: { memberId: member.id, step: 'draft' },
    ...(first ? { context: withParts(definition.context, [part(first.artifact, before)]) } : {}),
    ...(limit === null ? {} : { deadline: Math.max(1_000, limit - spent) }),
  })
  return drafted.ok ? { ok: true, value: { first: before, document: drafted.value } } : drafted
}

const outcomeOf = ({ why, error }: Failed): { outcome: string; error: string } => ({ outcome: why, error: error.message })

function documentOf<Doc>(turned: Turned<Draft<Doc>> | undefined): Draft<Doc> {
  if (turned?.ok) return turned.value
  throw new GiveUp('the council chose a draft that is not there')
}

// --------------------------------------------------------------------------------------------------------- vote

interface Chosen {
  readonly winner: number
  readonly degraded: readonly string[]
  readonly record: { readonly [key: string]: Json }
}
interface Short {
  readonly short: string
  readonly degraded: readonly string[]
}

async function choose<Doc>(sitting: Council<Doc>): Promise<Chosen | Short> {
  const { phase, definition, roster, drafts } = sitting
  const missing = drafts.flatMap((d, i) => (d.ok ? [] : [`${roster[i]?.id}: ${d.why} (${d.error.message})`]))
  const [only] = drafts
  if (roster.length === 1 && only && !only.ok) throw new PromptFailed(only)
  const authors = drafts.flatMap((d, i) => (d.ok ? [i] : []))
  const quorum = quorumOf(phase.settings, roster.length)
  const degraded = missing.map((m) => `no draft of ${m}`)
  const undrafted = tooFew({ got: authors.length, quorum, what: 'drafts', missing })
  if (undrafted !== null) return { short: undrafted, degraded }
  if (authors.length === 1) return { winner: authors[0] as number, degraded, record: { quorum } }
  const seed = await phase.random('ballots')
  const voted = await Promise.all(roster.map((_, voter) => vote(sitting, { voter, order: ballotOf(voter, authors, seed) })))
  const absent = voted.flatMap((b, i) => (b.turned.ok ? [] : [`${roster[i]?.id}: ${b.turned.why} (${b.turned.error.message})`]))
  const unvoted = tooFew({ got: voted.length - absent.length, quorum, what: 'votes', missing: absent })
  if (unvoted !== null) return { short: unvoted, degraded }
  const cards = voted.flatMap((b, voter): Card[] =>
    b.turned.ok ? [{ voter, totals: totalsOf(b.turned.value, b.order, definition.rubric).totals }] : [],
  )
  const result = tally(authors, cards)
  if (result.winner === null) throw new GiveUp('no draft of the council was scored', { hint: 'Retry asks the council again.' })
  return {
    winner: result.winner,
    degraded: [...degraded, ...absent.map((m) => `no vote of ${m}`)],
    record: { quorum, seed, votes: voted.map((b, voter) => voteRecord(sitting, { ...b, voter })), standings: standingsOf(roster, result) },
  }
}

interface Ballot {
  readonly order: readonly number[]
  readonly turned: Turned<Scores>
}

async function vote<Doc>(
  { phase, definition, drafts, roster }: Council<Doc>,
  { voter, order }: { voter: number; order: readonly number[] },
): Promise<Ballot> {
  const member = roster[voter] as Member
  const shown = order.map((author, i) =>
    part('drafts', `### ${labelOf(i)}\n\n${JSON.stringify(documentOf(drafts[author]).document, null, 1)}`),
  )
  const turned = await phase.prompt<Scores>(`vote:${member.id}`, {
    model: member.model,
    tools: 'disabled',
    slot: { memberId: member.id, step: 'vote' },
    text: votePrompt(definition.rubric),
    context: aboutDrafts(definition, shown),
    output: scorecard(definition.rubric, order.length),
  })
  return { order, turned }
}

const aboutDrafts = <Doc>({ context }: CouncilPhase<Doc>, shown: readonly PromptPart[]): PromptOptions['context'] & object =>
  withParts({ ...context, keep: [...context.keep, 'drafts'] }, shown)

function voteRecord<Doc>({ roster, definition }: Council<Doc>, { voter, order, turned }: Ballot & { voter: number }): Json {
  const who = { voter: roster[voter]?.id ?? '', order: order.map((author) => roster[author]?.id ?? '') }
  if (!turned.ok) return { ...who, ...outcomeOf(turned) }
  const { totals, corrected } = totalsOf(turned.value, order, definition.rubric)
  return {
    ...who,
    outcome: 'voted',
    totals: order.map((author) => totals.get(author) ?? 0),
    corrected,
    scores: turned.value.draft_scores as unknown as Json,
  }
}

// ------------------------------------------------------------------------------------------------------- refine

/** The winner's own draft, and the others without their authors. A refinement that fails loses nothing. */
function refine<Doc>({ phase, definition, roster, drafts }: Council<Doc>, winner: number): Promise<Turned<Changed<Doc>>> {
  const member = roster[winner] as Member
  const { document } = documentOf(drafts[winner])
  const others = drafts.flatMap((d, i) => (d.ok && i !== winner ? [d.value.document] : []))
  const sources = others.map((_, i) => labelOf(i))
  const shown = others.map((other, i) => part('drafts', `### ${labelOf(i)}, an alternative\n\n${JSON.stringify(other, null, 1)}`))
  return phase.prompt<Changed<Doc>>('refine', {
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
    output: changesOutput({ document, list: definition.list, schema: definition.output.schema, sources }, 'CHANGES'),
  })
}
