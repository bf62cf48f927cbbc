/** What a person at a terminal is asked, and what is sent for it: questionnaires, checklists, and lines that are typed ahead. */
import { PassThrough } from 'node:stream'
import * as assert from 'uvu/assert'
import { NobodyAnswers, createAsker } from '../../scripts/demo/asker.ts'
import { fillIn } from '../../scripts/demo/forms.ts'
import type { Person } from '../../scripts/demo/person.ts'
import { describe } from '../helpers/suite.ts'

interface Filled {
  readonly lines: readonly string[]
  readonly asked: readonly string[]
  readonly sent: { readonly action: string; readonly payload: object } | null
}
interface Kept {
  draft: { readonly revision: number; readonly content: object } | null
}
/** Answers in order; what is asked beyond them fails. */
async function filled(kind: string, form: object, replies: readonly string[], kept: Kept = { draft: null }): Promise<Filled> {
  const lines: string[] = []
  const asked: string[] = []
  let sent: Filled['sent'] = null
  const client = {
    inbox: { list: { query: () => Promise.resolve({ items: [{ id: 'gate', payload: { form, artifact: null } }] }) } },
    gates: {
      draft: { query: () => Promise.resolve(kept.draft) },
      saveDraft: {
        mutate: ({ seen, content }: { seen: number; content: object }) => Promise.resolve((kept.draft = { revision: seen + 1, content })),
      },
      submit: { mutate: (given: NonNullable<Filled['sent']>) => Promise.resolve((sent = given)) },
    },
  } as unknown as Person['client']
  const ask = (question: string): Promise<string> => {
    const reply = replies[asked.length]
    asked.push(question.trim())
    return reply === undefined ? Promise.reject(new Error(`nothing for ${question}`)) : Promise.resolve(reply)
  }
  const display = { line: (text = ''): void => void lines.push(text.trim()) }
  await fillIn({ client, ticketId: 'T-1', display, ask }, { gateId: 'gate', kind, title: 'The form' })
  return { lines, asked, sent }
}

const options = ['a', 'b', 'c'].map((id) => ({ id, label: `The ${id}` }))
const questions = [
  { id: 'Q1', question: 'What?', rationale: 'Decides much.', options: [] },
  { id: 'Q2', question: 'Which?', options, answer_type: 'single_choice' },
  { id: 'FU1', question: 'All of?', options, answer_type: 'multiple_choice', source: 'follow_up' },
]

describe('a questionnaire at the terminal', (it) => {
  it('says why each is asked, takes numbers and words, and lets one be changed before it is sent, an earlier one too', async () => {
    const earlier = [{ id: 'Q0', question: 'Before?', options: [] }]
    const { lines, sent } = await filled('questionnaire', { questions, earlier }, [
      'words',
      '2',
      '1, 3',
      'q0',
      'other',
      'Q2',
      'neither',
      '',
    ])
    assert.is(sent?.action, 'complete')
    assert.equal(sent?.payload, {
      answers: { Q1: { text: 'words' }, Q2: { text: 'neither' }, FU1: { selected: ['a', 'c'] }, Q0: { text: 'other' } },
    })
    for (const line of ['The form', '1/3  What?', '(Decides much.)', '3/3  further to your answers: All of?', '→ The a, The c'])
      assert.ok(lines.includes(line), `${line} in ${lines.join(' | ')}`)
  })
  it('several numbers are words where one is to be chosen; nothing is skipped; what is left can be skipped at once', async () => {
    const { sent } = await filled('questionnaire', { questions }, ['', '1,2', '!!'])
    assert.equal([sent?.action, sent?.payload], ['skip_all', { answers: { Q1: { skipped: true }, Q2: { text: '1,2' } } }])
  })
})

describe('a checklist at the terminal', (it) => {
  it('tells what came before, and merges what failed for one cause', async () => {
    const from = [{ round: 1, check: 'qa-1', result: 'fail', observation: 'It blinks.', fixes: ['qa1-1'] }]
    const items = ['qa-1', 'qa-2', 'qa-3', 'qa-4', 'qa-5'].map((id) => ({ id, title: id, actions: ['Look.'], expected_result: 'Fine.' }))
    const form = { questions: items.map((item, i) => (i === 0 ? { ...item, lineage: { from } } : item)) }
    const replies = ['Still blinks', '', 'Blinks too', 'qa-1', '', 'Grey', '', '', '! Nicer', '-']
    const { lines, asked, sent } = await filled('checklist', form, replies)
    const failed = (observation: string) => ({ result: 'fail', observation })
    assert.equal(sent?.payload, {
      results: {
        'qa-1': failed('Still blinks'),
        'qa-2': { ...failed('Blinks too'), group: 'qa-1' },
        'qa-3': failed('Grey'),
        'qa-4': { result: 'improvement', title: 'Nicer' },
        'qa-5': { result: 'waive' },
      },
    })
    assert.ok(lines.includes('round 1, qa-1: fail “It blinks.”, mended by qa1-1'), lines.join(' | '))
    assert.is(asked.filter((question) => question.startsWith('The same fault')).length, 2, 'only where something failed before')
  })
})

describe('a checklist that was left half filled in', (it) => {
  it('goes on from there, or anew', async () => {
    const form = { questions: ['qa-1', 'qa-2'].map((id) => ({ id, title: id, actions: ['Look.'], expected_result: 'Fine.' })) }
    const kept: Kept = { draft: null }
    assert.match(String(await filled('checklist', form, ['Grey', ''], kept).catch((error: unknown) => error)), 'nothing for')
    assert.equal(kept.draft, { revision: 1, content: { 'qa-1': { result: 'fail', observation: 'Grey' } } })
    const before = { ...kept }
    const on = await filled('checklist', form, ['', ''], kept)
    assert.equal(
      [on.sent?.payload, kept.draft?.revision],
      [{ results: { 'qa-1': { result: 'fail', observation: 'Grey' }, 'qa-2': { result: 'pass' } } }, 2],
    )
    const anew = await filled('checklist', form, ['n', '', ''], before)
    assert.equal(anew.sent?.payload, { results: { 'qa-1': { result: 'pass' }, 'qa-2': { result: 'pass' } } })
  })
})

describe('who is asked at the terminal', (it) => {
  it('may type ahead, and answers nothing any more after closing it', async () => {
    const input = new PassThrough()
    const asker = createAsker(input, new PassThrough())
    const first = asker.ask('One? ')
    input.write('one\ntwo\n')
    assert.equal([await first, await asker.ask('Two? ')], ['one', 'two'])
    const third = asker.ask('Three? ')
    input.end()
    assert.instance(await third.catch((error: unknown) => error), NobodyAnswers)
    assert.instance(await asker.ask('Four? ').catch((error: unknown) => error), NobodyAnswers)
  })
})
