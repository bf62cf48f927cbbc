import * as assert from 'uvu/assert'
import { testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const waiting = phaseNamed('WAITING_BEADS_APPROVAL')
const decide = (action: string, payload: { comment?: string } | null = null) =>
  testPhase(waiting, { artifacts: { beads: 'the plan' }, decisions: { decision: { action, payload } } })

describe('WAITING_BEADS_APPROVAL', (it) => {
  it('waits on the plan with three actions', async () => {
    const { parked, asked, violations } = await testPhase(waiting, { artifacts: { beads: 'the plan' } })
    assert.equal([parked, violations, asked[0]?.form.artifact], [['decision'], [], 'beads'])
    assert.equal(
      asked[0]?.form.actions.map(({ id, approves }) => [id, approves === true]),
      [
        ['approve', true],
        ['edit', false],
        ['request_changes', false],
      ],
    )
  })
  it('takes a person’s edit over into the draft that it was completed from, so that closing gaps begins there', async () => {
    const bead = { id: 'mine', title: 'Mine', description: 'x', acceptance_criteria: ['y'], tests: ['z'], test_commands: ['true'] }
    const edited = JSON.stringify({ beads: [{ ...bead, labels: ['l'], target_files: ['a.ts'], blocked_by: [] }] })
    const decisions = { decision: { action: 'edit', payload: { content: edited } }, 'decision:2': { action: 'approve', payload: null } }
    const full = await testPhase(waiting, { artifacts: { beads: 'old', beads_draft: 'old' }, decisions })
    const draft = JSON.parse(full.artifacts.findLast((a) => a.kind === 'beads_draft')?.content ?? '') as { beads: object[] }
    assert.equal(draft.beads, [{ ...bead, prd_refs: [], context_guidance: { patterns: [], anti_patterns: [] } }])
    const quick = await testPhase(waiting, { artifacts: { beads: 'old' }, decisions })
    assert.equal([quick.artifacts.filter((a) => a.kind === 'beads_draft'), quick.violations, full.violations], [[], [], []])
  })
  it('ends with the action; the comment of a refusal is kept for the next plan', async () => {
    const approved = await decide('approve')
    assert.equal([approved.outcome, approved.artifacts.length], [{ outcome: 'approve' }, 1])
    const refused = await decide('request_changes', { comment: 'smaller steps' })
    assert.equal([refused.outcome?.outcome, refused.artifacts.at(-1)?.content], ['request_changes', 'smaller steps'])
    assert.match((await decide('request_changes')).artifacts.at(-1)?.content ?? '', /no reason/)
    assert.equal([...approved.violations, ...refused.violations], [])
  })
})
