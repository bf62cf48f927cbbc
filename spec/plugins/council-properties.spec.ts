/** Whatever members do: who wins follows from the record alone, and the record from the seed and the cards. */
import * as fc from 'fast-check'
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { council, slices } from '../../plugins/index.ts'
import { ballotOf } from '../../plugins/primitives/ballot.ts'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import type { AskedPrompt } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'

const Doc = v.object({ title: v.string(), items: v.array(v.object({ id: v.string() })) })
type Doc = v.InferOutput<typeof Doc>
const rubric = ['a', 'b', 'c'].map((id) => ({ id, question: `Is it ${id}?` }))
const drafting = council<Doc>({
  ...{ id: 'DRAFTING', label: 'Drafting', domain: 'thing', artifact: 'thing', list: 'items', most: 'interview.maxQuestions' },
  ...{ prompt: { task: 'Draft it.' }, context: slices('ticket_details'), rubric },
  output: { schema: Doc, format: 'json', tag: 'DOC', example: { title: 't', items: [{ id: 'one' }] } },
})

const MOST = 2
type Drafted = 'fine' | 'empty' | 'too long' | 'failed'
type Voted = 'fine' | 'wrong sum' | 'failed' | 'invalid'
interface Sitting {
  readonly drafts: readonly Drafted[]
  readonly votes: readonly Voted[]
  /** Points by voter and author, the same in each category. */
  readonly points: readonly (readonly number[])[]
  readonly quorum: number | null
  readonly seed: number
}
const SIZE = 5
const points = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: SIZE, maxLength: SIZE })
const sitting: fc.Arbitrary<Sitting> = fc.integer({ min: 2, max: SIZE }).chain((size) =>
  fc.record({
    drafts: fc.array(fc.constantFrom<Drafted>('fine', 'fine', 'fine', 'empty', 'too long', 'failed'), { minLength: size, maxLength: size }),
    votes: fc.array(fc.constantFrom<Voted>('fine', 'fine', 'wrong sum', 'failed', 'invalid'), { minLength: size, maxLength: size }),
    points: fc.array(points, { minLength: SIZE, maxLength: SIZE }),
    quorum: fc.option(fc.integer({ min: 1, max: size }), { nil: null }),
    seed: fc.integer({ min: 1, max: 1_000 }),
  }),
)

const idOf = (member: number): string => `p/m${member}`
const memberIn = (name: string): number => Number(/p\/m(\d)$/.exec(name)?.[1])
const docOf = (member: number, items = 1): Doc => ({
  title: `of ${member}`,
  items: Array.from({ length: items }, (_, i) => ({ id: `i${i}` })),
})
const answers =
  ({ drafts, votes, points: all }: Sitting) =>
  ({ name, options }: AskedPrompt): unknown => {
    const member = memberIn(name)
    if (name.startsWith('draft:')) {
      const drafted = drafts[member]
      return drafted === 'failed' ? failed('timed_out') : docOf(member, drafted === 'empty' ? 0 : drafted === 'too long' ? MOST + 1 : 1)
    }
    if (!name.startsWith('vote:')) return undefined
    const voted = votes[member]
    if (voted === 'failed') return failed('failed')
    const { parts } = options.context as { parts: readonly { content: string }[] }
    const row = (content: string): object => {
      const given = all[member]?.[Number(/"title": "of (\d)"/.exec(content)?.[1])] ?? 0
      return { a: given, b: given, c: given, total_score: voted === 'wrong sum' ? 99 : 3 * given }
    }
    const shown = parts.map(({ content }, i) => [`Draft ${i + 1}`, row(content)] as const)
    return { draft_scores: Object.fromEntries(voted === 'invalid' ? shown.slice(1) : shown) }
  }

interface Kept {
  readonly winner: { readonly member: string } | null
  readonly seed?: number
  readonly degraded: readonly string[]
  readonly votes?: readonly { readonly voter: string; readonly order: readonly string[]; readonly totals?: readonly number[] }[]
}
const play = async (given: Sitting) => {
  const [main, ...members] = given.drafts.map((_, i) => ({ provider: 'p', model: `m${i}` }))
  const settings = {
    'models.main': main ?? null,
    'models.members': members,
    'council.quorum': given.quorum,
    'interview.maxQuestions': MOST,
  }
  const report = await testPhase(drafting, { answers: answers(given), settings, seed: given.seed })
  const kept = parse(report.artifacts.findLast((a) => a.kind === 'thing_council')?.content ?? '') as Kept
  return { report, kept }
}

/** Anew, from what was recorded: the best mean; a tie is the earlier member's. */
function winnerOf({ votes = [] }: Kept, authors: readonly number[]): number | null {
  const means = authors.map((author) => {
    const totals = votes.flatMap(({ order, totals: given }) => given?.[order.indexOf(idOf(author))] ?? [])
    return { author, mean: totals.length === 0 ? -1 : totals.reduce((a, b) => a + b, 0) / totals.length }
  })
  const best = Math.max(...means.map((m) => m.mean))
  return best < 0 ? null : (means.find((m) => Math.abs(m.mean - best) < 1e-9)?.author ?? null)
}

function checkVotes(given: Sitting, kept: Kept, { authors, voters }: { authors: readonly number[]; voters: readonly number[] }): void {
  for (const { voter, order, totals } of kept.votes ?? []) {
    const member = memberIn(voter)
    assert.equal(order, ballotOf(member, authors, kept.seed ?? -1).map(idOf), 'the order follows from the seed')
    assert.is(order.includes(voter), authors.length < 3 && authors.includes(member), 'nobody judges their own of three')
    const expected = order.map((author) => 3 * (given.points[member]?.[memberIn(author)] ?? 0))
    assert.equal(totals, voters.includes(member) ? expected : undefined, 'sums are reckoned, not believed')
    assert.is(
      kept.degraded.some((d) => d.startsWith(`no vote of ${voter}`)),
      !voters.includes(member),
    )
  }
}

describe('any council', (it) => {
  it('asks each member once, and ends as its record says', async () => {
    await fc.assert(
      fc.asyncProperty(sitting, async (given) => {
        const { report, kept } = await play(given)
        assert.equal(report.violations, [])
        const size = given.drafts.length
        const authors = given.drafts.flatMap((drafted, i) => (drafted === 'fine' ? [i] : []))
        const names = report.prompts.map((p) => p.name)
        assert.is(new Set(names).size, names.length, 'nobody is asked the same twice')
        assert.is(names.filter((n) => n.startsWith('draft:')).length, size)
        const quorum = given.quorum ?? Math.min(2, size)
        const voters = given.votes.flatMap((voted, i) => (voted === 'fine' || voted === 'wrong sum' ? [i] : []))
        const enough = authors.length >= quorum && (authors.length === 1 || voters.length >= quorum)
        for (const [i, drafted] of given.drafts.entries())
          assert.is(
            kept.degraded.some((d) => d.startsWith(`no draft of ${idOf(i)}`)),
            drafted !== 'fine',
          )
        if (!enough) return assert.equal([report.outcome?.outcome, kept.winner], ['no_quorum', null])
        if (authors.length === 1) return assert.is(kept.winner?.member, idOf(authors[0] ?? -1))
        checkVotes(given, kept, { authors, voters })
        const winner = winnerOf(kept, authors)
        if (winner === null) return assert.match(String(report.error), /no draft of the council was scored/)
        assert.is(kept.winner?.member, idOf(winner))
        assert.equal(report.outcome, { outcome: 'done', output: docOf(winner) })
      }),
      { numRuns: 150 },
    )
  })
})
