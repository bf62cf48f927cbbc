/** From the log to a reader: everything once and in order, and live text that may be dropped but never overtakes. */
import * as assert from 'uvu/assert'
import { createEventFeed } from '../../core/events/feed.ts'
import type { DurableEvent } from '../../core/events/events.ts'
import type { Progress } from '../../core/events/live.ts'
import type { EventBatch } from '../../core/kernel-api.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { describe } from '../helpers/suite.ts'

function createLog() {
  const stored: DurableEvent[] = []
  let told: (ticketId: string) => void = () => {}
  return {
    epoch: 'e1',
    events: async (_ticketId: string, after: number, limit: number) => stored.filter((e) => e.seq > after).slice(0, limit),
    onAppend: (listener: (ticketId: string) => void) => ((told = listener), () => (told = () => {})),
    append(count = 1): void {
      for (let i = 0; i < count; i += 1) stored.push({ seq: stored.length + 1, type: 'plugin', at: 1, data: {} } as unknown as DurableEvent)
      told('T-1')
    },
  }
}

function setUp(given: { after?: number; gap?: string } = {}, events = 0) {
  const clock = createFakeClock()
  const log = createLog()
  log.append(events)
  const feed = createEventFeed(log, clock)
  const stop = new AbortController()
  const follow = () =>
    feed.follow({ ticketId: 'T-1', after: given.after ?? 0, gap: given.gap ?? null, signal: stop.signal })[Symbol.asyncIterator]()
  const reader = follow()
  const next = async (of = reader): Promise<EventBatch> => {
    const batch = of.next()
    await clock.advance(50)
    return (await batch).value as EventBatch
  }
  const say = (text: string, partId = 'p1'): void => feed.delta('T-1', { turnId: 'm1', partId, kind: 'text', text })
  return { clock, log, feed, stop, follow, next, say }
}
const seqs = (batch: EventBatch): readonly number[] => batch.events.map((e) => e.seq)
const live = (batch: EventBatch): readonly unknown[] =>
  batch.live.map((l) =>
    l.type === 'gap'
      ? ['gap', l.reason]
      : l.type === 'delta'
        ? ['delta', l.partId, l.offset, l.text]
        : l.type === 'part.snapshot'
          ? ['snapshot', l.partId, l.text]
          : l,
  )
const tool = (output: string | null, state: 'pending' | 'running' = 'running'): Progress => {
  const of = { turnId: 'm1', partId: 't1', tool: 'bash', title: null, input: {}, cut: false, owner: null }
  return { type: 'tool.progress', ...of, state, output }
}
const busy = { type: 'session.activity', turnId: 'm1', status: 'busy', owner: null } as const

describe('the feed of a ticket', (it) => {
  it('replays from the cursor, then follows; the id of a batch is where it goes on', async () => {
    const { log, next } = setUp({ after: 1 }, 3)
    const first = await next()
    assert.equal([seqs(first), first.id, live(first)], [[2, 3], 'e1.3', []])
    log.append(2)
    const second = await next()
    assert.equal([seqs(second), second.id], [[4, 5], 'e1.5'])
  })
  it('hands out a long log in pages, and nothing live before its end', async () => {
    const { next, say } = setUp({}, 1_100)
    say('typing')
    const batches = [await next(), await next(), await next()]
    assert.equal(
      batches.map((b) => [b.events.length, b.live.length]),
      [
        [500, 0],
        [500, 0],
        [100, 1],
      ],
    )
    assert.equal(
      batches.flatMap(seqs),
      Array.from({ length: 1_100 }, (_, i) => i + 1),
    )
  })
  it('says before anything else that the presented id is of another database', async () => {
    const { next } = setUp({ gap: 'restored' }, 2)
    const [gap, events] = [await next(), await next()]
    assert.equal(
      [gap, events].map((batch) => [seqs(batch), live(batch)]),
      [
        [[], [['gap', 'restored']]],
        [[1, 2], []],
      ],
    )
  })
  it('gathers deltas that follow on each other, with their offsets', async () => {
    const { next, say, log } = setUp({}, 1)
    await next()
    say('Hel')
    say('lo')
    say('other', 'p2')
    assert.equal(live(await next()), [
      ['delta', 'p1', 0, 'Hello'],
      ['delta', 'p2', 0, 'other'],
    ])
    say(' there')
    assert.equal(live(await next()), [['delta', 'p1', 5, ' there']])
    log.append()
    assert.equal(seqs(await next()), [2])
  })
  it('gives a late reader the text so far, and none of a closed part', async () => {
    const { next, say, follow, feed } = setUp({}, 1)
    await next()
    say('So far')
    say('done', 'p2')
    feed.closePart('T-1', 'p2')
    assert.equal(live(await next(follow())), [['snapshot', 'p1', 'So far']])
  })
  it('shows tools at work, the latest of each, and what is busy; a late reader gets what is still so', async () => {
    const { next, follow, feed } = setUp({}, 1)
    await next()
    for (const one of [tool(null, 'pending'), tool('a'), tool('ab')]) feed.progress('T-1', one)
    feed.progress('T-1', busy)
    feed.progress('T-1', { type: 'step.started', turnId: 'm2', partId: 's1', owner: null })
    const shown = live(await next())
    assert.equal([shown.length, shown[0], shown[1]], [3, tool('ab'), busy])
    assert.is(live(await next(follow())).length, 3)
    feed.closePart('T-1', 't1')
    feed.progress('T-1', { ...busy, status: 'idle' })
    feed.closeTurn('T-1', 'm2')
    assert.equal(live(await next(follow())), [])
  })
  it('drops deltas of a reader that lags, and gives it snapshots instead', async () => {
    const { next, say } = setUp({}, 1)
    await next()
    for (let i = 0; i < 1_500; i += 1) say('x', `p${i % 2}`)
    assert.equal(live(await next()), [
      ['snapshot', 'p0', 'x'.repeat(750)],
      ['snapshot', 'p1', 'x'.repeat(750)],
    ])
    say('y', 'p0')
    assert.equal(live(await next()), [['delta', 'p0', 750, 'y']])
  })
  it('never lets a delta overtake a durable event that came before it', async () => {
    const { next, say, log } = setUp({}, 1)
    await next()
    say('before')
    log.append()
    say(' after')
    const batch = await next()
    assert.equal([seqs(batch), live(batch)], [[2], [['delta', 'p1', 0, 'before after']]])
  })
  it('ends with its signal, waiting or not', async () => {
    const { follow, stop, clock } = setUp()
    const reader = follow()
    const waiting = reader.next()
    await clock.advance(0)
    stop.abort()
    assert.equal((await waiting).done, true)
    assert.is(clock.sleepers, 0)
  })
})

describe('the feed of a ticket, handed over', (it) => {
  /** `full`: it has room for nothing more until the room is made. */
  const handed = (world: ReturnType<typeof setUp>, take?: () => unknown) => {
    const got: EventBatch[] = []
    let room: (() => void) | null = null
    const state = { full: false, got, seqs: (): readonly number[] => got.flatMap(seqs), makeRoom: () => room?.() }
    const ended = world.feed.follow({ ticketId: 'T-1', after: 0, gap: null, signal: world.stop.signal }).into((batch) => {
      take?.()
      got.push(batch)
      return state.full ? new Promise<void>((resolve) => (room = resolve)) : undefined
    })
    return Object.assign(state, { ended })
  }

  it('is the same: what is stored, then what comes, in the loop of whoever tells it', async () => {
    const world = setUp({}, 1_100)
    const [one, two] = [handed(world), handed(world)]
    await world.clock.advance(0)
    world.log.append(2)
    await world.clock.advance(0)
    world.say('typing')
    await world.clock.advance(50)
    for (const { seqs: all } of [one, two])
      assert.equal(
        all(),
        Array.from({ length: 1_102 }, (_, i) => i + 1),
      )
    assert.equal(live(one.got.at(-1) as EventBatch), [['delta', 'p1', 0, 'typing']])
    assert.is(one.got.at(-1), two.got.at(-1), 'one object for all')
    world.stop.abort()
    await Promise.all([one.ended, two.ended])
  })
  it('stops while its reader is full, holds a bounded number for it, and reads the rest from the log', async () => {
    const world = setUp({}, 1)
    const [slow, quick] = [handed(world), handed(world)]
    await world.clock.advance(0)
    slow.full = true
    for (let n = 0; n < 30; n += 1) {
      world.log.append(100)
      await world.clock.advance(0)
    }
    assert.equal([slow.seqs().length, quick.seqs().length], [101, 3_001])
    slow.full = false
    slow.makeRoom()
    await world.clock.advance(0)
    world.log.append()
    await world.clock.advance(0)
    const all = Array.from({ length: 3_002 }, (_, i) => i + 1)
    assert.equal([slow.seqs(), quick.seqs()], [all, all])
    world.stop.abort()
    await Promise.all([slow.ended, quick.ended])
  })
  it('ends for the reader that cannot take a batch, and for no other', async () => {
    const world = setUp({}, 1)
    let broken = false
    const bad = handed(world, () => {
      if (broken) throw new TypeError('broken')
    })
    const good = handed(world)
    await world.clock.advance(0)
    broken = true
    world.log.append()
    assert.match(String(await bad.ended.catch((error: unknown) => error)), /broken/)
    world.log.append()
    await world.clock.advance(0)
    assert.equal([bad.seqs(), good.seqs()], [[1], [1, 2, 3]])
    world.stop.abort()
    await good.ended
    assert.is(world.clock.sleepers, 0)
  })
  it('gives nothing to a reader that has gone, not even in the same loop, and ends', async () => {
    const world = setUp({}, 1)
    let leaves = false
    const leaving = handed(world, () => leaves && world.stop.abort())
    const reader = handed(world)
    await world.clock.advance(0)
    leaves = true
    world.log.append()
    await Promise.all([leaving.ended, reader.ended])
    assert.equal([leaving.seqs(), reader.seqs()], [[1, 2], [1]])
  })
})
