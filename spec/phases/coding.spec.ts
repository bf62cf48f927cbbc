import * as assert from 'uvu/assert'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import type { PhaseScript } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const coding = phaseNamed('CODING')
const bead = (id: string, ...blocked_by: string[]) => ({ id, title: `Do ${id}`, blocked_by, test_commands: [`test ${id}`] })
const checks = { tests: 'pass', lint: 'ok', typecheck: 'passed', qualitative: 'pass' }
const done = (bead_id: string) => ({ bead_id, status: 'done', checks })
const idOf = (name: string): string => name.split(':')[0] ?? ''
const work = (beads: readonly object[], script: PhaseScript = {}) =>
  testPhase(coding, { answers: ({ name }) => done(idOf(name)), artifacts: { beads: { beads } as never }, ...script })

describe('CODING', (it) => {
  it('works by dependency, then by place in the plan, each in a slot of its own and committed alone', async () => {
    const report = await work([bead('c', 'b'), bead('a'), bead('b')])
    assert.equal(
      report.prompts.map((p) => [p.name, p.slot?.beadId, p.slot?.iteration]),
      [
        ['a:1', 'a', 1],
        ['b:1', 'b', 1],
        ['c:1', 'c', 1],
      ],
    )
    assert.equal(report.commands, ['test a', 'test b', 'test c'])
    assert.equal(
      report.items.map((i) => [i.id, i.state, i.commit]),
      [
        ['c', 'done', 'commit3'],
        ['a', 'done', 'commit1'],
        ['b', 'done', 'commit2'],
      ],
    )
    assert.equal([report.outcome?.outcome, report.violations], ['done', []])
  })
  it('sends what the server saw fail back into the session, and goes on when it holds', async () => {
    let runs = 0
    const report = await work([bead('a')], { exec: () => ((runs += 1) === 1 ? { exitCode: 1, output: '1 is not 2' } : {}) })
    assert.equal(
      report.prompts.map((p) => p.name),
      ['a:1', 'a:1:repair1'],
    )
    assert.match(JSON.stringify(report.prompts[1]?.text), /exit code 1:\\n1 is not 2/)
    assert.equal([report.outcome?.outcome, report.violations], ['done', []])
  })
  it('begins an iteration anew with a note, and gives up after the limit', async () => {
    const report = await work([bead('a')], { exec: () => ({ exitCode: 2, output: 'no' }), settings: { 'limits.iterations': 2 } })
    assert.match(String(report.error), /a failed 2 times; the last time: `test a` ended with exit code 2/)
    const [item] = report.items
    assert.equal([item?.state, item?.iteration, item?.notes.map((n) => n.iteration)], ['error', 3, [1, 2]])
    assert.equal(report.commits, [])
    assert.equal(report.violations, [])
  })
  it('keeps a report about another bead from counting, and finished beads from being done again', async () => {
    const wrong = await work([bead('a')], { answers: () => done('b'), settings: { 'limits.iterations': 1 } })
    assert.match(String(wrong.error), /You reported on the bead b; this one is a/)
    const item = { id: 'a', title: 'A', state: 'done', priority: 1, blockedBy: [], iteration: 1, notes: [], data: bead('a') } as const
    const rest = await work([bead('a'), bead('b', 'a')], { items: [item] })
    assert.equal(
      rest.prompts.map((p) => p.name),
      ['b:1'],
    )
  })
  it('does a finished bead anew, from where the tree is, when its plan is another one by now', async () => {
    const old = { ...bead('a'), title: 'Do it otherwise' }
    const item = { id: 'a', title: 'A', state: 'done', priority: 1, blockedBy: [], iteration: 1, startCommit: 'old', notes: [] } as const
    const report = await work([bead('a')], { items: [{ ...item, data: old }] })
    assert.equal(
      report.prompts.map((p) => p.name),
      ['a:2'],
    )
    assert.equal([report.items[0]?.startCommit, report.items[0]?.title, report.violations], ['base', 'Do a', []])
  })
  it('does not use up an iteration for what the provider did', async () => {
    const report = await work([bead('a')], { answers: () => failed('failed', { kind: 'provider' }) })
    assert.match(String(report.error), /PromptFailed/)
    assert.equal([report.items[0]?.iteration, report.items[0]?.notes], [1, []])
  })
  it('gives up on a plan that is none, and on failed dependencies, with the ids', async () => {
    assert.match(String((await testPhase(coding, { artifacts: { beads: 'nothing' } })).error), /not a list of beads/)
    const broken = { id: 'a', title: 'A', state: 'error', priority: 1, blockedBy: [], iteration: 1, notes: [], data: bead('a') } as const
    assert.match(String((await work([bead('a'), bead('b', 'a')], { items: [broken] })).error), /a \(failed\); b \(waits for a\)/)
  })
  it('does not count an iteration that OpenCode cut off, and gives up only after its limit of real ones', async () => {
    let asked = 0
    const report = await work([bead('a')], {
      settings: { 'limits.iterations': 2 },
      answers: () => ((asked += 1) <= 4 ? failed('failed', { kind: 'interrupted' }) : done('a')),
    })
    assert.equal([report.outcome?.outcome, report.items[0]?.state, report.items[0]?.iteration], ['done', 'done', 5])
    const hopeless = await work([bead('a')], {
      settings: { 'limits.iterations': 2 },
      answers: () => failed('invalid', { kind: 'invalid' }),
    })
    assert.is(hopeless.items[0]?.state, 'error')
  })
})
