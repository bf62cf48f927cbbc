import * as assert from 'uvu/assert'
import { testPhase } from '../../plugins/testing/index.ts'
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
