/**
 * The vote of a council, pure: who sees which drafts in which order, what a scorecard must hold, and who wins. Everything
 * follows from the recorded seed and the recorded cards, so that anybody can reckon it again.
 */
import type { Json, OutputSpec, PromptTemplate } from '../contract.ts'

/** A category of a rubric: what is asked, and under which name it is scored. */
export interface Category {
  readonly id: string
  readonly question: string
}
export const MAX_SCORE = 20

/** Totals of one voter's card, by index of the draft's author. */
export interface Card {
  readonly voter: number
  readonly totals: ReadonlyMap<number, number>
}
export interface Tally {
  /** Null when no draft was scored. */
  readonly winner: number | null
  /** By author: the sum over the votes that it got, and how many they were. */
  readonly standings: readonly { readonly author: number; readonly sum: number; readonly votes: number }[]
}

/** The authors whose drafts a voter sees, in the voter's own order. With three or more drafts nobody votes on their own. */
export function ballotOf(voter: number, authors: readonly number[], seed: number): readonly number[] {
  const shown = authors.length >= 3 ? authors.filter((author) => author !== voter) : authors
  return shuffled(shown, numbers(Math.floor(seed * 4_294_967_296) + (voter + 1) * 2_654_435_769))
}

/**
 * Mean of the totals, since excluded and missing votes leave some drafts with fewer; compared without division. A tie goes
 * to the earlier member of the roster. A draft that nobody scored cannot win.
 */
export function tally(authors: readonly number[], cards: readonly Card[]): Tally {
  const standings = authors
    .toSorted((a, b) => a - b)
    .map((author) => {
      const totals = cards.flatMap((card) => card.totals.get(author) ?? [])
      return { author, sum: totals.reduce((sum, n) => sum + n, 0), votes: totals.length }
    })
  const scored = standings.filter((s) => s.votes > 0)
  const best = scored.reduce<(typeof scored)[number] | undefined>((a, b) => (a && a.sum * b.votes >= b.sum * a.votes ? a : b), undefined)
  return { winner: best?.author ?? null, standings }
}

export const votePrompt = (rubric: readonly Category[]): PromptTemplate => ({
  role: 'You judge drafts of the same document by colleagues you do not know, without favour.',
  task: 'Score each of the drafts below. The task they were written for is to be judged by the context that comes with it.',
  steps: [
    ...rubric.map((c) => `${c.id}: ${c.question} (a whole number from 0 to ${MAX_SCORE})`),
    'Score every draft in every category, and give the sum as `total_score`.',
    'Length is no merit. Use the range: two drafts that differ do not get the same card.',
  ],
})

export interface Scores {
  readonly draft_scores: Readonly<Record<string, Readonly<Record<string, number>>>>
}
export const labelOf = (position: number): string => `Draft ${position + 1}`
const TOTAL = 'total_score'

/** A scorecard: exactly these drafts, exactly these categories, whole numbers from 0 to 20. */
export function scorecard(rubric: readonly Category[], drafts: number): OutputSpec<Scores> {
  const labels = Array.from({ length: drafts }, (_, i) => labelOf(i))
  const row = Object.fromEntries([...rubric.map((c) => [c.id, 10]), [TOTAL, 10 * rubric.length]]) as Record<string, number>
  return {
    schema: {
      '~standard': {
        version: 1,
        vendor: 'looptroop',
        validate: (value) => {
          const problems = cardProblems(value, labels, rubric)
          return problems.length > 0 ? { issues: problems.map((message) => ({ message })) } : { value: value as Scores }
        },
      },
    },
    format: 'yaml',
    tag: 'SCORES',
    example: { draft_scores: Object.fromEntries(labels.map((label) => [label, row])) },
  }
}

/** Sums what was scored; what the voter gave as the sum is only compared. */
export function totalsOf(
  { draft_scores }: Scores,
  order: readonly number[],
  rubric: readonly Category[],
): { readonly totals: ReadonlyMap<number, number>; readonly corrected: readonly string[] } {
  const sums = order.map((author, i) => {
    const row = draft_scores[labelOf(i)] ?? {}
    const sum = rubric.reduce((all, c) => all + (row[c.id] ?? 0), 0)
    return { author, sum, corrected: row[TOTAL] !== undefined && row[TOTAL] !== sum ? labelOf(i) : null }
  })
  return { totals: new Map(sums.map((s) => [s.author, s.sum])), corrected: sums.flatMap((s) => s.corrected ?? []) }
}

type Fields = Readonly<Record<string, Json | undefined>>
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

function cardProblems(value: unknown, labels: readonly string[], rubric: readonly Category[]): readonly string[] {
  const scores = isObject(value) ? value['draft_scores'] : undefined
  if (!isObject(scores)) return ['draft_scores is missing']
  const names = rubric.map((c) => c.id)
  const unknown = Object.keys(scores).filter((label) => !labels.includes(label))
  return [
    ...unknown.map((label) => `${label} is not on the ballot; there are ${labels.join(', ')}`),
    ...labels.flatMap((label) => rowProblems(label, scores[label], names)),
  ]
}

function rowProblems(label: string, row: Json | undefined, names: readonly string[]): readonly string[] {
  if (!isObject(row)) return [`${label} is not scored`]
  const wrong = names.filter((name) => !Number.isInteger(row[name]) || Number(row[name]) < 0 || Number(row[name]) > MAX_SCORE)
  const extra = Object.keys(row).filter((name) => name !== TOTAL && !names.includes(name))
  return [
    ...wrong.map((name) => `${label}: ${name} must be a whole number from 0 to ${MAX_SCORE}`),
    ...extra.map((name) => `${label}: ${name} is no category; there are ${names.join(', ')}`),
  ]
}

/** Fisher–Yates. */
function shuffled(list: readonly number[], next: () => number): readonly number[] {
  const out = [...list]
  for (let i = out.length - 1; i > 0; i -= 1) {
    const j = Math.floor(next() * (i + 1))
    const [a, b] = [out[i] as number, out[j] as number]
    out[i] = b
    out[j] = a
  }
  return out
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
