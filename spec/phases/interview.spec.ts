import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { failed, testPhase } from '../../plugins/testing/index.ts'
import type { PhaseReport } from '../../plugins/testing/index.ts'
import { describe } from '../helpers/suite.ts'
import { phaseNamed } from './phases.ts'

const interview = phaseNamed('WAITING_INTERVIEW_ANSWERS')
const question = (id: string, more: object = {}) => ({
  id,
  phase: 'foundation',
  question: `What is ${id}?`,
  rationale: '',
  answer_type: 'free_text',
  options: [],
  ...more,
})
const questions = (...ids: readonly string[]) => ({ questions: ids.map((id) => question(id)) })
const answer = (action: string, answers: Record<string, object>) => ({ action, payload: { answers } as never })
interface Kept {
  readonly questions: readonly {
    readonly id: string
    readonly source: string
    readonly answer: { readonly skipped: boolean; readonly text: string; readonly answered_by: string }
  }[]
  readonly summary: { readonly goals: readonly string[] }
}
const kept = (report: PhaseReport) => report.outcome?.output as Kept
const words = (report: PhaseReport) => kept(report).questions.map((q) => [q.id, q.answer.skipped ? null : q.answer.text])

describe('WAITING_INTERVIEW_ANSWERS', (it) => {
  it('asks three at a time and the free question last; what is not answered is skipped', async () => {
    const decisions = {
      'batch:1': answer('complete', { Q1: { text: 'one' }, Q2: { skipped: true } }),
      'batch:2': answer('complete', { Q4: { text: 'four' }, final: { text: 'no' }, Q1: { text: 'rather uno' } }),
    }
    const report = await testPhase(interview, { artifacts: { interview_questions: questions('Q1', 'Q2', 'Q3', 'Q4') }, decisions })
    assert.equal(
      report.asked.map((a) => a.form.questions?.map((q) => (q as { id: string }).id)),
      [
        ['Q1', 'Q2', 'Q3'],
        ['Q4', 'final'],
      ],
    )
    assert.equal(words(report), [
      ['Q1', 'rather uno'],
      ['Q2', null],
      ['Q3', null],
      ['Q4', 'four'],
      ['final', 'no'],
    ])
    assert.equal([report.outcome?.outcome, report.violations], ['complete', []])
    assert.equal(
      report.prompts.map((p) => [p.name, p.slot?.step, p.keep]),
      [
        ['adapt:2', 'dialogue', true],
        ['summary', 'dialogue', false],
      ],
    )
    assert.equal(kept(report).summary.goals, ['What is to be reached.'])
  })
  it('takes the wording of the model for the questions it was given, and no others', async () => {
    const decisions = { 'batch:1': answer('complete', { Q1: { text: 'one' } }) }
    const script = { artifacts: { interview_questions: questions('Q1', 'Q2', 'Q3', 'Q4') }, decisions }
    const better = { questions: [question('Q4', { question: 'And then?' })] }
    const adapted = await testPhase(interview, { ...script, answers: { 'adapt:2': better } })
    assert.match(JSON.stringify(adapted.asked[1]?.form.questions), /And then\?/)
    for (const other of [questions('Q5'), questions('Q4', 'Q5'), failed('timed_out')]) {
      const report = await testPhase(interview, { ...script, answers: { 'adapt:2': other } })
      assert.match(JSON.stringify(report.asked[1]?.form.questions), /What is Q4/)
      assert.equal(report.violations, [])
    }
  })
  it('skips all that is left, and asks no model for it', async () => {
    const decisions = { 'batch:1': answer('skip_all', { Q1: { text: 'one' } }) }
    const report = await testPhase(interview, { artifacts: { interview_questions: questions('Q1', 'Q2', 'Q3', 'Q4') }, decisions })
    assert.equal(words(report), [
      ['Q1', 'one'],
      ['Q2', null],
      ['Q3', null],
      ['Q4', null],
      ['final', null],
    ])
    assert.equal([report.outcome?.outcome, report.prompts, report.violations], ['skip_all', [], []])
  })
  it('asks only what is new when the check sends it back', async () => {
    const one = { ...question('Q1'), source: 'compiled', answer: { skipped: false, selected: [], text: 'one', answered_by: 'user' } }
    const before = { questions: [one, { ...one, id: 'final', source: 'final' }], summary: { goals: [], constraints: [], non_goals: [] } }
    const artifacts = { interview_questions: questions('Q1'), interview_follow_ups: questions('CFU1'), interview: before }
    const report = await testPhase(interview, {
      visits: 2,
      artifacts,
      decisions: { 'batch:1': answer('complete', { CFU1: { text: 'more' } }) },
    })
    assert.equal(words(report), [
      ['Q1', 'one'],
      ['final', 'one'],
      ['CFU1', 'more'],
    ])
    assert.equal(kept(report).questions.at(-1)?.source, 'coverage')
  })
})

describe('WAITING_INTERVIEW_APPROVAL', (it) => {
  it('opens again on the edited document, and an approval is of that one', async () => {
    const gate = phaseNamed('WAITING_INTERVIEW_APPROVAL')
    const decisions = { decision: { action: 'edit', payload: { content: 'edited' } }, 'decision:2': { action: 'approve', payload: null } }
    const report = await testPhase(gate, { artifacts: { interview: 'old' }, decisions })
    assert.equal([report.outcome?.outcome, report.artifacts.map((a) => a.content), report.violations], ['approve', ['old', 'edited'], []])
    assert.is(parse(report.artifacts.at(-1)?.content ?? ''), 'edited')
  })
})
