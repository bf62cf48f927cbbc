/** Owning a session: created with patience, found again after a lost reply, kept while it cannot be verified. */
import * as assert from 'uvu/assert'
import type { Driving } from '../../core/driving.ts'
import { createEventFeed } from '../../core/events/feed.ts'
import type { OpencodeAdapter } from '../../core/opencode/adapter.ts'
import { systemChance } from '../../core/ports.ts'
import { classifyReconnect } from '../../core/sessions/ownership.ts'
import type { ReconnectFacts } from '../../core/sessions/ownership.ts'
import { UNVERIFIED_BUDGET_MS, ownSession } from '../../core/sessions/session-manager.ts'
import type { Owned } from '../../core/sessions/session-manager.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { makeDirectory, startFakeOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { openFileHome } from '../store/file-home.ts'
import { startedWorld } from '../suites/store/home.ts'
import { refusal } from '../core/person.ts'

/** A driver with a fake OpenCode and a clock of its own; OpenCode's answers come in real time. */
async function setUp() {
  const world = await startedWorld(openFileHome)
  const fake = await startFakeOpencode()
  const clock = createFakeClock()
  const start = clock.now()
  const created: number[] = []
  const adapter = Object.create(fake.adapter) as OpencodeAdapter
  adapter.createSession = (...args) => {
    created.push(clock.now() - start)
    return fake.adapter.createSession(...args)
  }
  const stop = new AbortController()
  const driving: Driving = {
    ...{ store: world.store, fence: world.fence, clock, chance: systemChance, signal: stop.signal },
    feed: createEventFeed(world.store, clock),
    opencode: { adapter, hub: fake.hub, startedAt: null },
  }
  const directory = await makeDirectory(fake.dir, 'worktree')
  const own = (options: { forceFresh?: boolean } = {}, as = driving): Promise<Owned> =>
    ownSession(as, { slot: world.slot, name: 'answer', directory, model: { provider: 'fake', model: 'm1' }, rules: [], ...options })
  /** Lets time pass whenever somebody sleeps. */
  const hurry = async <T>(work: Promise<T>): Promise<T> => {
    const state = { over: false }
    const ended = work.finally(() => (state.over = true))
    ended.catch(() => {})
    while (!state.over) {
      await new Promise((resolve) => setImmediate(resolve))
      if (clock.sleepers > 0) await clock.advance(500)
    }
    return ended
  }
  const dispose = async (): Promise<void> => {
    driving.feed.close()
    await fake[Symbol.asyncDispose]()
    await world[Symbol.asyncDispose]()
  }
  const passed = (): number => clock.now() - start
  return { world, server: fake.server, driving, created, own, hurry, stop, passed, [Symbol.asyncDispose]: dispose }
}
const REFUSE = { kind: 'refuse', status: 500 } as const

describe('a session of a slot', (it) => {
  it('is created once and found again', async () => {
    await using t = await setUp()
    const first = await t.own()
    const again = await t.own()
    assert.equal([first.fresh, again.fresh, again.session.sessionId], [true, false, first.session.sessionId])
    assert.is(t.server.sessions().length, 1)
  })
  it('is tried again after 1, 3 and 7 seconds', async () => {
    await using t = await setUp()
    for (let i = 0; i < 3; i += 1) t.server.failNext('create', REFUSE)
    const { session } = await t.hurry(t.own())
    assert.equal(t.created, [0, 1_000, 4_000, 11_000])
    assert.equal([session.state, t.server.sessions().length], ['active', 1])
  })
  it('is given up after four tries, with all their reasons, and the slot is free again', async () => {
    await using t = await setUp()
    for (let i = 0; i < 4; i += 1) t.server.failNext('create', REFUSE)
    const { code, error } = await refusal(() => t.hurry(t.own()))
    assert.equal([code, error.details['tries']], ['SESSION_CREATE_FAILED', 4])
    assert.is(await t.world.store.sessionInSlot(t.world.slot), null)
    assert.is((await t.own()).fresh, true)
  })
  it('whose reply was lost is adopted by its nonce, not made a second time', async () => {
    await using t = await setUp()
    t.server.failNext('create', { kind: 'break', after: true })
    const { session } = await t.hurry(t.own())
    assert.equal(
      t.server.sessions().map((s) => s['id']),
      [session.sessionId],
    )
    assert.equal(t.created, [0])
  })
  it('that was claimed by a process which died is adopted, or claimed anew when it never came to be', async () => {
    await using t = await setUp()
    const died = new AbortController()
    t.server.failNext('create', { kind: 'break', after: true })
    const dying = t.own({}, { ...t.driving, signal: died.signal })
    dying.catch(() => {})
    while (t.server.sessions().length === 0) await new Promise((resolve) => setImmediate(resolve))
    died.abort()
    await refusal(() => t.hurry(dying))
    const { session } = await t.own()
    assert.equal([session.sessionId, t.server.sessions().length], [t.server.sessions()[0]?.['id'], 1])
  })
  it('that this OpenCode does not know any more is abandoned, and another begun', async () => {
    await using t = await setUp()
    const first = await t.own()
    await t.server.remove(first.session.sessionId)
    const second = await t.own()
    assert.not.equal(second.session.sessionId, first.session.sessionId)
    const rows = await t.world.store.sessions(t.world.ticketId)
    assert.equal(
      rows.map((r) => r.state),
      ['abandoned', 'active'],
    )
  })
  it('that cannot be read is neither prompted nor given up: looked for in a budget, then SESSION_UNVERIFIED', async () => {
    await using t = await setUp()
    const first = await t.own()
    t.server.crash()
    const before = t.passed()
    const { code } = await refusal(() => t.hurry(t.own()))
    assert.is(code, 'SESSION_UNVERIFIED')
    assert.ok(t.passed() - before >= UNVERIFIED_BUDGET_MS)
    assert.is((await t.world.store.sessionInSlot(t.world.slot))?.state, 'active')
    t.server.restart()
    assert.is((await t.own()).session.sessionId, first.session.sessionId)
    assert.is(t.server.sessions().length, 1)
  })
  it('of another OpenCode is unverified, never missing', async () => {
    await using t = await setUp()
    await t.own()
    const other = Object.create(t.driving.opencode.adapter) as OpencodeAdapter
    Object.defineProperty(other, 'opencodeId', { value: 'another' })
    const { code } = await refusal(() => t.hurry(t.own({}, { ...t.driving, opencode: { ...t.driving.opencode, adapter: other } })))
    assert.is(code, 'SESSION_UNVERIFIED')
  })
  it('is replaced when a fresh one is asked for; the old one is stopped', async () => {
    await using t = await setUp()
    const first = await t.own()
    const fresh = await t.own({ forceFresh: true })
    assert.ok(fresh.fresh && fresh.session.sessionId !== first.session.sessionId)
  })
  it('is not waited for once the driver must stop', async () => {
    await using t = await setUp()
    for (let i = 0; i < 4; i += 1) t.server.failNext('create', REFUSE)
    const waiting = t.own()
    waiting.catch(() => {})
    while (t.created.length === 0) await new Promise((resolve) => setImmediate(resolve))
    t.stop.abort()
    assert.is((await refusal(() => t.hurry(waiting))).code, 'RUN_ABORTED')
    assert.is(t.created.length, 1)
  })
})

describe('classifyReconnect', (it) => {
  const remote = { id: 's', directory: '/', title: '', createdAt: 1 }
  const facts: ReconnectFacts = { ticketExists: true, samePhase: true, owned: true, sameOpencode: true, remote }
  it('reconnects only when all four checks hold', () => {
    assert.is(classifyReconnect(facts), 'reconnected')
    for (const gone of ['ticketExists', 'samePhase', 'owned'] as const)
      for (const seen of [remote, null, 'unreadable'] as const)
        assert.is(classifyReconnect({ ...facts, [gone]: false, remote: seen }), 'stale')
    assert.is(classifyReconnect({ ...facts, remote: null }), 'missing')
    assert.is(classifyReconnect({ ...facts, remote: 'unreadable' }), 'unverified')
    for (const seen of [remote, null, 'unreadable'] as const)
      assert.is(classifyReconnect({ ...facts, sameOpencode: false, remote: seen }), 'unverified')
  })
})
