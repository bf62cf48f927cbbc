import * as assert from 'uvu/assert'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const scanning = phaseNamed('SCANNING_RELEVANT_FILES')
const file = (path: string) => ({ path, rationale: 'why', relevance: 'high', likely_action: 'modify' })

describe('SCANNING_RELEVANT_FILES', (it) => {
  it('keeps what is in the files, read by the server; one that is not there has no content', async () => {
    const answers = { scan: { files: [file('a.ts'), file('gone.ts')] } }
    const report = await testPhase(scanning, { answers, files: { 'a.ts': 'export const a = 1' } })
    const kept = JSON.parse(report.artifacts.find((a) => a.kind === 'relevant_files')?.content ?? '') as { files: unknown[] }
    assert.equal(kept.files, [
      { ...file('a.ts'), content: 'export const a = 1', truncated: false },
      { ...file('gone.ts'), content: null, truncated: false },
    ])
    assert.equal([report.outcome?.outcome, report.violations], ['done', []])
  })
  it('takes no path outside the repository', async () => {
    for (const path of ['/etc/passwd', '../secret', 'a/../../b']) {
      const report = await testPhase(scanning, { answers: { scan: { files: [file(path)] } } })
      assert.match(String(report.error), /inside the repository/)
    }
  })
  it('fails as its prompt failed', async () => {
    const report = await testPhase(scanning, { answers: { scan: failed('rejected') } })
    assert.match(String(report.error), /rejected/)
  })
})
