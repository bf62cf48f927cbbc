import * as assert from 'uvu/assert'
import type { OpencodeEventBody, RemotePart } from '../../core/opencode/adapter.ts'
import { activityOf, messageEvents, partEvent, partEvents, progressOf, streamEvent } from '../../core/turns/ticket-events.ts'
import type { OfTurn } from '../../core/turns/ticket-events.ts'
import { describe } from '../helpers/suite.ts'
import { assistant, ours, textPart } from './turn-facts.ts'

const of: OfTurn = { turn: { turnId: 'msg_1', phase: 'X', attempt: 1, prompt: 'answer' }, owner: null }
const seen = (body: OpencodeEventBody) => streamEvent({ directory: null, ...body }, of)
const tool = (given: object): RemotePart => ({
  ...{ id: 'prt_t', type: 'tool', callId: 'c', tool: 'bash', state: 'completed', title: null, input: {}, output: 'ok' },
  ...given,
})

describe('parts of an answer as ticket events', (it) => {
  it('keep a text once it ended, and only then', () => {
    const part = { ...textPart('said'), id: 'prt_1' }
    const kept = partEvent('ses', part, of)
    assert.equal(
      [kept?.type, kept?.data, kept?.key],
      ['text', { ...of.turn, partId: 'prt_1', text: 'said', owner: null }, 'ses:prt_1:ended'],
    )
    assert.is(partEvent('ses', textPart('typing', { ended: false }), of), null)
    assert.is(partEvent('ses', textPart(''), of), null)
  })
  it('keep each state of a tool once, by its own key; a pending one is not worth it', () => {
    assert.is(partEvent('ses', tool({ state: 'pending' }), of), null)
    assert.equal(
      (['running', 'completed', 'error'] as const).map((state) => partEvent('ses', tool({ state }), of)?.key),
      ['ses:prt_t:running', 'ses:prt_t:completed', 'ses:prt_t:error'],
    )
  })
  it('cut a long output in its middle, and say so', () => {
    const data = partEvent('ses', tool({ output: `${'a'.repeat(9_000)}${'z'.repeat(9_000)}` }), of)?.data as {
      output: string
      cut: boolean
    }
    assert.ok(data.cut && data.output.length < 8_100)
    assert.match(data.output, /^a+\n… 10000 characters left out …\nz+$/)
  })
  it('cut a long text in the input of a tool, and say so', () => {
    const input = { filePath: '/x', content: 'c'.repeat(9_000), edits: [{ text: 'short' }] }
    const data = partEvent('ses', tool({ input }), of)?.data as { input: typeof input; cut: boolean }
    assert.ok(data.cut && data.input.content.length < 4_100)
    assert.match(data.input.content, '… 5000 characters left out …')
    assert.equal([data.input.filePath, data.input.edits], ['/x', input.edits])
  })
  it('keep what a tool has printed so far out of the log', () => {
    const data = partEvent('ses', tool({ state: 'running', output: 'so far' }), of)?.data as { output: unknown }
    assert.is(data.output, null)
  })
  it('name the file that a tool wrote, once', () => {
    const wrote = (given: object) => partEvents('ses', tool({ input: { filePath: '/x/a.ts' }, ...given }), of).map((e) => [e.type, e.key])
    assert.equal(wrote({ tool: 'write' })[1], ['file.edited', 'ses:prt_t:file'])
    for (const other of [
      { tool: 'write', state: 'running' },
      { tool: 'edit', state: 'error' },
      { tool: 'read' },
      { tool: 'write', input: {} },
    ])
      assert.is(wrote(other).length, 1)
  })
  it('name the sub-agent that a part came from', () => {
    const kept = partEvent('ses_child', textPart('x'), { ...of, owner: 'ses_child' })
    assert.is(kept?.data['owner' as never], 'ses_child')
  })
  it('are the same whether they come one by one or are read back: equal keys count once', () => {
    const message = assistant({ finish: 'stop', text: 'answer' })
    const [part] = message.parts
    assert.ok(part)
    assert.equal(
      messageEvents([ours, message], of).map((e) => e.key),
      [partEvent(message.sessionId, part, of)?.key],
    )
  })
})

describe('what passes by on the stream', (it) => {
  it('keeps waits for the provider, each attempt once, errors and to-do lists', () => {
    const status = { type: 'retry', attempt: 2, message: 'slow down', next: 5 } as const
    const retry = seen({ type: 'session.status', sessionId: 'ses', status })
    assert.equal([retry?.type, retry?.key], ['session.status', 'ses:msg_1:retry:2'])
    assert.is(seen({ type: 'session.error', sessionId: 'ses', error: { name: 'APIError', message: 'x' } })?.type, 'session.error')
    assert.is(seen({ type: 'todo.updated', sessionId: 'ses', todos: [] })?.type, 'todo')
  })
  it('keeps that a session was compacted', () => {
    assert.is(seen({ type: 'session.compacted', sessionId: 'ses' })?.type, 'session.compacted')
  })
  it('shows tools before their end, steps that begin and whether a session is busy, and keeps none of it', () => {
    const shown = progressOf(tool({ state: 'running', output: `${'x'.repeat(5_000)}end` }), { ...of, owner: 'ses_child' })
    assert.is(shown?.type, 'tool.progress')
    assert.equal([(shown as { output: string }).output.length, (shown as { cut: boolean }).cut, shown?.owner], [2_000, true, 'ses_child'])
    assert.is((progressOf(tool({ state: 'pending', output: null }), of) as { state: string }).state, 'pending')
    assert.equal(progressOf({ id: 'prt_s', type: 'step-start' }, of), {
      type: 'step.started',
      turnId: 'msg_1',
      partId: 'prt_s',
      owner: null,
    })
    assert.is(progressOf(tool({ state: 'completed' }), of), null)
    const status = (type: 'busy' | 'idle') =>
      activityOf({ directory: null, type: 'session.status', sessionId: 'ses', status: { type } }, of) as { status: string }
    assert.equal([status('busy').status, status('idle').status], ['busy', 'idle'])
  })
  it('shows no secret that a tool at work has printed', () => {
    const shown = progressOf(
      tool({ state: 'running', output: 'key sk-proj-AbCdEf0123456789xyz', input: { command: 'curl https://u:hunter2x@h/' } }),
      of,
    )
    assert.not.match(JSON.stringify(shown), /AbCdEf|hunter2x/)
  })
  it('keeps nothing else', () => {
    assert.is(seen({ type: 'session.status', sessionId: 'ses', status: { type: 'busy' } }), null)
    assert.is(seen({ type: 'stream.heartbeat' }), null)
  })
})
