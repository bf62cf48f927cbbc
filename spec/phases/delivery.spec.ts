import * as assert from 'uvu/assert'
import type { Decision } from '../../plugins/contract.ts'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

describe('INTEGRATING_CHANGES', (it) => {
  const integrating = phaseNamed('INTEGRATING_CHANGES')
  it('puts the change into one commit and reports it', async () => {
    const run = await testPhase(integrating, { changed: ['a.ts', 'b.ts'] })
    const output = run.outcome?.output as Record<string, unknown>
    assert.equal([output['commit'], output['files'], output['stat']], ['commit1', ['a.ts', 'b.ts'], '2 files changed'])
    assert.equal(run.violations, [])
  })
  it('says so when nothing was to be changed', async () => {
    const run = await testPhase(integrating, { changed: [] })
    assert.equal([run.commits, run.outcome?.output?.['commit' as never]], [[], null])
  })
})

describe('INTEGRATING_CHANGES and the hooks of the repository', (it) => {
  const integrating = phaseNamed('INTEGRATING_CHANGES')
  const said = (hook: string) => ({ hook, exitCode: 1, timedOut: false, durationMs: 1, output: 'no good' })
  const failing = { passed: false, ran: [said('pre-commit')] }
  const verbs = (run: { readonly recorded: readonly { name: string }[] }) =>
    run.recorded.map((r) => r.name).filter((name) => name.startsWith('hooks'))
  it('tells a failing one, and takes back what it changed, unless it has to pass', async () => {
    const run = await testPhase(integrating, { hooks: { ...failing, changed: ['a.ts'] } })
    const { hooks } = (run.outcome?.output ?? {}) as { hooks?: { failure: string } }
    assert.equal([run.outcome?.outcome, verbs(run), run.violations], ['done', ['hooks', 'hooks:reset'], []])
    assert.match(hooks?.failure ?? '', /pre-commit ended with 1:\nno good/)
  })
  it('sends a failing one back to the final test, and stops when that did not help twice, or when it is about the message', async () => {
    const required = { ...failing, policy: 'require' as const }
    const ends = async (script: object): Promise<unknown> => (await testPhase(integrating, { hooks: required, ...script })).outcome?.outcome
    assert.equal([await ends({}), await ends({ visits: 2 }), await ends({ visits: 3 })], ['reverify', 'reverify', 'hooks_failed'])
    const stopped = await testPhase(integrating, { hooks: { ...required, ran: [said('commit-msg')] } })
    assert.equal([stopped.outcome?.outcome, stopped.violations], ['hooks_failed', []])
    assert.match(`${stopped.outcome?.reason} ${stopped.outcome?.hint}`, /commit-msg ended with 1:\nno good .*git\.hooks/)
  })
  it('proves the change again when one that has to pass changed it', async () => {
    const artifacts = { final_test_report: { commands: [{ command: 'npm test' }] } }
    const run = await testPhase(integrating, { artifacts, hooks: { policy: 'run', changed: ['a.ts'] } })
    assert.equal([run.commands, run.outcome?.outcome, run.violations], [['npm test'], 'done', []])
    assert.equal(verbs(run), ['hooks', 'hooks:commit', 'hooks:squash'])
  })
})

describe('INTEGRATING_CHANGES and odd files', (it) => {
  const integrating = phaseNamed('INTEGRATING_CHANGES')
  const candidates = { 'a.env': { secrets: [1] }, 'b.env': { secrets: [2] }, 'dist/app.js': {}, '.looptroop/x': {} }
  const script = { changed: ['plain.ts', ...Object.keys(candidates)], candidates }
  const verdict = (path: string, said: string) => ({ path, verdict: said, reason: 'Because.' })
  const leftOut = (run: { readonly outcome: { readonly output?: unknown } | null }): unknown =>
    (run.outcome?.output as { left_out?: unknown } | undefined)?.left_out
  it('asks a model about them and waits for a person where a secret may be', async () => {
    const run = await testPhase(integrating, script)
    assert.equal(
      [run.parked, run.prompts.map((p) => p.name), run.commits, run.violations],
      [['candidate-files'], ['candidate-files:verdicts'], [], []],
    )
  })
  it('does as the person says, of all or of some, and as the model says of the others', async () => {
    const answers = { 'candidate-files:verdicts': { files: [verdict('dist/app.js', 'exclude'), verdict('a.env', 'include')] } }
    const decided = async (decision: Decision) =>
      leftOut(await testPhase(integrating, { ...script, answers, decisions: { 'candidate-files': decision } }))
    assert.equal(await decided({ action: 'keep', payload: null }), ['dist/app.js', '.looptroop/x'])
    assert.equal(await decided({ action: 'leave_out', payload: null }), ['a.env', 'b.env', 'dist/app.js', '.looptroop/x'])
    assert.equal(await decided({ action: 'keep', payload: { paths: ['a.env'] } }), ['b.env', 'dist/app.js', '.looptroop/x'])
    assert.equal(await decided({ action: 'leave_out', payload: { paths: ['a.env'] } }), ['a.env', 'dist/app.js', '.looptroop/x'])
  })
  it('goes on with all of them when the model’s answer cannot be read, but not with a secret', async () => {
    const answers = { 'candidate-files:verdicts': failed('invalid') }
    const quiet = await testPhase(integrating, { ...script, changed: ['dist/app.js'], answers })
    assert.equal([leftOut(quiet), quiet.outcome?.outcome], [[], 'done'])
    assert.equal((await testPhase(integrating, { ...script, answers })).parked, ['candidate-files'])
  })
})

describe('CLEANING_ENV', (it) => {
  it('removes the worktree and keeps the branch', async () => {
    const run = await testPhase(phaseNamed('CLEANING_ENV'))
    assert.equal(
      run.recorded.map((r) => r.verb),
      ['workspace.remove'],
    )
    assert.equal(run.outcome?.output, { removed: ['worktree'], kept: ['looptroop/TEST-1'] })
    assert.equal(run.violations, [])
  })
})
