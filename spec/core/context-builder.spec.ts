import fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { assembleBeadContext, assembleCouncilContext, buildContext, renderPrompt, tokensOf } from '../../core/context-builder.ts'
import type { CouncilPhase } from '../../core/opencode/adapter.ts'
import { isCode } from '../../core/errors.ts'
import type { Item, Note, TicketState } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'

const note = (iteration: number, text: string, kind: Note['kind'] = 'failure'): Note => ({ kind, at: iteration * 1000, iteration, text })
const item: Item = {
  id: 'B-1',
  title: 'Mend the sum',
  state: 'in_progress',
  priority: 1,
  blockedBy: [],
  iteration: 3,
  notes: [note(1, 'first failure'), note(2, 'second failure'), note(2, 'mind the sign', 'person')],
  data: { description: 'sum() is wrong', test_commands: ['npm test'] },
}
const lines = (count: number, word: string): string => Array.from({ length: count }, (_, i) => `${word} line ${i}`).join('\n')
const state = (more: Partial<TicketState> = {}): TicketState => ({
  ticketId: 'AUTH-1',
  title: 'Sum is wrong',
  description: 'Please mend it.',
  artifacts: { prd: 'the prd', relevant_files: 'files: []', drafts: 'Draft 1', my_kind: 'own', error_context: 'boom' },
  notes: [],
  answers: [],
  ...more,
})
const slices = (...names: string[]) => ({ slices: names, keep: [] })
const WIDE = { limit: 100_000, phase: 'CODING' }
const sources = (parts: readonly { source: string }[]): string[] => parts.map((part) => part.source)

describe('slices', (it) => {
  it('are an allow-list: ticket_details first, then as declared, empty ones left out, own kinds by name', () => {
    const { parts, trims } = buildContext(slices('prd', 'my_kind', 'interview', 'ticket_details'), state(), WIDE)
    assert.equal(sources(parts), ['ticket_details', 'prd', 'my_kind'])
    assert.equal(trims, [])
    assert.match(parts[0]?.content ?? '', /AUTH-1: Sum is wrong[^]*mend it/)
  })
  it('a name such as constructor reads no property of the prototype', () => {
    assert.equal(buildContext(slices('constructor', '__proto__'), state(), WIDE).parts, [])
  })
  it('a function sees the state and its parts are ordered and counted alike', () => {
    const built = buildContext(
      (s) => [
        { type: 'text', source: 'own', content: s.title },
        { type: 'text', source: 'ticket_details', content: 'x' },
      ],
      state(),
      WIDE,
    )
    assert.equal(sources(built.parts), ['ticket_details', 'own'])
    assert.is(built.tokens, tokensOf('x') + tokensOf('Sum is wrong'))
  })
  it('answers that found no session are carried whatever the allow-list', () => {
    const { parts } = buildContext(slices(), state({ answers: [{ question: 'Red or blue?', answer: 'red' }] }), { limit: 30, phase: 'P' })
    assert.match(parts[0]?.content ?? '', /Question: Red or blue\?\nAnswer: red/)
  })
  it('bead data and its three separate histories', () => {
    const [data, notes] = assembleBeadContext(state({ item }))
    assert.match(data?.content ?? '', /id: B-1[^]*test_commands:\n {2}- npm test/)
    assert.match(notes?.content ?? '', /### Failed iterations\n- iteration 1[^]*second failure[^]*### Notes of the person\n.*mind the sign/)
    assert.equal(sources(assembleBeadContext(state())), [])
  })
  it('council steps have fixed lists; an unknown step is refused', () => {
    assert.equal(sources(assembleCouncilContext('prd_vote', state())), ['ticket_details', 'relevant_files', 'drafts'])
    assert.equal(sources(assembleCouncilContext('interview_draft', state())), ['ticket_details', 'relevant_files'])
    assert.throws(
      () => assembleCouncilContext('coding' as CouncilPhase, state()),
      (error: unknown) => isCode(error, 'INVALID_INPUT'),
    )
    assert.throws(
      () => assembleCouncilContext('toString' as CouncilPhase, state()),
      (error: unknown) => isCode(error, 'INVALID_INPUT'),
    )
  })
})

describe('the token budget', (it) => {
  it('drops oldest notes first and reports it', () => {
    const many = { ...item, notes: [note(1, lines(60, 'old')), note(2, lines(60, 'middle')), note(3, 'the newest')] }
    const built = buildContext(slices('bead_data', 'bead_notes'), state({ item: many }), { limit: 200, phase: 'CODING' })
    assert.equal(
      built.trims.map((trim) => [trim.source, trim.how]),
      [['bead_notes', 'oldest notes']],
    )
    assert.match(built.parts[1]?.content ?? '', /the newest/)
    assert.ok(built.tokens <= 200)
    assert.is(built.trims[0]?.after, tokensOf(built.parts[1]?.content ?? ''))
  })
  it('drops bodies of relevant files before the list', () => {
    const relevant_files = JSON.stringify({ files: [{ path: 'a.ts', rationale: 'sums', content: lines(500, 'body') }] })
    const built = buildContext(slices('relevant_files', 'prd'), state({ artifacts: { relevant_files, prd: 'the prd' } }), {
      limit: 100,
      phase: 'P',
    })
    assert.equal(
      built.trims.map((trim) => trim.how),
      ['file bodies'],
    )
    assert.match(built.parts[0]?.content ?? '', /path: a\.ts/)
  })
  it('shrinks all parts by the same share, head and tail stay and a marker says what went', () => {
    const artifacts = { prd: lines(200, 'prd'), drafts: lines(200, 'draft') }
    const built = buildContext(slices('prd', 'drafts'), state({ artifacts }), { limit: 1400, phase: 'P' })
    assert.ok(built.tokens <= 1400)
    for (const part of built.parts) assert.match(part.content, /line 0\n[^]*\[… \d+ characters left out …\]\n[^]*line 199$/)
    assert.equal(
      built.trims.map((trim) => trim.how),
      ['shrunk', 'shrunk'],
    )
  })
  it('drops the least important part whole rather than leaving scraps of all', () => {
    const artifacts = { prd: lines(200, 'prd'), drafts: lines(200, 'draft'), error_context: lines(200, 'err') }
    const built = buildContext(slices('prd', 'drafts', 'error_context'), state({ artifacts }), { limit: 700, phase: 'P' })
    assert.equal(
      built.trims.filter((trim) => trim.how === 'dropped').map((trim) => trim.source),
      ['error_context', 'drafts'],
    )
    assert.equal(sources(built.parts), ['prd'])
  })
  it('never touches what the phase is about; when that alone is too much, the ticket blocks', () => {
    const artifacts = { prd: lines(200, 'prd'), drafts: lines(200, 'draft') }
    const builder = { slices: ['prd', 'drafts'], keep: ['prd'] }
    const built = buildContext(builder, state({ artifacts }), { limit: tokensOf(artifacts.prd) + 5, phase: 'P' })
    assert.is(built.parts[0]?.content, artifacts.prd)
    assert.throws(
      () => buildContext(builder, state({ artifacts }), { limit: 300, phase: 'P' }),
      (error: unknown) => isCode(error, 'CONTEXT_OVER_BUDGET'),
    )
  })
  it('whatever the state: within the limit or refused, kept parts whole, every difference reported', () => {
    const text = fc
      .integer({ min: 0, max: 400 })
      .chain((n) => fc.constantFrom('word', 'été ', '日本語', '{"a": 1}\n').map((w) => w.repeat(n)))
    fc.assert(
      fc.property(
        fc.record({ prd: text, drafts: text, beads: text, other: text }),
        fc.integer({ min: 30, max: 1500 }),
        (artifacts, limit) => {
          const builder = { slices: ['ticket_details', 'prd', 'drafts', 'beads', 'other'], keep: ['beads'] }
          const whole = buildContext(builder, state({ artifacts }), { limit: 1e9, phase: 'P' })
          try {
            const built = buildContext(builder, state({ artifacts }), { limit, phase: 'P' })
            assert.ok(built.tokens <= limit)
            for (const part of whole.parts) {
              const now = built.parts.find((candidate) => candidate.source === part.source)
              const trimmed = built.trims.some((trim) => trim.source === part.source)
              assert.is(now?.content !== part.content, trimmed, part.source)
              if (['beads', 'ticket_details'].includes(part.source)) assert.not(trimmed)
            }
          } catch (error) {
            if (!isCode(error, 'CONTEXT_OVER_BUDGET')) throw error
            assert.ok(tokensOf(artifacts.beads.trim()) + tokensOf('AUTH-1: Sum is wrong\n\nPlease mend it.') > limit)
          }
        },
      ),
    )
  })
})

describe('the prompt', (it) => {
  it('is role, task, numbered steps, context by source, and the output format last', () => {
    const text = renderPrompt({
      template: { role: 'You are careful.', task: 'Mend it.', steps: ['Look', 'Act'] },
      parts: buildContext(slices('ticket_details', 'prd'), state(), WIDE).parts,
      output: { schema: v.unknown(), format: 'json', tag: 'OUT', example: { ok: true } },
      questions: false,
    })
    const order = ['# Role', '# Task', '1. Look\n2. Act', '## ticket_details', '## prd', '# Questions', '# Output format', '<OUT>']
    const places = order.map((word) => text.indexOf(word))
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? -1)),
      places.join(),
    )
    assert.ok(text.endsWith('</OUT>'))
  })
  it('says whether a person can be asked', () => {
    assert.match(renderPrompt({ template: 'Go.', parts: [], questions: true }), /`question` tool/)
    assert.match(renderPrompt({ template: 'Go.', parts: [], questions: false }), /Nobody can answer/)
  })
})
