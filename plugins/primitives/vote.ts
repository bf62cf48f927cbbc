/** The vote of a council, carried out: who may, in which order, and what is kept of it. What follows from the cards is in `ballot.ts`. */
import type { Json, PromptOptions, PromptPart, Turned } from '../contract.ts'
import { part, withParts } from '../define.ts'
import { GiveUp, PromptFailed } from '../errors.ts'
import { promptAgain } from './again.ts'
import { MAX_SCORE, ballotOf, labelOf, scorecard, tally, totalsOf, votePrompt } from './ballot.ts'
import type { Card, Scores } from './ballot.ts'
import type { Council, CouncilPhase, Draft } from './council.ts'
import { quorumOf, standingsInWords, standingsOf, tooFew } from './roster.ts'
import type { Member } from './roster.ts'

export interface Chosen {
  readonly winner: number
  readonly degraded: readonly string[]
  /** Why this one, in words. */
  readonly why: string
  readonly record: { readonly [key: string]: Json }
}
export interface Short {
  readonly short: string
  readonly degraded: readonly string[]
}

export async function choose<Doc>(sitting: Council<Doc>): Promise<Chosen | Short> {
  const { phase, definition, roster, drafts } = sitting
  const missing = drafts.flatMap((d, i) => (d.ok ? [] : [`${roster[i]?.id}: ${d.why} (${d.error.message})`]))
  const [only] = drafts
  if (roster.length === 1 && only && !only.ok) throw new PromptFailed(only)
  const authors = drafts.flatMap((d, i) => (d.ok ? [i] : []))
  const quorum = quorumOf(phase.settings, roster.length)
  const degraded = missing.map((m) => `no draft of ${m}`)
  const undrafted = tooFew({ got: authors.length, quorum, what: 'drafts', missing })
  if (undrafted !== null) return { short: undrafted, degraded }
  if (authors.length === 1) {
    const [winner = 0] = authors
    return { winner, degraded, why: `${roster[winner]?.id} drafted alone: there was nothing to vote on`, record: { quorum } }
  }
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
    why: standingsInWords(roster, result, MAX_SCORE * definition.rubric.length),
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
  const turned = await promptAgain<Scores>(phase, `vote:${member.id}`, {
    model: member.model,
    tools: 'disabled',
    slot: { memberId: member.id, step: 'vote' },
    text: votePrompt(definition.rubric),
    context: aboutDrafts(definition, shown),
    output: scorecard(definition.rubric, order.length),
  })
  return { order, turned }
}

export const aboutDrafts = <Doc>({ context }: CouncilPhase<Doc>, shown: readonly PromptPart[]): PromptOptions['context'] & object =>
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

export const outcomeOf = ({ why, error }: Extract<Turned<never>, { ok: false }>): { outcome: string; error: string } => ({
  outcome: why,
  error: error.message,
})

export function documentOf<Doc>(turned: Turned<Draft<Doc>> | undefined): Draft<Doc> {
  if (turned?.ok) return turned.value
  throw new GiveUp('the council chose a draft that is not there')
}
