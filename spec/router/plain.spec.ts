/** The routes for curl: the same calls, the same door. */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import * as assert from 'uvu/assert'
import { fail } from '../../core/index.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { Source } from '../suites/stream/source.ts'
import { fakeKernel, HEALTH } from './fake-kernel.ts'
import { ask, serve, TOKEN } from './wire.ts'

const ASKED = { requestId: 'que_1', ticketId: 'K-1', sessionId: 's', questions: [], askedAt: 1 }
const calls: unknown[] = []
const kernel = fakeKernel({
  health: async () => HEALTH,
  models: { list: async ({ scope }) => ({ models: [], connectedProviders: [scope ?? 'none'], defaultModels: {} }) },
  tickets: {
    get: async (ticketId) => {
      if (ticketId !== 'K-1') throw fail('TICKET_UNKNOWN', { ticketId })
      return {} as never
    },
  },
  events: {
    history: async ({ ticketId }) => {
      throw fail('TICKET_UNKNOWN', { ticketId })
    },
  },
  questions: {
    list: async () => ({ items: [ASKED], errors: [] }),
    reply: async (input) => (calls.push(input), { ok: true as const }),
    reject: async (input) => (calls.push(input), { ok: true as const }),
  },
})
const QUESTIONS = '/api/tickets/K-1/opencode/questions'
const bodyOf = (answer: { text: string }): { error?: { code: string; details: { field?: string } } } => JSON.parse(answer.text) as never

describe('plain HTTP', (it) => {
  it('answers health, models and questions, and takes answers', async () => {
    await using server = await serve({ kernel })
    assert.equal(JSON.parse((await ask(server, '/api/health')).text), HEALTH)
    assert.equal(bodyOf(await ask(server, '/api/models?scope=all')), { models: [], connectedProviders: ['all'], defaultModels: {} })
    assert.equal(bodyOf(await ask(server, QUESTIONS)), { items: [ASKED], errors: [] })
    const reply = await ask(server, `${QUESTIONS}/que_1/reply`, { method: 'POST', body: '{"answers":[["blue"]]}' })
    const reject = await ask(server, `${QUESTIONS}/que%202/reject`, { method: 'POST' })
    assert.equal([reply.status, reject.status], [200, 200])
    assert.equal(calls.splice(0), [
      { ticketId: 'K-1', requestId: 'que_1', answers: [['blue']] },
      { ticketId: 'K-1', requestId: 'que 2' },
    ])
  })
  it('refuses with a code, a hint and its status, and never with a 500', async () => {
    await using server = await serve({ kernel })
    const post = (body: string) => ask(server, `${QUESTIONS}/que_1/reply`, { method: 'POST', body })
    const answers = await Promise.all([
      ask(server, '/api/health', { headers: { authorization: undefined } }),
      ask(server, '/api/health', { headers: { host: '127.evil.com' } }),
      ask(server, '/api/nothing'),
      ask(server, '/api/health', { method: 'POST' }),
      ask(server, '/api/models?scope=some'),
      ask(server, '/api/stream'),
      ask(server, '/api/stream?ticketId=K-9'),
      ask(server, '/api/tickets/K-9/opencode/questions'),
      ask(server, '/api/tickets/%E0%A4%A/opencode/questions'),
      post('{'),
      post('{"answers":"blue"}'),
      post(`{"answers":[["${'x'.repeat(1_100_000)}"]]}`),
    ])
    assert.equal(
      answers.map((answer) => answer.status),
      [401, 403, 404, 405, 400, 400, 404, 404, 400, 400, 400, 413],
    )
    const scope = bodyOf(answers[4] ?? { text: '{}' })
    assert.equal([scope.error?.code, scope.error?.details.field], ['INVALID_INPUT', 'scope'])
    assert.equal(calls, [])
  })
  it('streams events with ids, and goes on after Last-Event-ID', async () => {
    await using source = await Source.open()
    const first = await follow(source)
    await until(() => first.ids.length === 4, 'the log')
    source.feed.delta(source.ticketId, { turnId: 'msg_1', partId: 'prt_1', kind: 'text', text: 'Hello' })
    await until(() => first.text.includes('event: delta\ndata: {'), 'the delta')
    assert.ok(first.text.startsWith('retry: '))
    first.stop()
    await source.append(2)
    const second = await follow(source, first.ids[2])
    await until(() => second.ids.length === 3, 'the rest')
    assert.equal(
      second.ids,
      [4, 5, 6].map((seq) => `${source.store.epoch}.${seq}`),
    )
    second.stop()
  })
})

async function follow(source: Source, lastEventId?: string): Promise<{ ids: string[]; text: string; stop(): void }> {
  const headers = { authorization: `Bearer ${TOKEN}`, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  const asked = request(`${source.server.url}/api/stream?ticketId=${source.ticketId}`, { headers })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  const seen = { ids: [] as string[], text: '', stop: () => void asked.destroy() }
  response.setEncoding('utf8').on('data', (chunk: string) => {
    seen.text += chunk
    seen.ids = [...seen.text.matchAll(/^id: (.+)$/gm)].map(([, id]) => id ?? '')
  })
  response.on('error', () => undefined) // stopped by this spec
  return seen
}
