/** The harness for plugin authors: what it reports of a sound phase, and a phase that breaks each rule. */
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import type { noOutput } from '../../plugins/index.ts'
import { APPROVE, GiveUp, PluginError, REQUEST_CHANGES, definePhase, gate, prompt } from '../../plugins/index.ts'
import type { Json, PhaseRun } from '../../plugins/contract.ts'
import { RULES, failed, testPhase } from '../../plugins/testing/index.ts'
import type { PhaseScript, Rule } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'

const phaseOf = (run: (phase: PhaseRun<Json>) => Promise<Json>, outcomes = ['done']) =>
  definePhase({ id: 'PROBE', label: 'Probe', outcomes, run: async (phase) => phase.done(await run(phase)) })

const Answer = v.object({ summary: v.pipe(v.string(), v.minLength(3)) })
const summary = prompt<{ summary: string }>({
  id: 'SUMMING_UP',
  label: 'Summing up',
  prompt: { task: 'Sum up.' },
  output: { schema: Answer, format: 'json', tag: 'SUMMARY', example: { summary: 'In short.' } },
})

let calls = 0
/** Rule → a phase that breaks it, and nothing else. */
const BREAKS: Readonly<Record<Rule, () => ReturnType<typeof phaseOf>>> = {
  name_twice: () => phaseOf(async (phase) => (await phase.now('at')) + (await phase.now('at'))),
  input_changed: () => phaseOf((phase) => phase.step('write', async () => 1, { call: (calls += 1) })),
  diverged: () =>
    phaseOf(async (phase) => {
      calls += 1
      return calls % 2 === 1 ? phase.now('odd') : 0
    }),
  not_json: () => phaseOf((phase) => phase.step('dates', async () => ({ at: new Date(0) }) as unknown as Json)),
  too_large: () => phaseOf((phase) => phase.step('all', async () => 'x'.repeat(1_000_001))),
  verb_in_step: () => phaseOf((phase) => phase.step('outer', () => phase.now('inner'))),
  unsettled: () =>
    phaseOf(async (phase) => {
      void phase.ask('never', { kind: 'list', title: 'Never awaited', actions: [APPROVE] })
      return phase.now('at')
    }),
  outcome_undeclared: () => definePhase({ id: 'PROBE', label: 'Probe', run: async (phase) => phase.done(null, 'else') }),
  example_invalid: () =>
    definePhase({
      id: 'PROBE',
      label: 'Probe',
      output: { schema: v.looseObject({ n: v.number() }) as unknown as typeof noOutput.schema, format: 'json', example: 'no number' },
      run: async (phase) => phase.done(1),
    }),
}

describe('testPhase', (it) => {
  for (const rule of RULES) {
    it(`names a phase that breaks the rule ${rule}`, async () => {
      calls = 0
      const { violations } = await testPhase(BREAKS[rule]())
      assert.equal([...new Set(violations.map((found) => found.rule))], [rule], JSON.stringify(violations))
    })
  }

  it('runs a prompt phase with the example, an own answer and an answer that does not validate', async () => {
    const example = await testPhase(summary)
    assert.equal([example.outcome, example.violations], [{ outcome: 'done', output: { summary: 'In short.' } }, []])
    assert.equal(
      example.prompts.map((p) => [p.name, p.tools]),
      [['answer', 'read_only']],
    )
    const own = await testPhase(summary, { answers: { answer: { summary: 'fine', more: 1 } } })
    assert.equal(own.outcome?.output, { summary: 'fine' })
    const bad = await testPhase(summary, { answers: () => ({ summary: '' }) })
    assert.is(bad.outcome, null)
    assert.match(String(bad.error), /PromptFailed.*does not validate/)
    assert.equal(bad.violations, [])
    const late = await testPhase(summary, { answers: { answer: failed('timed_out') } })
    assert.match(String(late.error), /timed_out/)
  })

  it('parks at a gate without a decision, and ends with the action of one', async () => {
    const approval = gate({
      id: 'PROBE',
      label: 'Probe',
      kind: 'document',
      title: 'Fine?',
      artifact: 'plan',
      actions: [APPROVE, REQUEST_CHANGES],
    })
    const artifacts = { plan: 'the plan' }
    const parked = await testPhase(approval, { artifacts })
    assert.equal([parked.parked, parked.outcome, parked.violations], [['decision'], null, []])
    assert.is(parked.asked[0]?.form.title, 'Fine?')
    const decided = await testPhase(approval, { artifacts, decisions: { decision: { action: 'approve', payload: null } } })
    assert.equal([decided.outcome, decided.violations], [{ outcome: 'approve' }, []])
    const missing = await testPhase(approval, { decisions: { decision: { action: 'approve', payload: null } } })
    assert.match(String(missing.error), /there is none/)
  })

  it('replays verbs that run side by side in another order, and finds a result that depends on it', async () => {
    const side = (collect: (done: string[], phase: PhaseRun<Json>) => Promise<unknown>) =>
      phaseOf(async (phase) => {
        const done: string[] = []
        await collect(done, phase)
        return done
      })
    const names = ['a', 'b', 'c', 'd', 'e']
    const raced = side((done, phase) => Promise.all(names.map((n) => phase.step(n, async () => n).then((x) => done.push(x)))))
    const found = await testPhase(raced)
    assert.equal(
      found.violations.map((x) => x.rule),
      ['diverged'],
    )
    const ordered = side(async (done, phase) => done.push(...(await Promise.all(names.map((n) => phase.step(n, async () => n))))))
    for (let seed = 1; seed <= 20; seed += 1) assert.equal((await testPhase(ordered, { seed })).violations, [])
  })

  it('says `again` to a step that was begun and failed, and keeps what was recorded before', async () => {
    const again: boolean[] = []
    const fails = phaseOf(async (phase) => {
      await phase.step('first', async () => 1)
      return phase.step('second', async (_key, seen) => {
        again.push(seen)
        throw new GiveUp('no use', { hint: 'Do it by hand.' })
      })
    })
    const report = await testPhase(fails)
    assert.ok(report.error instanceof GiveUp)
    assert.equal(again, [false, true])
    assert.equal(
      report.recorded.map(({ name, done }) => [name, done]),
      [
        ['first', true],
        ['second', false],
      ],
    )
    assert.equal(report.violations, [])
  })

  it('records documents, items, commands and events, and hands the same back on replay', async () => {
    const script: PhaseScript = { artifacts: { prd: 'old' }, exec: (command) => ({ output: `ran ${command}` }), files: { 'a.ts': 'a' } }
    const busy = phaseOf(async (phase) => {
      const before = await phase.read('prd')
      const saved = await phase.save('prd', { text: 'new' }, { derivedFrom: [before?.sha256 ?? ''] })
      await phase.items.put('one', { title: 'One', priority: 2 })
      await phase.emit({ name: 'halfway', data: 1 })
      await phase.sleep('pause', 1_000)
      const [file] = await phase.workspace.files('files', ['a.ts', 'b.ts'], { maxChars: 100 })
      const { output } = await phase.workspace.exec('run', { command: 'true' })
      const commit = await phase.workspace.commit('commit', { message: 'x' })
      await phase.workspace.remove('remove')
      const [item] = await phase.items.list()
      const again = await phase.read('prd')
      return {
        revision: saved.revision,
        same: again?.sha256 === saved.sha256,
        output,
        commit,
        title: item?.title ?? '',
        file: file?.content ?? '',
      }
    })
    const report = await testPhase(busy, script)
    assert.equal(report.outcome?.output, { revision: 2, same: true, output: 'ran true', commit: 'commit1', title: 'One', file: 'a' })
    assert.equal([report.commands, report.commits, report.emitted.length, report.items.length], [['true'], ['commit1'], 1, 1])
    assert.equal(report.violations, [])
  })

  it('keeps the plugin author from what a test has not: a forge', async () => {
    const report = await testPhase(
      phaseOf(async (phase) => (await phase.forge.available('forge')).ok || (await phase.forge.merge('merge', { head: 'h' }))),
    )
    assert.match(String(report.error), /no forge/)
    assert.not.ok(report.error instanceof PluginError)
  })
})
