import * as assert from 'uvu/assert'
import { checkPayload } from '../../core/calls/gate-payload.ts'
import type { Form, Json } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'

const choice = { id: 'Q2', answer_type: 'single_choice', options: [{ id: 'a' }, { id: 'b' }] }
const questionnaire: Form = {
  kind: 'questionnaire',
  title: 'Q',
  actions: [{ id: 'complete', label: 'Send' }],
  questions: [choice],
  earlier: [{ id: 'Q1', answer_type: 'free_text', options: [] }],
}
const checklist: Form = { kind: 'checklist', title: 'C', actions: [{ id: 'complete', label: 'Send' }], questions: [{ id: 'qa-1' }] }
const attached = () => Promise.resolve(new Set(['f1']))
const submit = (form: Form, payload: Json) =>
  checkPayload({ phases: new Map(), pipelines: new Map() }, {} as never, { action: 'complete', payload, form, attached }).then(
    () => 'taken',
    (error: unknown) => String(error),
  )

describe('what a decision brings along', (it) => {
  it('answers questions of the batch, and earlier ones anew', async () => {
    for (const payload of [
      null,
      { answers: {} },
      { answers: { Q2: { selected: ['a'], text: 'and more' }, Q1: { text: 'new' } } },
      { answers: { Q2: { skipped: true } } },
    ])
      assert.is(await submit(questionnaire, payload), 'taken')
  })
  it('is refused with the field when it answers what was not asked, or with what is not offered', async () => {
    assert.match(await submit(questionnaire, { answers: { Q9: { text: 'x' } } }), /answers\.Q9.*there are Q1, Q2/)
    assert.match(await submit(questionnaire, { answers: { Q2: { selected: ['c'] } } }), /no option c/)
    assert.match(await submit(questionnaire, { answers: { Q2: { selected: ['a', 'b'] } } }), /may name one/)
    assert.match(await submit(questionnaire, { answers: { Q2: { selected: ['a', 'a'] } } }), /twice/)
    assert.match(await submit(questionnaire, { answers: { Q1: { text: 3 } } }), /answers\.Q1\.text/)
    assert.match(await submit(questionnaire, { answers: { Q1: { txt: 'x' } } }), /answers\.Q1/)
  })
  it('names entries of a list as texts', async () => {
    const list: Form = { kind: 'list', title: 'L', actions: [{ id: 'complete', label: 'Take them' }] }
    for (const payload of [null, {}, { comment: 'x' }, { paths: ['a.ts'] }]) assert.is(await submit(list, payload), 'taken')
    assert.match(await submit(list, { paths: 'a.ts' }), /payload\.paths/)
  })
  it('holds a result for every check, and what was seen when one failed', async () => {
    assert.is(await submit(checklist, { results: { 'qa-1': { result: 'waive' } } }), 'taken')
    const seen = { result: 'fail', observation: 'It blinks.' }
    assert.is(await submit(checklist, { results: { 'qa-1': { ...seen, evidence: ['f1'] } } }), 'taken')
    assert.match(
      await submit(checklist, { results: { 'qa-1': { ...seen, evidence: ['f1', 'f2'] } } }),
      /qa-1\.evidence.*no attached file f2/,
    )
    assert.is(await submit(checklist, { results: { 'qa-1': { result: 'improvement', title: 'Nicer', priority: 2 } } }), 'taken')
    assert.match(await submit(checklist, { results: { 'qa-1': { result: 'improvement', title: ' ' } } }), /must name the improvement/)
    assert.match(await submit(checklist, { results: { 'qa-1': { result: 'improvement', title: 'N', priority: 10 } } }), /qa-1\.priority/)
    assert.match(await submit(checklist, { results: {} }), /nothing for qa-1/)
    assert.match(await submit(checklist, { results: { 'qa-1': { result: 'fail', observation: ' ' } } }), /must say what was seen/)
    assert.match(await submit(checklist, { results: { 'qa-1': { result: 'pass' }, other: { result: 'pass' } } }), /no item/)
  })
})
