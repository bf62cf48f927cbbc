import * as assert from 'uvu/assert'
import { SetupPlan } from '../../plugins/documents/setup.ts'
import { inEnvironment } from '../../plugins/primitives/project-commands.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import type { PhaseScript } from '../../plugins/testing/index.ts'
import * as v from 'valibot'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const plan = (more: object = {}) => ({
  ...(phaseNamed('PLANNING_EXECUTION_SETUP').output.example as object),
  workspace_inputs: [{ path: '.env', reason: 'Local keys.' }],
  ...more,
})
const kept = (artifacts: readonly { kind: string; content: string }[], kind: string) =>
  JSON.parse(artifacts.findLast((a) => a.kind === kind)?.content ?? 'null') as Record<string, unknown> | null

describe('PLANNING_EXECUTION_SETUP', (it) => {
  const planning = phaseNamed('PLANNING_EXECUTION_SETUP')
  it('shows the model what the server sees, and the person what the inputs hold', async () => {
    const survey = { manifests: ['package.json'], ignored: ['.env'] }
    const run = await testPhase(planning, { answers: { answer: plan() }, survey })
    assert.equal(kept(run.artifacts, 'workspace_survey')?.['ignored'], ['.env'])
    assert.equal(JSON.stringify(kept(run.artifacts, 'workspace_inputs')).includes('".env"'), true)
    assert.equal([run.outcome?.outcome, run.violations], ['done', []])
  })
  it('sends inputs that cannot be used back once; what is still wrong is shown at the gate', async () => {
    const inputs = { '.env': { problem: 'it is not there in your checkout', sha256: null } }
    const run = await testPhase(planning, { answers: () => plan(), inputs })
    assert.equal(
      run.prompts.map((p) => p.name),
      ['answer', 'inputs:again'],
    )
    assert.match(JSON.stringify(run.prompts[1]?.text), /\.env: it is not there/)
    assert.match(JSON.stringify(kept(run.artifacts, 'workspace_inputs')), /it is not there/)
    assert.equal([run.outcome?.outcome, run.violations], ['done', []])
  })
  it('takes no plan whose probes only show versions when there is something to run', () => {
    const project_commands = { prepare: [], test_full: ['npm test'], lint_full: [], typecheck_full: [] }
    const probes = (...commands: string[]) => commands.map((command, i) => ({ id: `p${i}`, command }))
    const fits = (...commands: string[]) => v.safeParse(SetupPlan, plan({ project_commands, probes: probes(...commands) })).success
    assert.equal(
      [fits(), fits('node --version', 'which npm', 'test -d node_modules'), fits('node --version', 'npm run build')],
      [false, false, true],
    )
  })
})

describe('PREPARING_EXECUTION_ENV', (it) => {
  const preparing = phaseNamed('PREPARING_EXECUTION_ENV')
  const ready = { status: 'ready', summary: 'Done.' }
  const run = (script: PhaseScript, more: object = {}) =>
    testPhase(preparing, {
      ...{ answers: () => ready, changed: [] },
      ...script,
      artifacts: { execution_setup_plan: plan(more), ...script.artifacts },
    })
  it('copies the inputs before each iteration, and probes in the environment of the plan', async () => {
    const environment = { path: ['.venv/bin'], variables: { MODE: "it's" } }
    const report = await run({}, { environment })
    assert.equal(
      report.recorded.filter((r) => r.verb === 'workspace.inputs').map((r) => r.name),
      ['inputs', '@set-up:1:inputs'],
    )
    assert.equal(
      report.commands,
      ['true', 'true'].map((command) => inEnvironment(environment, command)),
    )
    assert.equal([report.outcome?.outcome, report.violations], ['done', []])
    assert.equal(kept(report.artifacts, 'execution_setup_profile')?.['environment'], environment)
  })
  it('goes back to the gate when an input is not what was approved', async () => {
    const seen = { inputs: [{ path: '.env', kind: 'file', sha256: 'another', bytes: 1, problem: null }] }
    const report = await run({ artifacts: { workspace_inputs: seen } })
    assert.equal([report.outcome?.outcome, report.prompts, report.violations], ['evidence_changed', [], []])
    const again = await run({ artifacts: { workspace_inputs: kept(report.artifacts, 'workspace_inputs') as never } })
    assert.is(again.outcome?.outcome, 'done')
  })
  it('stops with what cannot be used', async () => {
    const report = await run({ inputs: { '.env': { problem: 'git does not ignore it', sha256: null } } })
    assert.match(String(report.error), /\.env: git does not ignore it/)
  })
  it('where hooks have to pass, they have to run here', async () => {
    const failing = { hook: 'pre-commit', exitCode: 127, timedOut: false, durationMs: 1, output: 'eslint: not found' }
    const hooks = { policy: 'require' as const, passed: false, ran: [failing] }
    const settings = { 'git.hooks': 'require', 'limits.iterations': 1 }
    assert.match(String((await run({ hooks, settings })).error), /git hook pre-commit ended with 127/)
    assert.is((await run({ hooks, settings: { ...settings, 'git.hooks': 'report' } })).outcome?.outcome, 'done')
  })
})

describe('what the set-up found', (it) => {
  const coding = phaseNamed('CODING')
  const bead = { id: 'a', title: 'A', blocked_by: [], test_commands: ['npm test'], target_files: ['a.ts'] }
  const answers = () => ({ bead_id: 'a', status: 'done', checks: { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' } })
  const profile = {
    environment: { path: ['bin'], variables: { CI: '1' } },
    lock_files: ['package-lock.json'],
    project_commands: { prepare: ['npm ci'], test_full: [], lint_full: [], typecheck_full: [] },
  }
  const commands = async (script: PhaseScript) =>
    (await testPhase(coding, { answers, artifacts: { beads: { beads: [bead] }, execution_setup_profile: profile }, ...script })).commands
  it('holds for what the server runs later: environment, and preparation anew when a lock file changed', async () => {
    const inside = (command: string): string => `export CI='1'\nexport PATH="$PWD"/'bin':"$PATH"\n${command}`
    assert.equal(await commands({ changed: ['a.ts'] }), [inside('npm test')])
    assert.equal(await commands({ changed: ['a.ts', 'package-lock.json'] }), [inside('npm ci'), inside('npm test')])
    const failed = (command: string) => (command.includes('npm ci') ? { exitCode: 1, output: 'no network' } : {})
    const report = await testPhase(coding, {
      ...{ answers, changed: ['package-lock.json'], exec: failed, settings: { 'limits.iterations': 1 } },
      artifacts: { beads: { beads: [bead] }, execution_setup_profile: profile },
    })
    assert.match(String(report.error), /`npm ci` ended with exit code 1:\nno network/)
  })
})
