/** The stream of a ticket: no gap and no duplicate, over both transports, across cut connections and a new server. */
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { systemClock } from '../../core/ports.ts'
import { createEventFeed } from '../../core/events/feed.ts'
import type { DurableEvent, Kernel, LiveEvent } from '../../core/index.ts'
import { createLoopTroopClient, type LoopTroopClient } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { openFileHome } from '../store/file-home.ts'
import { startedWorld, type World } from '../suites/store/home.ts'
import { fakeKernel } from './fake-kernel.ts'
import { serve, TOKEN } from './wire.ts'

const TRANSPORTS = ['ws', 'sse'] as const

interface Seen {
  readonly events: DurableEvent[]
  readonly live: LiveEvent[]
  readonly ids: string[]
  readonly errors: unknown[]
  stop(): void
}

function watch(client: LoopTroopClient, ticketId: string, lastEventId?: string): Seen {
  const seen = { events: [] as DurableEvent[], live: [] as LiveEvent[], ids: [] as string[], errors: [] as unknown[] }
  const subscription = client.events.onTicket.subscribe(
    { ticketId, ...(lastEventId === undefined ? {} : { lastEventId }) },
    {
      onData: ({ id, data }) => {
        seen.ids.push(id)
        seen.events.push(...(data.events as DurableEvent[]))
        seen.live.push(...(data.live as LiveEvent[]))
      },
      onError: (error) => seen.errors.push(error),
    },
  )
  return { ...seen, stop: () => subscription.unsubscribe() }
}

/** The kernel's own feed on a real store: what a router is given in earnest. */
interface Source {
  readonly kernel: Kernel
  readonly feed: ReturnType<typeof createEventFeed>
}
function sourceOf(world: World): Source {
  const feed = createEventFeed(world.store, systemClock)
  const kernel = fakeKernel({
    events: {
      follow: ({ ticketId, lastEventId, signal }) =>
        feed.follow({ ticketId, after: Number(lastEventId?.split('.')[1] ?? 0), gap: null, signal }),
    },
  })
  return { kernel, feed }
}
const append = (world: World, file: string) =>
  world.store.appendEvents(world.fence, { events: [{ type: 'file.edited', data: { file } }], at: 1 })
const numbers = (seen: Seen): readonly number[] => seen.events.map((e) => e.seq)
const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, index) => index + 1)

describe('the stream of a ticket', (it) => {
  for (const transport of TRANSPORTS) {
    it(
      `has no gap and no duplicate over ${transport} while connections are cut`,
      async () => {
        await using world = await startedWorld(openFileHome)
        await using server = await serve({ kernel: sourceOf(world).kernel })
        await using client = createLoopTroopClient({ url: server.url, token: TOKEN, transport })
        const seen = watch(client, world.ticketId)
        const cuts = 25
        let stored = 4
        for (let cut = 0; cut < cuts; cut++) {
          await until(() => seen.events.length > stored - 5, 'it follows')
          for (let n = 0; n < 8; n++, stored++) {
            await append(world, `${cut}-${n}`)
            if (n === cut % 8) server.disconnectAll()
          }
        }
        await until(() => (seen.events.at(-1)?.seq ?? 0) >= stored, 'it has caught up', 15_000)
        assert.equal(numbers(seen), upTo(stored))
        assert.equal(seen.errors, [])
        assert.is(seen.ids.at(-1), `${world.store.epoch}.${stored}`)
        seen.stop()
      },
      { timeoutMs: 60_000 },
    )

    it(
      `goes on over ${transport} on a new server at the same address`,
      async () => {
        await using world = await startedWorld(openFileHome)
        const { kernel } = sourceOf(world)
        const first = await serve({ kernel })
        await using client = createLoopTroopClient({ url: first.url, token: TOKEN, transport })
        const seen = watch(client, world.ticketId)
        await until(() => seen.events.length === 4, 'it has replayed')
        await first.close()
        await append(world, 'while nobody listened')
        await using second = await serve({ kernel, port: first.port })
        assert.is(second.port, first.port)
        await until(() => seen.events.length === 5, 'it has caught up', 15_000)
        assert.equal([numbers(seen), seen.errors], [upTo(5), []])
        seen.stop()
      },
      { timeoutMs: 40_000 },
    )

    it(`shows live text over ${transport} without moving the id, and resumes where it is told`, async () => {
      await using world = await startedWorld(openFileHome)
      const { kernel, feed } = sourceOf(world)
      await using server = await serve({ kernel })
      await using client = createLoopTroopClient({ url: server.url, token: TOKEN, transport })
      const seen = watch(client, world.ticketId, `${world.store.epoch}.3`)
      await until(() => seen.events.length === 1, 'the last event')
      for (const text of ['Hel', 'lo']) feed.delta(world.ticketId, { turnId: 'msg_1', partId: 'prt_1', kind: 'text', text })
      await until(() => seen.live.map((l) => ('text' in l ? l.text : '')).join('') === 'Hello', 'the text')
      assert.equal([numbers(seen), new Set(seen.ids).size], [[4], 1])
      seen.stop()
    })

    it(`ends over ${transport} with the kernel's error when it cannot be followed`, async () => {
      const kernel = fakeKernel({
        events: {
          // eslint-disable-next-line require-yield
          async *follow() {
            throw new TypeError('broken')
          },
        },
      })
      await using server = await serve({ kernel })
      await using client = createLoopTroopClient({ url: server.url, token: TOKEN, transport })
      const seen = watch(client, 'K-1')
      await until(() => seen.errors.length > 0, 'the error')
      const { data } = seen.errors[0] as { data: { looptroopCode: string; httpStatus: number; stack?: string } }
      assert.equal([data.looptroopCode, data.httpStatus, data.stack], ['INTERNAL', 422, undefined])
    })
  }

  it('is cleaned up when its reader goes', async () => {
    let open = 0
    const kernel = fakeKernel({
      events: {
        async *follow({ signal }) {
          open++
          try {
            yield { id: 'e.1', events: [], live: [] }
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
          } finally {
            open--
          }
        },
      },
    })
    await using server = await serve({ kernel })
    for (const transport of TRANSPORTS) {
      await using client = createLoopTroopClient({ url: server.url, token: TOKEN, transport })
      const seen = watch(client, 'K-1')
      await until(() => seen.ids.length === 1, 'the first batch')
      assert.is(open, 1)
      seen.stop()
      await until(() => open === 0, 'the generator has ended')
    }
  })

  it('does not pile up before a reader over WebSocket that has stopped reading', async () => {
    let yielded = 0
    const kernel = fakeKernel({
      events: {
        async *follow({ signal }) {
          while (!signal.aborted && yielded < 5_000)
            yield { id: `e.${++yielded}`, events: [], live: [{ type: 'gap', reason: 'x'.repeat(64 * 1024) }] }
        },
      },
    })
    await using server = await serve({ kernel })
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers: { authorization: `Bearer ${TOKEN}` } })
    await once(socket, 'open')
    socket.pause()
    socket.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.onTicket', input: { ticketId: 'K-1' } } }))
    let last = -1
    await until(async () => {
      const before = last
      last = yielded
      await new Promise((resolve) => setTimeout(resolve, 50))
      return yielded > 0 && yielded === before
    }, 'it has stopped')
    assert.ok(yielded < 1_000, `${yielded} batches of 64 KiB were taken`)
    socket.resume()
    await until(() => yielded > last + 100, 'it goes on when the reader does')
    socket.terminate()
  })
})

describe('lists that follow their changes', (it) => {
  it('show the current list, then each one that differs', async () => {
    const nudges: (() => void)[] = []
    let items: { requestId: string }[] = []
    const kernel = fakeKernel({
      questions: { list: async () => ({ items: items as never, errors: [] }) },
      inbox: {
        async *changes(signal) {
          while (!signal.aborted) {
            await new Promise<void>((resolve) => {
              nudges.push(resolve)
              signal.addEventListener('abort', () => resolve(), { once: true })
            })
            if (!signal.aborted) yield
          }
        },
      },
    })
    await using server = await serve({ kernel })
    await using client = createLoopTroopClient({ url: server.url, token: TOKEN })
    const seen: number[] = []
    const subscription = client.questions.onChange.subscribe({}, { onData: (list) => seen.push(list.items.length) })
    const nudge = async (): Promise<void> => {
      await until(() => nudges.length > 0, 'it listens')
      nudges.shift()?.()
    }
    await until(() => seen.length === 1, 'the first list')
    await nudge()
    items = [{ requestId: 'q', ticketId: 'K-1', sessionId: 's', questions: [], askedAt: 1 } as never]
    await nudge()
    await until(() => seen.length === 2, 'the second list')
    assert.equal(seen, [0, 1])
    subscription.unsubscribe()
  })
})
