/** OpenCode dies in the middle of an answer: what the attempt has already is kept, and only what was cut off is asked again. */
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { parse } from 'yaml'
import { council, coverage, slices } from '../../plugins/index.ts'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'

const Doc = v.object({ title: v.string(), items: v.array(v.object({ id: v.string(), text: v.string() })) })
const doc = { title: 't', items: [{ id: 'one', text: 'x' }] }
const output = { schema: Doc, format: 'json', tag: 'DOC', example: doc } as const
const context = slices('ticket_details')
const drafting = council({
  ...{ id: 'DRAFTING', label: 'Drafting', domain: 'thing', artifact: 'thing', list: 'items' },
  ...{ prompt: { task: 'Draft it.' }, context, output, rubric: [{ id: 'a', question: 'Good?' }] },
})
const checking = coverage({
  ...{ id: 'CHECKING', label: 'Checking', domain: 'thing', artifact: 'thing', context, audit: { task: 'Audit.' } },
  ...{ passes: 'coverage.prdPasses', fix: { by: 'revise', output, list: 'items', prompt: { task: 'Mend.' } } },
})
const model = (name: string) => ({ provider: 'p', model: name })
const settings = { 'models.main': model('m1'), 'models.members': [model('m2'), model('m3')] }
const cutOff = failed('failed', { kind: 'interrupted' })

describe('a prompt that was cut off', (it) => {
  it('of one member is asked again alone, in a session of its own: the council is whole', async () => {
    const answers = { 'draft:p/m2': cutOff, 'vote:p/m3': failed('failed', { kind: 'lost' }), refine: cutOff }
    const report = await testPhase(drafting, { settings, answers })
    assert.equal([report.violations, report.outcome?.outcome], [[], 'done'])
    const again = report.prompts.filter((p) => p.name.includes('again'))
    assert.equal(
      again.map((p) => [p.name, p.slot?.memberId, p.slot?.step]),
      [
        ['draft:p/m2:again1', 'p/m2', 'draft:again1'],
        ['vote:p/m3:again1', 'p/m3', 'vote:again1'],
        ['refine:again1', 'p/m1', 'refine:again1'],
      ],
    )
    const record = parse(report.artifacts.find((a) => a.kind === 'thing_council')?.content ?? '') as { degraded: unknown }
    assert.equal(record.degraded, [])
  })
  it('gives up after five more, as any other failure', async () => {
    const answers = ({ name }: { name: string }) => (name.startsWith('draft:p/m2') ? cutOff : undefined)
    const report = await testPhase(drafting, { settings, answers })
    assert.is(report.prompts.filter((p) => p.name.startsWith('draft:p/m2')).length, 6)
    assert.equal([report.violations, report.outcome?.outcome], [[], 'done'])
  })
  it('is not asked again when the model itself failed', async () => {
    const report = await testPhase(drafting, { settings, answers: { 'draft:p/m2': failed('invalid') } })
    assert.ok(!report.prompts.some((p) => p.name.includes('again')))
  })
  it('of an audit leaves the audits and revisions before it as they are', async () => {
    const revision = {
      changes: [{ type: 'added', target: 'two', value: { text: 'two' }, why: 'gap' }],
      gap_resolutions: [{ gap: 1, action: 'updated', rationale: 'added' }],
    }
    const answers = { 'audit:1': { gaps: ['no two'] }, 'revise:1': cutOff, 'revise:1:again1': revision, 'audit:2': cutOff }
    const report = await testPhase(checking, { artifacts: { thing: doc }, answers })
    assert.equal(
      report.prompts.map((p) => p.name),
      ['audit:1', 'revise:1', 'revise:1:again1', 'audit:2', 'audit:2:again1'],
    )
    assert.equal([report.violations, report.outcome?.outcome], [[], 'clean'])
  })
})
