/** What holds for every built-in phase, with nobody saying anything about it: the mock's answers, a plan, an approval. */
import * as assert from 'uvu/assert'
import { phases } from '../../phases/index.ts'
import type { Json } from '../../plugins/contract.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

/** Every document that a phase makes, as its example. */
const examples: Record<string, Json> = Object.fromEntries(
  phases.flatMap((phase) => (phase.artifact === undefined ? [] : [[phase.artifact, phase.output.example as Json]])),
)
const artifacts = { ...examples, beads: phaseNamed('PLANNING_BEADS').output.example as Json }

describe('every built-in phase', (it) => {
  for (const phase of phases) {
    it(`${phase.id} keeps the rules of a replay, whatever the order`, async () => {
      for (const seed of [1, 2, 3]) {
        const report = await testPhase(phase, { seed, artifacts })
        assert.equal(report.violations, [])
        assert.ok(report.outcome !== null || report.parked.length > 0 || report.error !== null)
      }
    })
  }
})
