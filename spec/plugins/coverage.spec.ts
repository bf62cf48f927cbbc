import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { parse } from 'yaml'
import { coverage, slices } from '../../plugins/index.ts'
import { applyChanges } from '../../plugins/primitives/changes.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import type { PhaseReport } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'

const Doc = v.object({ title: v.string(), items: v.array(v.object({ id: v.string(), text: v.string() })) })
const doc = { title: 't', items: [{ id: 'one', text: 'x' }] }
const output = { schema: Doc, format: 'yaml', tag: 'DOC', example: doc } as const
const base = {
  label: 'Checking',
  domain: 'thing',
  artifact: 'thing',
  context: slices('thing'),
  audit: { task: 'Audit.' },
  passes: 'coverage.prdPasses',
} as const
const revising = coverage({ ...base, id: 'CHECKING', fix: { by: 'revise', output, list: 'items', prompt: { task: 'Mend.' } } })
const asking = coverage({
  ...base,
  id: 'ASKING',
  fix: {
    by: 'ask',
    question: v.string(),
    example: 'What?',
    artifact: 'further',
    budget: (settings) => Number(settings['interview.maxQuestions']),
  },
})
const added = (id: string) => ({
  changes: [{ type: 'added', target: id, value: { text: id }, why: 'gap' }],
  gap_resolutions: [{ gap: 1, action: 'updated', rationale: 'added' }],
})
const reportOf = (report: PhaseReport) =>
  parse(report.artifacts.findLast((a) => a.kind === 'thing_coverage')?.content ?? '') as { gaps: unknown; history: readonly unknown[] }
const names = (report: PhaseReport) => report.prompts.map((p) => p.name)

describe('coverage by revision', (it) => {
  it('ends at once when nothing is missing', async () => {
    const report = await testPhase(revising, { artifacts: { thing: doc } })
    assert.equal([names(report), report.outcome?.outcome, report.violations], [['audit:1'], 'clean', []])
  })
  it('revises by change records and audits again', async () => {
    const answers = { 'audit:1': { gaps: ['no two'] }, 'revise:1': added('two') }
    const report = await testPhase(revising, { artifacts: { thing: doc }, answers })
    assert.equal([names(report), report.outcome?.outcome, report.violations], [['audit:1', 'revise:1', 'audit:2'], 'clean', []])
    assert.equal(
      (parse(report.artifacts.findLast((a) => a.kind === 'thing')?.content ?? '') as typeof doc).items.map((i) => i.id),
      ['one', 'two'],
    )
  })
  it('ends within its cap for any audits, and keeps what is left open', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        async (audits, cap) => {
          const answers = ({ name }: { name: string }) =>
            name.startsWith('audit:') ? { gaps: audits[(Number(name.slice(6)) - 1) % audits.length] } : undefined
          const report = await testPhase(revising, { artifacts: { thing: doc }, answers, settings: { 'coverage.prdPasses': cap } })
          assert.ok(names(report).filter((n) => n.startsWith('audit:')).length <= cap)
          assert.equal(report.violations, [])
          assert.is(report.outcome?.outcome, (reportOf(report).gaps as unknown[]).length === 0 ? 'clean' : 'capped')
        },
      ),
      { numRuns: 25 },
    )
  })
  it('from the gate mends what was left open and what the person says, once', async () => {
    const first = await testPhase(revising, {
      artifacts: { thing: doc },
      answers: { 'audit:1': { gaps: ['open'] } },
      settings: { 'coverage.prdPasses': 1 },
    })
    assert.is(first.outcome?.outcome, 'capped')
    const kept = first.artifacts.findLast((a) => a.kind === 'thing_coverage')?.content ?? ''
    const again = await testPhase(revising, { visits: 2, artifacts: { thing: doc, thing_coverage: kept, thing_feedback: 'and three' } })
    assert.equal([names(again), again.outcome?.outcome, again.violations], [['revise:0', 'audit:1'], 'clean', []])
    const other = await testPhase(revising, { visits: 2, artifacts: { thing: { ...doc, title: 'another' }, thing_coverage: kept } })
    assert.equal(names(other), ['audit:1'], 'what was open in another document is not asked for')
  })
})

describe('coverage by asking', (it) => {
  const answers = { 'audit:1': { gaps: ['who?'], questions: ['Who?', 'Why?'] } }
  it('asks the person while there are visits and questions left', async () => {
    const report = await testPhase(asking, { artifacts: { thing: doc }, answers, settings: { 'coverage.prdPasses': 2 } })
    assert.equal([report.outcome?.outcome, report.violations], ['ask', []])
    assert.equal(parse(report.artifacts.findLast((a) => a.kind === 'further')?.content ?? ''), { questions: ['Who?', 'Why?'] })
  })
  it('asks nothing at the cap, or when the budget is 0 or spent', async () => {
    const none = { 'audit:1': { gaps: ['who?'] } }
    const capped = [
      await testPhase(asking, { visits: 2, artifacts: { thing: doc }, answers: none, settings: { 'coverage.prdPasses': 2 } }),
      await testPhase(asking, { artifacts: { thing: doc }, answers: none, settings: { 'interview.maxQuestions': 0 } }),
    ]
    for (const report of capped) assert.equal([report.outcome?.outcome, reportOf(report).gaps, report.violations], ['capped', ['who?'], []])
    const dumb = await testPhase(asking, { artifacts: { thing: doc }, answers: none })
    assert.equal([dumb.outcome?.outcome, dumb.violations], ['capped', []], 'gaps that nobody may be asked about, though there is room')
    assert.match(String(reportOf(dumb).gaps), /could not be used: .*gaps without a follow-up question/)
    const over = await testPhase(asking, {
      artifacts: { thing: doc, further: { questions: ['a'] } },
      answers,
      settings: { 'interview.maxQuestions': 2 },
    })
    assert.equal([over.outcome?.outcome, over.violations], ['capped', []])
    assert.match(String(reportOf(over).gaps), /Invalid length/)
  })
})

describe('coverage over all its visits', (it) => {
  const audit = fc.record({ gaps: fc.array(fc.constantFrom('a', 'b'), { maxLength: 2 }), questions: fc.integer({ min: 0, max: 4 }) })
  it('ends within its cap, and never asks more than its budget, for any audits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(audit, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 5 }),
        async (audits, cap, budget) => {
          let further: readonly string[] = []
          for (let visits = 1; ; visits += 1) {
            assert.ok(visits <= cap, `${visits} visits`)
            const { gaps, questions } = audits[(visits - 1) % audits.length] ?? { gaps: [], questions: 0 }
            const asked = Array.from({ length: questions }, (_, i) => `Question ${visits}.${i}?`)
            const report = await testPhase(asking, {
              ...{ visits, answers: { 'audit:1': { gaps, questions: asked } } },
              artifacts: { thing: doc, ...(further.length > 0 ? { further: { questions: further } } : {}) },
              settings: { 'coverage.prdPasses': cap, 'interview.maxQuestions': budget },
            })
            assert.equal([report.error, report.violations], [null, []])
            const kept = report.artifacts.findLast((a) => a.kind === 'further')
            const now = kept ? (parse(kept.content) as { questions: string[] }).questions : []
            assert.ok(now.length <= budget, `${now.length} questions of ${budget}`)
            assert.equal(now.slice(0, further.length), further, 'what was asked stays asked')
            if (report.outcome?.outcome !== 'ask') break
            assert.ok(now.length > further.length, 'who is sent back is asked something')
            further = now
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('change records', (it) => {
  const of = { document: doc, list: 'items', sources: ['Draft 1'] }
  const change = (type: string, target: string, more: object = {}) => ({ type, target, inspired_by: null, why: 'w', ...more }) as never
  const problem = (...changes: never[]) => applyChanges(of, changes).problems.join()
  it('apply to items and to fields; one that changes nothing is dropped', () => {
    const { document, changes, problems } = applyChanges(of, [
      change('modified', 'title', { value: 'new' }),
      change('modified', 'one', { value: { id: 'one', text: 'x' } }),
      change('added', 'two', { value: { text: 'y' } }),
    ])
    assert.equal([document, changes.length, problems], [{ title: 'new', items: [...doc.items, { text: 'y', id: 'two' }] }, 2, []])
  })
  it('are refused when they fit nothing', () => {
    assert.match(problem(change('removed', 'two')), /no item/)
    assert.match(problem(change('modified', 'two', { value: {} })), /there is no two; items are one/)
    assert.match(problem(change('added', 'one', { value: {} })), /exists already/)
    assert.match(problem(change('modified', 'one')), /no value/)
    assert.match(problem(change('modified', 'one', { value: 3 })), /must be an item/)
    assert.match(problem(change('modified', '__proto__', { value: {} })), /there is no __proto__/)
    assert.match(problem(change('modified', 'title', { value: 'a', inspired_by: 'Draft 2' })), /may be null, Draft 1/)
    assert.match(problem(change('modified', 'title', { value: 'a' }), change('modified', 'title', { value: 'b' })), /more than one/)
  })
})
