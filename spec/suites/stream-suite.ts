/**
 * What every stream has to keep, over both transports, with tRPC's stock client and ours: no gap, no duplicate, in order,
 * and text equal to the byte, whatever is cut, stopped, killed, restored or slow. CI runs it small, `npm run test:slow` in full.
 */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { seeded } from '../../scripts/chaos/random.ts'
import type { It } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { TOKEN } from '../router/wire.ts'
import { openFileHome } from '../store/file-home.ts'
import { startedWorld } from './store/home.ts'
import { KilledServer } from './stream/killed-server.ts'
import { Source } from './stream/source.ts'
import { Seen, type Subscriber } from './stream/subscribers.ts'

export interface Sizes {
  /** Forced disconnects, at random. */
  readonly cuts: number
  /** Events that are there before somebody reads. */
  readonly replayed: number
  readonly kills: number
  /** How long a reader stops, and how many events are written meanwhile: each a batch of a hundred. */
  readonly stopMs: number
  readonly deltas: number
  /** Each of a hundred events, while a reader is slow. */
  readonly slowBatches: number
}
export const SMALL: Sizes = { cuts: 15, replayed: 10_000, kills: 1, stopMs: 1_000, deltas: 300, slowBatches: 30 }
export const FULL: Sizes = { cuts: 100, replayed: 100_000, kills: 5, stopMs: 10_000, deltas: 3_000, slowBatches: 300 }
const LONG = { timeoutMs: 170_000 }
const PER_REPLAY_BATCH = 500
/** A thousand events per second. */
const STOPPED_BATCH = 100
const STOPPED_EVERY_MS = 100
const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, index) => index + 1)

export function streamSuite(it: It, { connect }: Subscriber, sizes: Sizes = SMALL): void {
  const open = async (test: (source: Source, client: ReturnType<typeof connect>['client']) => Promise<void>): Promise<void> => {
    await using source = await Source.open()
    const { client, close } = connect(source.server.url)
    try {
      await test(source, client)
    } finally {
      await close()
    }
  }
  const whole = async (source: Source, seen: Seen): Promise<void> => {
    const last = await source.lastSeq()
    await until(() => (seen.events.at(-1)?.seq ?? 0) >= last, 'it has caught up', 60_000)
    assert.equal(seen.seqs, upTo(last))
    assert.equal(seen.errors, [])
  }

  it(
    'has no gap and no duplicate while connections are cut at random',
    () =>
      open(async (source, client) => {
        const random = seeded(7)
        using seen = new Seen(client, source.ticketId)
        for (let cut = 0; cut < sizes.cuts; cut++) {
          const before = seen.events.length
          for (let n = 0; n < 6; n++) {
            await source.append(1 + Math.floor(random.next() * 40))
            if (random.next() < 0.3) source.server.disconnectAll()
          }
          await until(() => seen.events.length > before, 'something comes')
        }
        await whole(source, seen)
        assert.is(seen.id, `${source.store.epoch}.${await source.lastSeq()}`)
      }),
    LONG,
  )

  it(
    'replays a long log while live events arrive',
    () =>
      open(async (source, client) => {
        for (let n = 0; n < sizes.replayed; n += PER_REPLAY_BATCH) await source.append(PER_REPLAY_BATCH)
        using seen = new Seen(client, source.ticketId)
        for (let n = 0; n < 50; n++) await source.append(3)
        await whole(source, seen)
      }),
    LONG,
  )

  it('goes on after the server and its database were opened anew', () =>
    open(async (source, client) => {
      using seen = new Seen(client, source.ticketId)
      await until(() => seen.events.length === 4, 'it has replayed')
      await source.append(20)
      await source.restart()
      await source.append(20)
      await whole(source, seen)
    }))

  it('says that the database is another one, and tells it from the first event', () =>
    open(async (source, client) => {
      await using restored = await Source.open()
      await restored.append(3)
      using seen = new Seen(client, source.ticketId)
      await until(() => seen.events.length === 4, 'it has replayed')
      const mine = source.store
      await source.replaceBy(restored)
      await until(() => seen.events.length === 4 + 7, 'all of the other one')
      assert.equal([seen.gaps.length, seen.seqs.slice(4), seen.errors], [1, upTo(7), []])
      assert.is(seen.view.id, `${restored.store.epoch}.7`)
      await mine.close()
    }))

  it('shows text to the byte while connections are cut in the middle of it', () =>
    open(async (source, client) => {
      const random = seeded(11)
      using seen = new Seen(client, source.ticketId)
      await until(() => seen.events.length === 4, 'it has replayed')
      const part = { turnId: 'msg_1', partId: 'prt_1', kind: 'text' as const }
      let text = ''
      for (let n = 0; n < sizes.deltas; n++) {
        const more = `${n} ünïcödé “✓” \n`
        text += more
        source.feed.delta(source.ticketId, { ...part, text: more })
        if (random.next() < 0.02) source.server.disconnectAll()
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await until(() => seen.text === text, 'the text is whole before it is finished')
      const { kind: _kind, ...of } = part
      await source.appendOne({ type: 'text', data: { ...of, phase: 'ONE', attempt: 1, prompt: 'p', text, owner: null } })
      source.feed.closePart(source.ticketId, part.partId)
      await whole(source, seen)
      assert.is(seen.text, text)
    }))

  it('tells everything of all projects, once each, from where it is asked to', () =>
    open(async (source, client) => {
      const seqs: number[] = []
      let id = ''
      const follow = (lastEventId?: string) =>
        client.events.onAll.subscribe(
          { lastEventId },
          {
            onData: (batch) => {
              id = batch.id
              for (const event of batch.data.events) seqs.push(event.seq)
            },
          },
        )
      const first = follow()
      await until(() => seqs.length === 4, 'the log so far')
      for (let n = 0; n < 5; n++) {
        await source.append(7)
        source.server.disconnectAll()
      }
      await until(() => seqs.length === 39, 'all')
      first.unsubscribe()
      await source.append(3)
      const second = follow(id)
      await until(() => seqs.length === 42, 'the rest')
      assert.equal(seqs, upTo(42))
      second.unsubscribe()
    }))
}

/** A process that is killed says nothing to anybody: the client notices by itself, comes back, and has missed nothing. */
export function killedServerSuite(it: It, { connect }: Subscriber, sizes: Sizes = SMALL): void {
  it(
    'goes on after the server was killed and started again while it wrote',
    async () => {
      const random = seeded(13)
      const world = await startedWorld(openFileHome)
      await world.store.close()
      await using server = new KilledServer(world)
      await server.start()
      const { client, close } = connect(server.url)
      try {
        using seen = new Seen(client, world.ticketId)
        for (let kill = 0; kill < sizes.kills; kill++) {
          const enough = seen.events.length + 100 + Math.floor(random.next() * 500)
          await until(() => seen.events.length >= enough, 'something comes', 30_000)
          await server.kill()
          await server.start()
        }
        const before = seen.events.length
        await until(() => seen.events.length > before, 'it is back', 30_000)
        const last = await server.lastSeq()
        await until(() => (seen.events.at(-1)?.seq ?? 0) >= last, 'it has caught up', 30_000)
        assert.equal(seen.seqs, upTo(last))
        assert.equal(seen.errors, [])
      } finally {
        await close()
      }
    },
    LONG,
  )
}

/** A reader that stops or is slow costs no more than its bound, and has missed nothing when it goes on. */
export function stoppedReaderSuite(it: It, sizes: Sizes = SMALL): void {
  for (const transport of ['ws', 'sse'] as const)
    it(
      `a reader over ${transport} that stops under load gets everything when it goes on, and holds little meanwhile`,
      async () => {
        await using source = await Source.open()
        await using reader = await (transport === 'ws' ? rawSocket(source) : rawStream(source))
        await until(() => reader.seqs().length === 4, 'it has replayed')
        reader.pause()
        const before = process.memoryUsage().arrayBuffers
        const from = performance.now()
        for (let n = 0; n * STOPPED_EVERY_MS < sizes.stopMs; n++) {
          await until(() => performance.now() - from >= n * STOPPED_EVERY_MS, 'it is time')
          await source.append(STOPPED_BATCH, 4_000)
        }
        const grown = (process.memoryUsage().arrayBuffers - before) / 2 ** 20
        assert.ok(grown < 64, `${Math.round(grown)} MiB are held for it`)
        reader.resume()
        const last = await source.lastSeq()
        await until(() => reader.seqs().at(-1) === last, 'it has caught up', 30_000)
        assert.equal(reader.seqs(), upTo(last))
      },
      LONG,
    )
  for (const transport of ['ws', 'sse'] as const)
    it(
      `a reader over ${transport} that is always slower than what comes gets everything`,
      async () => {
        await using source = await Source.open()
        await using reader = await (transport === 'ws' ? rawSocket(source) : rawStream(source))
        await until(() => reader.seqs().length === 4, 'it has replayed')
        const breathing = setInterval(() => {
          reader.resume()
          setTimeout(() => reader.pause(), BREATH_MS)
        }, BREATH_EVERY_MS)
        for (let n = 0; n < sizes.slowBatches; n++) await source.append(STOPPED_BATCH, 4_000)
        const behind = reader.seqs().length
        clearInterval(breathing)
        const last = await source.lastSeq()
        assert.ok(behind < last, 'it was behind')
        await until(
          () => {
            reader.resume()
            return reader.seqs().at(-1) === last
          },
          'it has caught up',
          60_000,
        )
        assert.equal(reader.seqs(), upTo(last))
      },
      LONG,
    )
}
const BREATH_MS = 2
const BREATH_EVERY_MS = 40

interface Raw extends AsyncDisposable {
  pause(): void
  resume(): void
  seqs(): readonly number[]
}
/** Numbers of the events in frames, as they come. */
const SEQ = /"seq":(\d+),"id"/g

async function rawSocket(source: Source): Promise<Raw> {
  const seqs: number[] = []
  const socket = new WebSocket(source.server.url.replace('http', 'ws') + '/trpc', { headers: { authorization: `Bearer ${TOKEN}` } })
  await once(socket, 'open')
  socket.on('message', (data) => {
    const text = Buffer.isBuffer(data) ? data.toString() : ''
    if (text === 'PING') socket.send('PONG')
    for (const [, seq] of text.matchAll(SEQ)) seqs.push(Number(seq))
  })
  const input = { ticketId: source.ticketId }
  socket.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.onTicket', input } }))
  return {
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    seqs: () => seqs,
    [Symbol.asyncDispose]: async () => socket.terminate(),
  }
}

async function rawStream(source: Source): Promise<Raw> {
  const seqs: number[] = []
  const input = encodeURIComponent(JSON.stringify({ ticketId: source.ticketId }))
  const asked = request(`${source.server.url}/trpc/events.onTicket?input=${input}`, { headers: { authorization: `Bearer ${TOKEN}` } })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  let rest = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) for (const [, seq] of line.matchAll(SEQ)) seqs.push(Number(seq))
  })
  response.on('error', () => undefined) // the end of the test cuts it
  return {
    pause: () => response.pause(),
    resume: () => response.resume(),
    seqs: () => seqs,
    [Symbol.asyncDispose]: async () => void asked.destroy(),
  }
}
