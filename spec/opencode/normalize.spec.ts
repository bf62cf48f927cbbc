import * as assert from 'uvu/assert'
import { readCatalogue, readError, readMessage, readPart, readQuestion, readStatuses, readTokens } from '../../core/opencode/normalize.ts'
import { directoryOf, isSyncFrame, readFrame } from '../../core/opencode/normalize-event.ts'
import { readEventStream } from '../../core/opencode/sse.ts'
import { describe } from '../helpers/suite.ts'

const frame = (type: string, properties: object, directory: string | undefined = '/w'): string =>
  JSON.stringify({ ...(directory === undefined ? {} : { directory, project: 'p' }), payload: { id: 'evt_1', type, properties } })

async function framesOf(chunks: readonly Uint8Array[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk)
      controller.close()
    },
  })
  const frames: string[] = []
  for await (const one of readEventStream(body, new AbortController().signal)) frames.push(...one)
  return frames
}

describe('records of OpenCode', (it) => {
  it('keeps unknown tokens and cost as null, never zero', () => {
    assert.is(readTokens(undefined), null)
    assert.is(readTokens({ input: 1 }), null)
    assert.equal(readTokens({ input: 0, output: 2, reasoning: 1, cache: { read: 3, write: 4 } }), {
      input: 0,
      output: 2,
      reasoning: 1,
      cacheRead: 3,
      cacheWrite: 4,
    })
    const message = readMessage({ info: { id: 'msg_1', sessionID: 'ses_1', role: 'assistant', time: { created: 1 } }, parts: [] })
    assert.equal({ tokens: message?.tokens, cost: message?.cost }, { tokens: null, cost: null })
  })
  it('drops headers, bodies and metadata of an error', () => {
    const error = readError({
      name: 'APIError',
      data: { message: 'no', statusCode: 429, isRetryable: true, responseHeaders: { 'x-key': 'secret' }, responseBody: 'secret' },
    })
    assert.equal(error, { name: 'APIError', message: 'no', statusCode: 429, retryable: true })
  })
  it('skips what has no id and keeps parts of kinds it does not know', () => {
    const message = readMessage({
      info: { id: 'msg_1', sessionID: 'ses_1', role: 'user', time: { created: 1 }, summary: { diffs: [] } },
      parts: [
        { type: 'text', text: 'lost' },
        { id: 'prt_1', type: 'patch', hash: 'x' },
        'nonsense',
        { id: 'prt_2', type: 'text', text: 'kept', synthetic: true },
      ],
    })
    assert.is(message?.summary, false)
    assert.equal(message?.parts, [
      { id: 'prt_1', type: 'other', name: 'patch' },
      { id: 'prt_2', type: 'text', text: 'kept', synthetic: true, ended: false },
    ])
    assert.is(readMessage({ info: { id: 'msg_1', role: 'system', sessionID: 's' } }), undefined)
  })
  it('reads a tool that failed with its error as the output', () => {
    const part = readPart({
      id: 'prt_1',
      type: 'tool',
      tool: 'bash',
      callID: 'c',
      state: { status: 'error', input: { command: 'x' }, error: 'denied', time: {} },
    })
    assert.equal(part, {
      id: 'prt_1',
      type: 'tool',
      callId: 'c',
      tool: 'bash',
      state: 'error',
      title: null,
      input: { command: 'x' },
      output: 'denied',
    })
  })
  it('takes a question as free to answer unless it says otherwise', () => {
    const items = readQuestion({
      id: 'que_1',
      sessionID: 'ses_1',
      questions: [{ question: 'a' }, { question: 'b', custom: false, multiple: true }],
    })?.questions
    assert.equal(
      items?.map((q) => [q.custom, q.multiple]),
      [
        [true, false],
        [false, true],
      ],
    )
  })
  it('takes idle as not running, and a status it does not know as running', () => {
    assert.equal(
      readStatuses({
        a: { type: 'idle' },
        b: { type: 'busy' },
        c: { type: 'new' },
        d: { type: 'retry', attempt: 2, message: 'm', next: 9, action: {} },
      }),
      {
        b: { type: 'busy' },
        c: { type: 'busy' },
        d: { type: 'retry', attempt: 2, message: 'm', next: 9 },
      },
    )
  })
  it('reads models of both lists, and no key', () => {
    const provider = {
      id: 'p',
      name: 'P',
      options: { apiKey: 'secret' },
      key: 'secret',
      models: { m: { id: 'm', name: 'M', limit: { context: 9 }, variants: { high: {} } } },
    }
    const model = { provider: 'p', model: 'm', name: 'M', contextTokens: 9, variants: ['high'] }
    assert.equal(readCatalogue({ providers: [provider], default: { p: 'm' } }), {
      models: [model],
      connectedProviders: ['p'],
      defaultModels: { p: 'm' },
    })
    assert.equal(readCatalogue({ all: [provider], default: {}, connected: [] }).connectedProviders, [])
    assert.equal(readCatalogue('nonsense'), { models: [], connectedProviders: [], defaultModels: {} })
  })
})

describe('frames of the event stream', (it) => {
  it('tells the directory without parsing, also with quotes in it', () => {
    assert.is(directoryOf(frame('x', {}, '/a "b" \\c')), '/a "b" \\c')
    assert.is(directoryOf('{"payload":{}}'), undefined)
  })
  it('knows a sync frame from a frame that only quotes one', () => {
    assert.ok(isSyncFrame('{"directory":"/w","project":"p","payload":{"type":"sync","syncEvent":{}}}'))
    assert.not.ok(
      isSyncFrame(frame('message.part.updated', { part: { text: '{"payload":{"type":"sync"', nested: { payload: { type: 'sync' } } } })),
    )
  })
  it('names what it cannot read of a known kind, and passes over unknown kinds', () => {
    assert.equal(readFrame(frame('message.part.updated', { part: { type: 'text' } })), { malformed: 'message.part.updated' })
    assert.equal(readFrame(frame('message.updated', {})), { malformed: 'message.updated' })
    assert.is(readFrame(frame('plugin.added', {})), null)
    assert.is(readFrame(frame('session.error', { error: { name: 'X' } })), null, 'an error of no session')
    assert.is(readFrame(frame('message.part.delta', { field: 'metadata' })), null)
  })
  it('reads deltas, statuses, questions and edits', () => {
    const ids = { sessionID: 'ses_1', messageID: 'msg_1', partID: 'prt_1' }
    assert.equal(readFrame(frame('message.part.delta', { ...ids, field: 'text', delta: 'x' })), {
      event: { directory: '/w', type: 'part.delta', sessionId: 'ses_1', messageId: 'msg_1', partId: 'prt_1', text: 'x' },
    })
    assert.equal(readFrame(frame('file.edited', { file: '/w/a' })), { event: { directory: '/w', type: 'file.edited', file: '/w/a' } })
    assert.equal(readFrame(frame('question.rejected', { sessionID: 'ses_1', requestID: 'que_1' })), {
      event: { directory: '/w', type: 'question.rejected', sessionId: 'ses_1', requestId: 'que_1' },
    })
    assert.equal(readFrame(JSON.stringify({ payload: { type: 'server.heartbeat', properties: {} } })), {
      event: { directory: null, type: 'stream.heartbeat' },
    })
  })
  it('puts frames together however they are cut, also within a character', async () => {
    const bytes = new TextEncoder().encode('data: {"a":"é"}\n\n: comment\n\ndata: {"b":1}\r\n\r\ndata: cut off')
    const all = [...bytes].map((byte) => Uint8Array.of(byte))
    assert.equal(await framesOf(all), ['{"a":"é"}', '{"b":1}'])
    assert.equal(await framesOf([bytes]), ['{"a":"é"}', '{"b":1}'])
  })
})
