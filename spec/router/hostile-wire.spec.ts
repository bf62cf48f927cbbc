/** Broken protocols, half-open connections, and what is left of them: nothing. */
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import type { Kernel } from '../../core/index.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { Source } from '../suites/stream/source.ts'
import { chosenSeed, dice } from './fuzz/random.ts'
import { fakeKernel, HEALTH } from './fake-kernel.ts'
import { frame, head, raw, UPGRADE } from './raw.ts'
import { ask, serve, TOKEN, type Served } from './wire.ts'

const kernel = fakeKernel({ health: async () => HEALTH })
const BEARER = `authorization: Bearer ${TOKEN}`
const isWell = async (server: Served): Promise<void> => assert.is((await ask(server, '/trpc/health.check')).status, 200)

/** What is no HTTP, or says two things about itself. */
const NO_HTTP: readonly string[] = [
  '\r\n\r\n\r\n\r\nnonsense\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  head('GET / HTTP/9.9', 'host: localhost'),
  head('GET /trpc/health.check HTTP/1.1', 'host: localhost', BEARER, ' folded: x'),
  head('GET /trpc/health.check HTTP/1.1', 'host: localhost', BEARER, `x: ${'y'.repeat(20_000)}`),
  head('GET /trpc/health.check HTTP/1.1', 'host: localhost', BEARER, 'na\u0000me: x'),
  `${head('POST /trpc/models.refresh HTTP/1.1', 'host: localhost', BEARER, 'transfer-encoding: chunked', 'content-length: 3')}0\r\n\r\n`,
  `${head('POST /trpc/models.refresh HTTP/1.1', 'host: localhost', BEARER, 'transfer-encoding: chunked')}zz\r\n\r\n`,
  head('POST /trpc/models.refresh HTTP/1.1', 'host: localhost', BEARER, 'content-length: -1'),
  head('CONNECT evil.com:443 HTTP/1.1', 'host: localhost', BEARER),
  head('GET http://evil.com/trpc/health.check HTTP/1.1', 'host: evil.com', BEARER),
  head('GET //evil.com/trpc HTTP/1.1', 'host: localhost', BEARER),
  head('GET /trpc/health.check HTTP/1.1', 'host: localhost', BEARER, 'upgrade: h2c', 'connection: upgrade', 'http2-settings: x'),
  head('GET /trpc HTTP/1.1', 'host: localhost', BEARER, 'upgrade: websocket', 'connection: upgrade', 'sec-websocket-version: 13'),
  head(
    'GET /trpc HTTP/1.1',
    'host: localhost',
    BEARER,
    'upgrade: websocket',
    'connection: upgrade',
    'sec-websocket-version: 99',
    'sec-websocket-key: x',
  ),
  head('POST /trpc HTTP/1.1', ...UPGRADE.slice(1)),
  head('GET http://[ HTTP/1.1', ...UPGRADE.slice(1)),
]

/** Frames that the protocol forbids, and the beginning of some that never end. */
const NO_FRAMES: readonly Buffer[] = [
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]), // not masked
  frame(1, Buffer.from([0xc3, 0x28])), // not UTF-8
  frame(3, 'reserved'),
  frame(9, 'x'.repeat(126)), // a ping that is too long
  frame(8, Buffer.from([0x03, 0xec])), // closed with a code nobody may send
  frame(0, 'goes on with nothing'),
  frame(1, '', { length: 2 ** 40 }),
  frame(1, '', { length: 2 * 1024 * 1024 }),
]

/** Well-formed frames with what is no message of tRPC. */
const NO_MESSAGES: readonly string[] = [
  ...['', '{', '[]', '[[]]', 'null', '0', '"x"', '{}', '[null]', '{"id":null}', '{"id":{}}', '{"id":1}', '\u0000', '{"__proto__":1}'],
  '{"id":1,"method":"query"}',
  '{"id":1,"method":"query","params":null}',
  '{"id":1,"method":"query","params":{"path":7}}',
  '{"id":1,"method":"query","params":{"path":"__proto__"}}',
  '{"id":1,"method":"query","params":{"path":"constructor.name"}}',
  '{"id":1,"method":"query","params":{"path":"events.onTicket","input":{"ticketId":"K-1"}}}',
  '{"id":1,"method":"subscription","params":{"path":"health.check"}}',
  '{"id":1,"method":"mutation","params":{"path":"health.check"}}',
  '{"id":1,"method":"nonsense","params":{"path":"health.check"}}',
  '{"id":1,"method":"query","jsonrpc":"1.0","params":{"path":"health.check"}}',
  '{"id":1,"method":"subscription","params":{"path":"events.onTicket","lastEventId":7}}',
  `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
  `[${Array.from({ length: 30 }, (_, id) => `{"id":${id},"method":"query","params":{"path":"health.check"}}`).join(',')}]`,
  '{"id":1,"method":"subscription.stop"}',
]

describe('broken protocols', (it) => {
  it('on HTTP are refused with a 4xx or cut, and harm nobody', async () => {
    await using server = await serve({ kernel, limits: { headMs: 100, requestMs: 100 } })
    for (const bytes of NO_HTTP) {
      using broken = await raw(server, bytes)
      const text = await broken.ended
      assert.match(text, /^(?:HTTP\/1\.1 4\d\d |$)/, JSON.stringify(bytes))
    }
    await isWell(server)
  })

  it('on a socket end that socket, or are answered with a typed error', async () => {
    await using server = await serve({ kernel, limits: { pingMs: 400, pongMs: 200 } })
    for (const bytes of NO_FRAMES) {
      using broken = await raw(server, Buffer.concat([Buffer.from(head(...UPGRADE)), bytes]))
      assert.match(await broken.ended, /^HTTP\/1\.1 101 /)
    }
    for (const message of NO_MESSAGES) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers: { authorization: `Bearer ${TOKEN}` } })
      const heard: string[] = []
      socket.on('message', (data: Buffer) => heard.push(data.toString()))
      await once(socket, 'open')
      socket.send(message)
      socket.send(Buffer.from(message))
      socket.send('{"id":"last","method":"query","params":{"path":"health.check"}}')
      await until(() => heard.some((text) => text.includes('"last"')), message.slice(0, 80))
      socket.terminate()
      for (const text of heard.filter((one) => one.includes('"error"'))) {
        assert.match(text, /"httpStatus":4\d\d/, `${message.slice(0, 80)} → ${text.slice(0, 300)}`)
        assert.match(text, /"looptroopCode":"[A-Z_]+"/)
      }
    }
    await isWell(server)
  })
})

/** Streams of the kernel that somebody follows. */
function counting(source: Kernel): { readonly kernel: Kernel; readonly open: () => number } {
  let open = 0
  const follow: Kernel['events']['follow'] = async function* (input) {
    open += 1
    try {
      yield* source.events.follow(input)
    } finally {
      open -= 1
    }
  }
  return {
    kernel: fakeKernel({ health: async () => HEALTH, events: { history: (input) => source.events.history(input), follow } }),
    open: () => open,
  }
}

const handles = (): number => process.getActiveResourcesInfo().filter((name) => /TCP|Pipe|Timeout/.test(name)).length

describe('nothing is left', (it) => {
  it(
    'of connections that were cut anywhere, in whatever they were doing',
    async () => {
      await using source = await Source.open()
      await source.append(20, 1_000)
      const counted = counting(source.kernel)
      await using server = await serve({
        kernel: counted.kernel,
        limits: { headMs: 50, requestMs: 50, helloMs: 50, pingMs: 100, pongMs: 100 },
      })
      const chance = dice(chosenSeed())
      const follows = `/trpc/events.onTicket?input=${encodeURIComponent(JSON.stringify({ ticketId: source.ticketId }))}`
      const says = (id: number): Buffer =>
        frame(1, JSON.stringify({ id, method: 'subscription', params: { path: 'events.onTicket', input: { ticketId: source.ticketId } } }))
      const doings: readonly (() => Buffer)[] = [
        () => Buffer.from(head(`GET ${follows} HTTP/1.1`, 'host: localhost', BEARER)),
        () => Buffer.from(head(`GET /api/stream?ticketId=${source.ticketId} HTTP/1.1`, 'host: localhost', BEARER)),
        () => Buffer.concat([Buffer.from(head(...UPGRADE)), says(1), says(2)]),
        () => Buffer.concat([Buffer.from(head(...UPGRADE)), says(1), frame(1, '{"id":1,"method":"subscription.stop"}'), says(1)]),
        () => Buffer.concat([Buffer.from(head(...UPGRADE)), chance.one(NO_FRAMES)]),
        () => Buffer.from(chance.one(NO_HTTP)),
        () => Buffer.from(head('GET /trpc?connectionParams=1 HTTP/1.1', ...UPGRADE.slice(1, -1))),
      ]
      const round = async (): Promise<void> => {
        for (let i = 0; i < 60; i++) {
          const bytes = chance.one(doings)()
          using half = await raw(server, bytes.subarray(0, chance.next() < 0.3 ? chance.below(bytes.length) : bytes.length))
          if (chance.next() < 0.3) await Promise.race([once(half.socket, 'data'), half.ended])
          if (chance.next() < 0.2) half.socket.resetAndDestroy()
        }
        await until(() => counted.open() === 0, 'no stream is followed any more')
      }
      const before = handles()
      await round()
      const collect = garbageCollector()
      await until(() => handles() <= before + 1, `handles are back at ${before}`)
      collect()
      const heap = process.memoryUsage().heapUsed
      for (let i = 0; i < 5; i++) await round()
      await until(() => handles() <= before + 1, `handles are back at ${before}`)
      collect()
      const grown = (process.memoryUsage().heapUsed - heap) / 1024 / 1024
      assert.ok(grown < 4, `${grown.toFixed(1)} MB more after 300 connections (LOOPTROOP_FUZZ_SEED=${chance.seed})`)
      await isWell(server)
    },
    { timeoutMs: 60_000 },
  )
})

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
