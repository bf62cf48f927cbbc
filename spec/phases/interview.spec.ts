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
const batches = (report: PhaseReport) => report.asked.map((a) => a.form.questions?.map((q) => (q as { id: string }).id))
const words = (report: PhaseReport) => kept(report).questions.map((q) => [q.id, q.answer.skipped ? null : q.answer.text])

describe('WAITING_INTERVIEW_ANSWERS', (it) => {
  it('asks three at a time and the free question last, alone; what is not answered is skipped', async () => {
    const decisions = {
      'batch:1': answer('complete', { Q1: { text: 'one' }, Q2: { skipped: true } }),
      'batch:2': answer('complete', { Q4: { text: 'four' }, Q1: { text: 'rather uno' } }),
      'batch:3': answer('complete', { final: { text: 'no' } }),
    }
    const report = await testPhase(interview, { artifacts: { interview_questions: questions('Q1', 'Q2', 'Q3', 'Q4') }, decisions })
    assert.equal(batches(report), [['Q1', 'Q2', 'Q3'], ['Q4'], ['final']])
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
        ['adapt:3', 'dialogue', true],
        ['summary', 'dialogue', false],
      ],
    )
    assert.equal(kept(report).summary.goals, ['What is to be reached.'])
  })
  it('follows answers up before it goes on, as often as the budget allows', async () => {
    const follow = (...ids: readonly string[]) => ids.map((id) => question(id, { question: `Why ${id}?` }))
    const decisions = {
      'batch:1': answer('complete', { Q1: { text: 'one' } }),
      'batch:2': answer('complete', { FU1: { text: 'because' } }),
      'batch:3': answer('complete', { Q3: { text: 'three' } }),
      'batch:4': answer('complete', { FU3: { text: 'so' } }),
      'batch:5': answer('complete', {}),
    }
    const answers = {
      'adapt:2': { questions: [question('Q4'), question('Q5')], follow_ups: follow('FU1', 'FU2') },
      'adapt:4': { questions: [], follow_ups: follow('FU3') },
    }
    const artifacts = { interview_questions: questions('Q1', 'Q2', 'Q3', 'Q4', 'Q5') }
    const settings = { 'interview.maxQuestions': 6, 'interview.followUpPercent': 50 }
    const report = await testPhase(interview, { artifacts, decisions, answers, settings })
    assert.equal(batches(report), [['Q1', 'Q2', 'Q3'], ['FU1', 'FU2', 'Q4'], ['Q5'], ['FU3'], ['final']])
    assert.equal(
      kept(report)
        .questions.filter((q) => q.source === 'follow_up')
        .map((q) => [q.id, q.answer.text]),
      [
        ['FU1', 'because'],
        ['FU2', ''],
        ['FU3', 'so'],
      ],
    )
    assert.equal(
      report.prompts.map((p) => p.name),
      ['adapt:2', 'adapt:3', 'adapt:4', 'summary'],
      'with the budget used up and nothing to adapt, nobody is asked',
    )
    assert.equal([report.outcome?.outcome, report.violations], ['complete', []])
  })
  it('takes no follow-up past the budget, none that is asked already, and asks for none after nothing was said', async () => {
    const script = { artifacts: { interview_questions: questions('Q1', 'Q2', 'Q3', 'Q4') } }
    const said = { 'batch:1': answer('complete', { Q1: { text: 'one' } }) }
    const follow = (...ids: readonly string[]) => ({ questions: [question('Q4')], follow_ups: ids.map((id) => question(id)) })
    const two = { 'interview.maxQuestions': 4, 'interview.followUpPercent': 50 }
    for (const [settings, ids] of [
      [two, ['FU1', 'FU2', 'FU3']],
      [two, ['FU1', 'FU1']],
      [two, ['Q1']],
      [{ 'interview.followUpPercent': 0 }, ['FU1']],
    ] as const) {
      const report = await testPhase(interview, { ...script, decisions: said, answers: { 'adapt:2': follow(...ids) }, settings })
      assert.is(batches(report)[1]?.[0], 'Q4', JSON.stringify(ids))
      assert.equal(report.violations, [])
    }
    const none = await testPhase(interview, {
      ...{ ...script, settings: { 'interview.followUpPercent': 0 } },
      decisions: { ...said, 'batch:2': answer('complete', {}) },
    })
    assert.equal(
      [batches(none), none.prompts.length],
      [
        [
          ['Q1', 'Q2', 'Q3'],
          ['Q4', 'final'],
        ],
        2,
      ],
      'nothing to wait for',
    )
    const silent = await testPhase(interview, {
      ...script,
      decisions: { 'batch:1': answer('complete', {}) },
      answers: { 'adapt:2': follow('FU1') },
    })
    assert.equal(batches(silent)[1], ['Q4'])
  })
  it('asks nothing again that an attempt before it has asked', async () => {
    const one = { ...question('Q1'), source: 'compiled', answer: { skipped: false, selected: [], text: 'one', answered_by: 'user' } }
    const none = { goals: [], constraints: [], non_goals: [] }
    const script = { artifacts: { interview_questions: questions('Q1', 'Q2'), interview_answers: { questions: [one], summary: none } } }
    const decisions = { 'batch:1': answer('complete', {}), 'batch:2': answer('complete', {}) }
    const report = await testPhase(interview, { ...script, decisions, attempt: 2 })
    assert.equal(batches(report), [['Q2'], ['final']])
    assert.is(kept(report).questions[0]?.answer.text, 'one')
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
