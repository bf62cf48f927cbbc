import * as assert from 'uvu/assert'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import type { PullRequest } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const pullRequest: PullRequest = {
  number: 7,
  url: 'https://forge.invalid/7',
  state: 'open',
  draft: true,
  head: 'base',
  base: 'main',
  updatedAt: null,
}
const creating = phaseNamed('CREATING_PULL_REQUEST')
const waiting = phaseNamed('WAITING_PR_REVIEW')
const integrating = phaseNamed('INTEGRATING_CHANGES')

describe('CREATING_PULL_REQUEST', (it) => {
  it('pushes and opens one; the words are the model’s, or plain ones', async () => {
    for (const answers of [{}, { text: failed('invalid') }]) {
      const report = await testPhase(creating, { pullRequest, answers })
      assert.equal([report.outcome?.outcome, report.violations], ['done', []])
      assert.match(report.artifacts.at(-1)?.content ?? '', /"number": 7/)
    }
  })
  it('without a forge, or without a change, ends with the local branch and says why', async () => {
    for (const [script, reason] of [
      [{}, /no forge/],
      [{ pullRequest, changed: [] }, /nothing was changed/],
    ] as const) {
      const report = await testPhase(creating, script)
      assert.equal([report.outcome?.outcome, report.prompts, report.violations], ['local', [], []])
      assert.match(report.artifacts.at(-1)?.content ?? '', reason)
    }
  })
})

describe('WAITING_PR_REVIEW', (it) => {
  const artifacts = { pull_request_report: 'the report' }
  it('waits while it is open', async () => {
    const report = await testPhase(waiting, { pullRequest, artifacts })
    assert.equal([report.parked, report.violations], [['decision'], []])
  })
  it('merges or closes as the person says', async () => {
    for (const action of ['merge', 'close']) {
      const report = await testPhase(waiting, { pullRequest, artifacts, decisions: { decision: { action, payload: null } } })
      assert.equal([report.outcome?.outcome, report.violations], [action, []])
    }
  })
  it('goes on when it was decided at the forge', async () => {
    for (const [state, outcome] of [
      ['merged', 'merge'],
      ['closed', 'close'],
    ] as const) {
      const report = await testPhase(waiting, { pullRequest: { ...pullRequest, state }, artifacts })
      assert.equal([report.outcome?.outcome, report.violations], [outcome, []])
    }
  })
})

describe('INTEGRATING_CHANGES with a base that moved on', (it) => {
  const artifacts = { final_test_report: { commands: [{ command: 'npm test' }] } }
  it('proves the change again before it is squashed', async () => {
    const report = await testPhase(integrating, { artifacts, baseMoved: { moved: true } })
    assert.equal([report.commands, report.outcome?.outcome, report.violations], [['npm test'], 'done', []])
  })
  it('sends it back to the final test with what failed', async () => {
    const report = await testPhase(integrating, { artifacts, baseMoved: { moved: true }, exec: () => ({ exitCode: 1, output: 'not ok' }) })
    assert.equal([report.outcome?.outcome, report.commits, report.violations], ['reverify', [], []])
    assert.match(report.artifacts.at(-1)?.content ?? '', /main moved on.*not ok/)
  })
  it('stops at conflicts with the paths', async () => {
    const report = await testPhase(integrating, { artifacts, baseMoved: { moved: true, conflicts: ['a.ts'] } })
    assert.match(String(report.error), /both sides changed a\.ts/)
  })
})
