/** The manual test as a phase: what failed for one cause is mended by one bead, and a later round knows where its checks come from. */
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import type { QaItem } from '../../plugins/index.ts'
import type { PhaseReport } from '../../plugins/testing/index.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const gate = phaseNamed('WAITING_MANUAL_QA')
const checklist = phaseNamed('GENERATING_QA_CHECKLIST')
const item = (id: string, more: object = {}) => ({
  ...{ id, title: id, behavior: 'x', severity: 'required', actions: ['do'], expected_result: 'y' },
  ...more,
})
const fail = (observation: string, group?: string) => ({ result: 'fail', observation, ...(group === undefined ? {} : { group }) })
const submit = (results: object) => ({ decision: { action: 'complete', payload: { results } as never } })
const beadsIn = (report: PhaseReport) =>
  (parse(report.artifacts.findLast((a) => a.kind === 'beads')?.content ?? '') as { beads: Record<string, unknown>[] }).beads
interface Listed {
  readonly round: number
  readonly items: readonly { readonly lineage: Lineage }[]
}
type Lineage = NonNullable<QaItem['lineage']>
const listIn = (report: PhaseReport): Listed => report.outcome?.output as Listed
const roundOf = (report: PhaseReport): number => listIn(report).round
const itemsIn = (report: PhaseReport): Listed['items'] => listIn(report).items

const round1 = {
  beads: { beads: [{ id: 'one' }] },
  qa_checklist: { round: 1, items: [item('qa-1'), item('qa-2'), item('qa-3'), item('qa-4')] },
}

describe('WAITING_MANUAL_QA', (it) => {
  it('makes one bead of all that failed for one cause, by a word or by naming the other check', async () => {
    const results = { 'qa-1': fail('a', 'header'), 'qa-2': fail('b'), 'qa-3': fail('c', 'header'), 'qa-4': fail('d', 'qa-2') }
    const report = await testPhase(gate, { artifacts: round1, decisions: submit(results) })
    assert.equal([report.outcome?.outcome, report.violations], ['fixes', []])
    assert.equal(
      report.prompts.map((p) => [p.name, p.look]),
      [['fixes', true]],
    )
    const made = beadsIn(report).slice(1) as { id: string; qa_origin: { round: number; group: string; checks: { id: string }[] } }[]
    assert.equal(
      made.map(({ id, qa_origin: { round, group, checks } }) => [id, round, group, checks.map((check) => check.id)]),
      [
        ['qa1-1', 1, 'header', ['qa-1', 'qa-3']],
        ['qa1-2', 1, 'qa-2', ['qa-2', 'qa-4']],
      ],
    )
  })
  it('lets one group wait for another, and takes neither a circle nor another number of beads', async () => {
    const results = { 'qa-1': fail('a'), 'qa-2': fail('b'), 'qa-3': { result: 'pass' }, 'qa-4': { result: 'pass' } }
    const bead = (group: string, ...blocked_by: string[]) => ({
      ...{ id: 'fix', group, title: 't', description: 'd', labels: ['qa'], target_files: ['a'], blocked_by },
      ...{ acceptance_criteria: ['x'], test_commands: ['true'] },
    })
    const planned = (...beads: object[]) =>
      testPhase(gate, { artifacts: round1, decisions: submit(results), answers: { fixes: { beads } } })
    const waiting = await planned(bead('qa-1', 'qa-2'), bead('qa-2'))
    assert.equal(
      beadsIn(waiting)
        .slice(1)
        .map((b) => [b['id'], b['blocked_by']]),
      [
        ['qa1-1', ['qa1-2']],
        ['qa1-2', []],
      ],
    )
    for (const wrong of [
      [bead('qa-1')],
      [bead('qa-2'), bead('qa-1')],
      [bead('qa-1', 'qa-2'), bead('qa-2', 'qa-1')],
      [bead('qa-1', 'qa-9'), bead('qa-2')],
    ])
      assert.match(String((await planned(...wrong)).error), /fixes/)
  })
})

describe('GENERATING_QA_CHECKLIST', (it) => {
  const results = {
    round: 1,
    results: { 'qa-1': fail('a'), 'qa-2': { result: 'pass' }, 'qa-3': { result: 'waive' }, 'qa-4': { result: 'pass' } },
  }
  const beads = { beads: [{ id: 'one' }, { id: 'qa1-1', qa_origin: { round: 1, group: 'qa-1', checks: [{ id: 'qa-1' }] } }] }
  const round2 = { ...round1, beads, qa_results: results }
  const listed = (artifacts: object, ...items: object[]) =>
    testPhase(checklist, { artifacts: artifacts as never, answers: { checklist: { items } } })

  it('tells of each check what it goes back to, over all rounds', async () => {
    const second = await listed(round2, item('qa-1', { previous: ['qa-1', 'qa-2'] }), item('qa-2', { previous: ['qa-4'] }), item('qa-3'))
    assert.equal([second.violations, roundOf(second)], [[], 2])
    assert.equal(
      itemsIn(second).map(({ lineage: { id, recheck } }) => [id, recheck]),
      [
        ['1/qa-1', 'pending'],
        ['1/qa-4', 'passed'],
        ['2/qa-3', 'new'],
      ],
    )
    assert.equal(
      itemsIn(second)[0]?.lineage.from.map((step) => [step.round, step.check, step.result, step.fixes]),
      [
        [1, 'qa-1', 'fail', ['qa1-1']],
        [1, 'qa-2', 'pass', []],
      ],
    )
    const still = { round: 2, results: { 'qa-1': fail('still'), 'qa-2': { result: 'pass' }, 'qa-3': { result: 'pass' } } }
    const third = await listed(
      { beads, qa_checklist: second.outcome?.output, qa_results: still },
      item('qa-1', { previous: ['qa-1'], lineage: { id: 'made up', recheck: 'passed', from: [] } }),
    )
    const [again] = itemsIn(third)
    assert.equal([again?.lineage.id, again?.lineage.recheck], ['1/qa-1', 'pending'])
    assert.equal(
      again?.lineage.from.map((step) => `${step.round}/${step.check} ${step.result}`),
      ['1/qa-1 fail', '1/qa-2 pass', '2/qa-1 fail'],
    )
  })
  it('takes no list that leaves a failed check untested, or names one that there was not', async () => {
    for (const wrong of [[item('qa-1')], [item('qa-1', { previous: ['qa-1', 'qa-9'] })], [item('qa-1', { previous: ['qa-2'] })]])
      assert.match(String((await listed(round2, ...wrong)).error), /checklist/)
    const first = await listed(round1, item('qa-1'))
    assert.is(first.error, null, 'nothing failed, so nothing has to be tested again')
  })
  it('tests again what was void, and says so', async () => {
    const list = await listed({ ...round2, qa_results: { ...results, void: 'the tree moved' } }, item('qa-1', { previous: ['qa-2'] }))
    assert.equal(
      itemsIn(list)[0]?.lineage.from.map((step) => step.result),
      ['void'],
    )
    assert.is(itemsIn(list)[0]?.lineage.recheck, 'pending')
  })
})
