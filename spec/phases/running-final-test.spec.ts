import * as assert from 'uvu/assert'
import { testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const finalTest = phaseNamed('RUNNING_FINAL_TEST')
const answers = { '@final-test:1': { commands: ['npm test', 'npm run lint'], test_files: ['changed.txt'] } }
const report = (artifacts: readonly { kind: string; content: string }[]) =>
  JSON.parse(artifacts.findLast((a) => a.kind === 'final_test_report')?.content ?? '') as {
    passed: boolean
    commands: { command: string }[]
  }

describe('RUNNING_FINAL_TEST', (it) => {
  it('runs the named commands itself and keeps what they showed', async () => {
    const run = await testPhase(finalTest, { answers })
    assert.equal(run.commands, ['npm test', 'npm run lint'])
    assert.equal([report(run.artifacts).passed, run.commits.length, run.outcome?.outcome], [true, 1, 'done'])
    assert.equal(run.violations, [])
  })
  it('stops at the first that fails, says so to the model, and keeps the report', async () => {
    const exec = (command: string) => (command === 'npm test' ? { exitCode: 1, output: 'not ok 1' } : {})
    const run = await testPhase(finalTest, { answers: () => answers['@final-test:1'], exec, settings: { 'limits.iterations': 1 } })
    const kept = report(run.artifacts)
    assert.equal([kept.passed, kept.commands[0]?.command], [false, 'npm test'])
    assert.match(JSON.stringify(run.prompts[1]?.text), /`npm test` ended with 1:\\nnot ok 1/)
    assert.match(String(run.error), /failed 1 times/)
    assert.equal(run.violations, [])
  })
})
