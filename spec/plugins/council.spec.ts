import * as fc from 'fast-check'
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { council, slices } from '../../plugins/index.ts'
import { ballotOf, tally } from '../../plugins/primitives/ballot.ts'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import type { PhaseReport, PhaseScript } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'

const Doc = v.object({ title: v.string(), items: v.pipe(v.array(v.object({ id: v.string(), text: v.string() })), v.minLength(1)) })
type Doc = v.InferOutput<typeof Doc>
const rubric = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, question: `Is it ${id}?` }))
const drafting = council<Doc>({
  id: 'DRAFTING',
  label: 'Drafting',
  domain: 'thing',
  artifact: 'thing',
  list: 'items',
  prompt: { task: 'Draft it.' },
  context: slices('ticket_details'),
  output: { schema: Doc, format: 'json', tag: 'DOC', example: { title: 't', items: [{ id: 'one', text: 'x' }] } },
  rubric,
})
const model = (name: string) => ({ provider: 'p', model: name })
const three = { 'models.main': model('m1'), 'models.members': [model('m2'), model('m3'), model('m1')] }
const draft = (title: string): Doc => ({ title, items: [{ id: 'one', text: title }] })
const card = (...sums: readonly number[]) => ({
  draft_scores: Object.fromEntries(
    sums.map((n, i) => [`Draft ${i + 1}`, { ...Object.fromEntries(rubric.map((c) => [c.id, n])), total_score: 5 * n }]),
  ),
})
/** Scores each draft by the title that the ballot shows, wherever it stands. */
const byTitle =
  (points: Readonly<Record<string, number>>, script: PhaseScript['answers'] & object) =>
  (asked: { name: string; options: { context?: unknown } }) => {
    if (!asked.name.startsWith('vote:')) return (script as Record<string, unknown>)[asked.name]
    const { parts } = asked.options.context as { parts: readonly { content: string }[] }
    return card(...parts.map((p) => points[/"title": "(.*)"/.exec(p.content)?.[1] ?? ''] ?? 0))
  }
const drafts = { 'draft:p/m1': draft('one'), 'draft:p/m2': draft('two'), 'draft:p/m3': draft('three') }
interface Kept {
  readonly winner: { readonly member: string }
  readonly degraded: readonly string[]
  readonly standings: unknown
  readonly votes: readonly {
    readonly voter: string
    readonly order: readonly string[]
    readonly totals: unknown
    readonly corrected: unknown
  }[]
}
const recordOf = (report: PhaseReport): Kept => parse(report.artifacts.find((a) => a.kind === 'thing_council')?.content ?? '') as Kept
const nameOf = (report: PhaseReport, verb: string) => report.recorded.filter((r) => r.verb === verb).map((r) => r.name)

describe('a council', (it) => {
  it('of one is one prompt without a vote', async () => {
    const report = await testPhase(drafting, { answers: { 'draft:test/m1': draft('mine') } })
    assert.equal(nameOf(report, 'prompt'), ['draft:test/m1'])
    assert.equal([report.outcome, report.violations], [{ outcome: 'done', output: draft('mine') }, []])
    assert.equal(recordOf(report).winner, { member: 'test/m1', model: { provider: 'test', model: 'm1' } })
  })
  it('asks each member once in a slot of its own, votes without the own draft, and the best refines', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const answers = byTitle(
        { one: 5, two: 17, three: 11 },
        {
          ...drafts,
          refine: { changes: [{ type: 'modified', target: 'title', value: 'better', inspired_by: 'Draft 1', why: 'clearer' }] },
        },
      )
      const report = await testPhase(drafting, { seed, settings: three, answers })
      assert.equal(report.violations, [])
      assert.equal(
        report.prompts.map((p) => [p.name, p.slot?.memberId, p.slot?.step]),
        [
          ...['m1', 'm2', 'm3'].map((m) => [`draft:p/${m}`, `p/${m}`, 'draft']),
          ...['m1', 'm2', 'm3'].map((m) => [`vote:p/${m}`, `p/${m}`, 'vote']),
          ['refine', 'p/m2', 'refine'],
        ],
      )
      const { winner, votes, degraded, standings } = recordOf(report)
      assert.equal([winner.member, degraded], ['p/m2', []])
      for (const { voter, order } of votes) assert.equal([order.length, order.includes(voter)], [2, false])
      assert.equal(standings, [
        { member: 'p/m1', sum: 50, votes: 2 },
        { member: 'p/m2', sum: 170, votes: 2 },
        { member: 'p/m3', sum: 110, votes: 2 },
      ])
      assert.equal(report.outcome?.output, { ...draft('two'), title: 'better' })
    }
  })
  it('goes on without members that fail, and says so; never asks them twice', async () => {
    const answers = byTitle({ one: 9, two: 3 }, { ...drafts, 'draft:p/m3': failed('timed_out') })
    const report = await testPhase(drafting, { settings: three, answers })
    assert.equal([report.outcome?.outcome, report.violations], ['done', []])
    assert.match(JSON.stringify(recordOf(report).degraded), /no draft of p\/m3: timed_out/)
    assert.is(report.prompts.filter((p) => p.name.includes('m3')).length, 2, 'one draft, and a vote all the same')
  })
  it('ends without a quorum as an outcome of its own, with a reason per member', async () => {
    const report = await testPhase(drafting, {
      settings: { ...three, 'council.quorum': 3 },
      answers: { ...drafts, 'draft:p/m2': failed('invalid') },
    })
    assert.equal([report.outcome?.outcome, report.outcome?.output, report.violations], ['no_quorum', undefined, []])
    assert.match(String(report.outcome?.reason), /has 2 drafts and needs 3: p\/m2: invalid/)
    const { winner, degraded } = recordOf(report)
    assert.equal([winner, degraded.length], [null, 2])
    const votes = await testPhase(drafting, {
      settings: three,
      answers: ({ name }) => (name.startsWith('vote:') ? failed('timed_out') : (drafts as Record<string, unknown>)[name]),
    })
    assert.is(votes.outcome?.outcome, 'no_quorum')
    assert.match(String(votes.outcome?.reason), /has 0 votes and needs 2/)
  })
  it('keeps the winning draft when the refinement cannot be used', async () => {
    const answers = byTitle({ three: 20 }, { ...drafts, refine: { changes: [{ type: 'removed', target: 'nowhere', why: 'no' }] } })
    const report = await testPhase(drafting, { settings: three, answers })
    assert.equal([report.outcome?.output, report.violations], [draft('three'), []])
    assert.match(JSON.stringify(recordOf(report)), /the winner's draft stands as it was/)
  })
  it('reckons totals itself and takes no card with a missing draft, an unknown category or a score out of range', async () => {
    const bad = [card(1), { draft_scores: { ...card(1, 2).draft_scores, 'Draft 3': {} } }, card(21, 0), card(1.5, 2)]
    for (const answer of bad) {
      const report = await testPhase(drafting, {
        settings: three,
        answers: ({ name }) => (name === 'vote:p/m1' ? answer : (drafts as Record<string, unknown>)[name]),
      })
      assert.match(JSON.stringify(recordOf(report).degraded), /no vote of p\/m1: invalid/)
    }
    const wrong = {
      draft_scores: Object.fromEntries(Object.entries(card(3, 4).draft_scores).map(([k, row]) => [k, { ...row, total_score: 99 }])),
    }
    const report = await testPhase(drafting, {
      settings: three,
      answers: ({ name }) => (name === 'vote:p/m1' ? wrong : (drafts as Record<string, unknown>)[name]),
    })
    const [first] = recordOf(report).votes
    assert.equal(
      [first?.totals, first?.corrected],
      [
        [15, 20],
        ['Draft 1', 'Draft 2'],
      ],
    )
  })
})

describe('a ballot', (it) => {
  const authors = fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 2, maxLength: 10 })
  it('follows from the seed, holds every draft but the own one, and differs between voters', () => {
    fc.assert(
      fc.property(authors, fc.integer({ min: 0, max: 9 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (all, voter, seed) => {
        const ballot = ballotOf(voter, all, seed)
        assert.equal(ballot, ballotOf(voter, all, seed))
        assert.equal(new Set(ballot), new Set(all.length >= 3 ? all.filter((a) => a !== voter) : all))
      }),
    )
    const orders = Array.from({ length: 10 }, (_, voter) => ballotOf(voter, [20, 21, 22, 23, 24], 0.5).join())
    assert.ok(new Set(orders).size > 5)
  })
  it('is won by the best mean; a tie goes to the earlier member, and what was not scored cannot win', () => {
    const cardOf = (voter: number, totals: readonly (readonly [number, number])[]) => ({ voter, totals: new Map(totals) })
    assert.is(
      tally(
        [0, 1, 2],
        [
          cardOf(0, [
            [1, 50],
            [2, 50],
          ]),
        ],
      ).winner,
      1,
    )
    assert.is(
      tally(
        [2, 1],
        [
          cardOf(0, [
            [2, 50],
            [1, 50],
          ]),
        ],
      ).winner,
      1,
    )
    assert.is(tally([0, 1], [cardOf(0, [[1, 0]])]).winner, 1)
    assert.is(tally([0, 1], []).winner, null)
    assert.is(
      tally(
        [0, 1],
        [
          cardOf(0, [
            [0, 60],
            [1, 70],
          ]),
          cardOf(1, [[0, 60]]),
        ],
      ).winner,
      1,
    )
  })
})
