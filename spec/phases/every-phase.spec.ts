/** What holds for every built-in phase, with nobody saying anything about it: the mock's answers, a plan, an approval. */
import * as assert from 'uvu/assert'
import { phases } from '../../phases/index.ts'
import type { Json } from '../../plugins/contract.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const plan = phaseNamed('PLANNING_BEADS').output.example as Json

describe('every built-in phase', (it) => {
  for (const phase of phases) {
    it(`${phase.id} keeps the rules of a replay, whatever the order`, async () => {
      for (const seed of [1, 2, 3]) {
        const report = await testPhase(phase, { seed, artifacts: { beads: plan } })
        assert.equal(report.violations, [])
        assert.ok(report.outcome !== null || report.parked.length > 0 || report.error !== null)
      }
    })
  }
})
