import * as assert from 'uvu/assert'
import { testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const planning = phaseNamed('PLANNING_BEADS')
const bead = (id: string, ...blocked_by: string[]) => ({
  ...{ id, title: id, description: 'x', acceptance_criteria: ['y'], test_commands: ['true'], blocked_by },
})
const plan = (...beads: readonly object[]) => testPhase(planning, { answers: { answer: { beads } } })

describe('PLANNING_BEADS', (it) => {
  it('ends with the plan, defaults filled in', async () => {
    const { outcome, prompts, violations } = await plan(bead('one'), bead('two', 'one'))
    const { beads } = (outcome?.output ?? {}) as { beads: readonly object[] }
    assert.equal(beads[0], { ...bead('one'), target_files: [], tests: [] })
    assert.equal([prompts[0]?.tools, violations], ['read_only', []])
  })
  it('refuses a cycle, an unknown dependency and an id that is there twice, each with the ids', async () => {
    assert.match(String((await plan(bead('one', 'two'), bead('two', 'one'))).error), /a cycle: one → two → one/)
    assert.match(String((await plan(bead('one', 'nowhere'))).error), /one is blocked by nowhere, which does not exist/)
    assert.match(String((await plan(bead('one'), bead('one'))).error), /one is there twice/)
  })
  it('needs a bead, and for each a command that proves it', async () => {
    assert.match(String((await plan()).error), /length/)
    assert.match(String((await plan({ ...bead('one'), test_commands: [] })).error), /length/)
    assert.match(String((await plan(bead('Not An Id'))).error), /lower-case words/)
  })
})
