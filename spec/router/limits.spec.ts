/** What one server takes on: each limit, met and typed. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { createLoopTroopClient, parseLimits, type Limits } from '../../router/index.ts'
import { DEFAULT_LIMITS, limitsOf } from '../../router/limits.ts'
import { createThrottle } from '../../router/throttle.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { Source } from '../suites/stream/source.ts'
import { fakeKernel, HEALTH } from './fake-kernel.ts'
import { frame, head, raw, UPGRADE } from './raw.ts'
import { ask, knock, serve, TOKEN, type Answer, type Served } from './wire.ts'

const CHECK = '/trpc/health.check'
const inbox = {
  list: async () => ({ items: [], errors: [] }),
  changes: async function* (signal: AbortSignal) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    yield
  },
}
const kernel = fakeKernel({
  health: async () => HEALTH,
  inbox,
  models: { refresh: async () => ({ models: [], connectedProviders: [], defaultModels: {} }) },
  questions: { reply: async () => ({ ok: true as const }) },
})
const withLimits = (limits: Partial<Limits>): Promise<Served> => serve({ kernel, limits })
const codeOf = (answer: Answer): unknown =>
  answer.json.error?.data?.['looptroopCode'] ?? (answer.json.error as { code?: unknown } | undefined)?.code

interface Said {
  readonly id: unknown
  readonly result?: { readonly type: string }
  readonly error?: { readonly data: Readonly<Record<string, unknown>> }
}
interface Talk extends Disposable {
  readonly socket: WebSocket
  /** The first message after it. */
  say(message: unknown): Promise<Said>
}
async function talk(server: Served, headers: Record<string, string> = { authorization: `Bearer ${TOKEN}` }): Promise<Talk> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers })
  socket.on('error', () => undefined)
  await once(socket, 'open')
  const heard: Said[] = []
  socket.on('message', (text: Buffer) => heard.push(JSON.parse(text.toString()) as Said))
  const say: Talk['say'] = async (message) => {
    const before = heard.length
    socket.send(JSON.stringify(message))
    await until(() => heard.length > before, 'an answer')
    return heard[before] as Said
  }
  return { socket, say, [Symbol.dispose]: () => socket.terminate() }
}

/** An event stream that stays open: its status. */
async function open(server: Served, path: string): Promise<{ status: number; code: unknown; stop(): void }> {
  const asked = request(`${server.url}${path}`, { headers: { authorization: `Bearer ${TOKEN}` }, agent: false })
  asked.on('error', () => undefined).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  const status = response.statusCode ?? 0
  const [first] = (await once(response, 'data')) as [Buffer]
  return { status, code: /"looptroopCode":"(\w+)"/.exec(first.toString())?.[1], stop: () => void asked.destroy() }
}
const LISTEN = '/trpc/inbox.onChange'

describe('how often', (it) => {
  it('a token may call: a bucket that fills again, apart for reads and writes', async () => {
    const clock = createFakeClock()
    const throttle = createThrottle(limitsOf({ reads: 10, readBurst: 20, writes: 1, writeBurst: 2 }), clock)
    const spends = (token: string, kind: 'reads' | 'writes', calls = 1): unknown => {
      try {
        return throttle.spend(token, kind, calls)
      } catch (error) {
        return (error as { details: { retryAfterMs: number } }).details.retryAfterMs
      }
    }
    for (let i = 0; i < 20; i++) assert.is(spends('page', 'reads'), undefined)
    assert.is(spends('page', 'reads'), 100)
    assert.is(spends('page', 'reads', 15), 1_500, 'a batch counts all its calls')
    assert.equal([spends('page', 'writes'), spends('page', 'writes'), spends('page', 'writes')], [undefined, undefined, 1_000])
    assert.is(spends('script', 'reads'), undefined, 'another token has its own')
    await clock.advance(250)
    assert.equal([spends('page', 'reads'), spends('page', 'reads'), spends('page', 'reads')], [undefined, undefined, 50])
    await clock.advance(60_000)
    assert.is(spends('page', 'reads', 500), undefined, 'more than the bucket holds needs a full one')
  })

  it('is a 429 with Retry-After over HTTP, and a decision still gets through a busy page', async () => {
    await using server = await withLimits({ reads: 1, readBurst: 5 })
    const two = await ask(server, '/trpc/health.check,health.check?batch=1&input=%7B%7D')
    assert.is(two.status, 200)
    const rest = [await ask(server, CHECK), await ask(server, '/api/health'), await ask(server, CHECK)]
    assert.equal(
      rest.map((answer) => answer.status),
      [200, 200, 200],
    )
    for (const path of [CHECK, '/trpc/health.check,health.check?batch=1&input=%7B%7D', LISTEN, '/api/health']) {
      const refused = await ask(server, path)
      assert.equal([refused.status, codeOf(refused)], [429, 'RATE_LIMITED'], path)
      assert.match(String(refused.headers['retry-after']), /^\d+$/)
    }
    const decided = await ask(server, '/trpc/models.refresh', { method: 'POST' })
    assert.is(decided.status, 200)
  })

  it('is typed over a socket too, and what a stream sends is not counted', async () => {
    await using source = await Source.open()
    await using streaming = await serve({ kernel: source.kernel, limits: { reads: 1, readBurst: 1 } })
    await using client = createLoopTroopClient({ url: streaming.url, token: TOKEN })
    let seen = 0
    client.events.onTicket.subscribe({ ticketId: source.ticketId }, { onData: ({ data }) => void (seen = data.events.at(-1)?.seq ?? seen) })
    for (let i = 0; i < 50; i++) await source.append(1)
    await until(async () => seen === (await source.lastSeq()), 'all events')

    await using server = await withLimits({ reads: 1, readBurst: 3 })
    using socket = await talk(server)
    const asks = (id: number) => socket.say({ id, method: 'query', params: { path: 'health.check' } })
    for (const id of [1, 2, 3]) assert.is((await asks(id)).result?.type, 'data')
    assert.equal((await asks(4)).error?.data['looptroopCode'], 'RATE_LIMITED')
  })
})

describe('how much', (it) => {
  it('an input may be deep, over every transport', async () => {
    await using server = await withLimits({ depth: 8 })
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    const answers = [
      await ask(server, '/trpc/settings.update', { method: 'POST', body: `{"scope":"app","patch":{"x":${deep}}}` }),
      await ask(server, `${LISTEN}?input=${encodeURIComponent('['.repeat(20) + ']'.repeat(20))}`, {
        headers: { accept: 'text/event-stream' },
      }),
      await ask(server, '/api/tickets/K-1/opencode/questions/q/reply', { method: 'POST', body: deep }),
    ]
    for (const answer of answers) assert.match(answer.text, /INVALID_INPUT.*deeper than 8|deeper than 8.*INVALID_INPUT/)
    using socket = await talk(server)
    const input: unknown = JSON.parse('['.repeat(20) + ']'.repeat(20))
    assert.is(
      (await socket.say({ id: 1, method: 'query', params: { path: 'inbox.list', input } })).error?.data['looptroopCode'],
      'INVALID_INPUT',
    )
  })

  it('is connected at once: past it a typed refusal, until one has left', async () => {
    await using server = await withLimits({ connections: 3 })
    using first = await raw(server)
    using second = await raw(server)
    using third = await talk(server)
    const refused = await ask(server, CHECK)
    assert.equal([refused.status, codeOf(refused)], [503, 'TOO_MANY_CONNECTIONS'])
    assert.is(await knock(server, { path: '/trpc', headers: { authorization: `Bearer ${TOKEN}` } }), '503')
    third.socket.terminate()
    second.socket.destroy()
    await until(async () => (await ask(server, CHECK)).status === 200, 'a place is free')
    assert.not(first.socket.destroyed)
  })

  it('is streamed to one token at once; calls still come through', async () => {
    await using server = await withLimits({ streams: 2 })
    const first = await open(server, LISTEN)
    using second = await talk(server)
    assert.equal([first.status, (await open(server, LISTEN)).code], [200, 'TOO_MANY_STREAMS'])
    assert.is(await knock(server, { path: '/trpc', headers: { authorization: `Bearer ${TOKEN}` } }), '429')
    assert.is((await ask(server, CHECK)).status, 200)
    first.stop()
    second.socket.terminate()
    await until(async () => (await knock(server)) === 'open', 'a place is free')
  })

  it('is subscribed to on one socket at once; one that was stopped frees its place', async () => {
    await using server = await withLimits({ subscriptions: 2 })
    using socket = await talk(server)
    const begins = async (id: number): Promise<unknown> => {
      const first = await socket.say({ id, method: 'subscription', params: { path: 'inbox.onChange' } })
      return first.error?.data['looptroopCode'] ?? first.result?.type
    }
    assert.equal([await begins(1), await begins(2), await begins(3)], ['started', 'started', 'TOO_MANY_STREAMS'])
    await socket.say({ id: 1, method: 'subscription.stop' })
    assert.is(await begins(4), 'started')
  })
})

describe('how slow', (it) => {
  it('a request may be: silent, with half a head or half a body', async () => {
    await using server = await withLimits({ headMs: 50, requestMs: 80 })
    using silent = await raw(server)
    using half = await raw(server, 'GET /trpc/health.check HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ')
    const lines = [
      'POST /trpc/models.refresh HTTP/1.1',
      'host: 127.0.0.1',
      'content-type: application/json',
      'content-length: 100',
      `authorization: Bearer ${TOKEN}`,
    ]
    using body = await raw(server, `${head(...lines)}{`)
    assert.match(await half.ended, /^HTTP\/1\.1 408 [^]*"code":"TIMEOUT"/)
    assert.match(await body.ended, /^HTTP\/1\.1 408 /)
    await silent.ended
  })

  it('a socket may be to say who it is: pings and a wrong token say nothing', async () => {
    await using server = await withLimits({ helloMs: 100 })
    using right = await talk(server)
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc?connectionParams=1`)
    await once(socket, 'open')
    socket.send('PING')
    const wrong = new WebSocket(`ws://127.0.0.1:${server.port}/trpc?connectionParams=1`)
    await once(wrong, 'open')
    wrong.send('{"method":"connectionParams","data":{"token":"wrong"}}')
    wrong.send('{"id":1,"method":"query","params":{"path":"health.check"}}')
    const [refused] = (await once(wrong, 'message')) as [Buffer]
    assert.match(refused.toString(), 'TOKEN_WRONG')
    await Promise.all([once(socket, 'close'), once(wrong, 'close')])
    assert.is(right.socket.readyState, right.socket.OPEN)
  })

  it('a half-open socket and a half-sent frame are hung up on', async () => {
    await using server = await withLimits({ pingMs: 50, pongMs: 50 })
    using quiet = await raw(server, head(...UPGRADE))
    using half = await raw(server, Buffer.concat([Buffer.from(head(...UPGRADE)), frame(1, 'half', { fin: false, length: 4_000 })]))
    for (const one of [quiet, half]) assert.match(await one.ended, /^HTTP\/1\.1 101 [^]*PING/)
  })

  it('a reader of an event stream is hung up on when it takes nothing', async () => {
    await using source = await Source.open()
    await source.append(400, 60_000)
    await using server = await serve({ kernel: source.kernel, limits: { stalledMs: 60, streams: 1 } })
    const path = `/api/stream?ticketId=${source.ticketId}`
    for (const target of [path, `/trpc/events.onTicket?input=${encodeURIComponent(JSON.stringify({ ticketId: source.ticketId }))}`]) {
      using stuck = await raw(server, head(`GET ${target} HTTP/1.1`, 'host: 127.0.0.1', `authorization: Bearer ${TOKEN}`))
      stuck.socket.pause()
      await until(() => stuck.socket.bytesRead > 0, 'it reads a little')
      await until(async () => (await knock(server)) === 'open', 'its place is free')
      stuck.socket.resume()
      const text = await stuck.ended
      assert.match(text, /^HTTP\/1\.1 200 /)
    }
  })
})

describe('limits in the environment', (it) => {
  it('are in the README, each with its default', () => {
    const rows = [...readFileSync('README.md', 'utf8').matchAll(/^\| (`[^|]+`) \| ([\d, ]+) \|/gm)]
    const told = rows.flatMap(([, names = '', values = '']) => {
      const numbers = values.split(', ').map(Number)
      return [...names.matchAll(/`(\w+)`/g)].map(([, name = ''], at) => [name, numbers[at] ?? numbers[0]])
    })
    assert.equal(Object.fromEntries(told), { ...DEFAULT_LIMITS })
  })
  it('are read by name, and mistakes are named', () => {
    assert.equal(parseLimits('reads=50, connections=200'), { reads: 50, connections: 200 })
    assert.equal(parseLimits(undefined), {})
    for (const wrong of ['read=1', 'reads=', 'reads=0', 'reads=-1', 'reads=many', '__proto__=1']) {
      try {
        parseLimits(wrong)
        assert.unreachable(wrong)
      } catch (error) {
        assert.match(String(error), wrong)
      }
    }
  })
})
