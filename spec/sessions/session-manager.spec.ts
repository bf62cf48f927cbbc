/** Owning sessions: what a reconnect finds, and what becomes of a creation whose answer got lost. */
import * as assert from 'uvu/assert'
import type { Driving } from '../../core/driving.ts'
import { createEventFeed } from '../../core/events/feed.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { abandon, CREATE_DELAYS_MS, ownSession, validateAndReconnect } from '../../core/sessions/session-manager.ts'
import type { Owned } from '../../core/sessions/session-manager.ts'
import type { SessionRecord } from '../../core/store/records.ts'
import { makeDirectory, startFakeOpencode, type FakeOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { openFileHome } from '../store/file-home.ts'
import { codeOf, ONE, startedWorld, type World } from '../suites/store/home.ts'

interface Owning extends AsyncDisposable {
  readonly world: World
  readonly fake: FakeOpencode
  readonly driving: Driving
  /** Waits that were asked for, in milliseconds; none is waited for. */
  readonly slept: readonly number[]
  own(options?: { forceFresh?: boolean }): Promise<Owned>
  row(): Promise<SessionRecord>
  /** The same on other parts. */
  with(parts: Partial<Driving>): Driving
}

async function startOwning(): Promise<Owning> {
  const world = await startedWorld(openFileHome)
  const fake = await startFakeOpencode()
  const slept: number[] = []
  let waited = 0
  const clock: Driving['clock'] = {
    now: () => systemClock.now() + waited,
    monotonic: () => systemClock.monotonic() + waited,
    sleep: (ms) => {
      slept.push(ms)
      waited += ms
      return Promise.resolve()
    },
  }
  const opencode = { adapter: fake.adapter, hub: fake.hub, startedAt: null }
  const signal = new AbortController().signal
  const feed = createEventFeed(world.store, clock)
  const driving: Driving = { store: world.store, fence: world.fence, opencode, clock, chance: systemChance, feed, signal }
  const directory = await makeDirectory(fake.dir, 'work')
  const model = { provider: 'fake', model: 'm1' }
  return {
    world,
    fake,
    driving,
    slept,
    own: (options) => ownSession(driving, { slot: world.slot, name: 'answer', directory, model, rules: [], ...options }),
    row: async () => (await world.store.sessionInSlot(world.slot)) as SessionRecord,
    with: (parts) => ({ ...driving, ...parts }),
    [Symbol.asyncDispose]: async () => {
      feed.close()
      await fake[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

const states = async ({ world }: Owning): Promise<readonly string[]> => (await world.store.sessions(world.ticketId)).map((s) => s.state)
const remotes = async ({ fake }: Owning): Promise<readonly string[]> => (await fake.adapter.listSessions()).map((s) => s.id)

/** Sessions are created, and every answer gets lost. */
function losing(owning: Owning, more: Partial<FakeOpencode['adapter']>): { driving: Driving; options: Parameters<typeof ownSession>[1] } {
  const { adapter, dir } = owning.fake
  const createSession: typeof adapter.createSession = async (input, call) => {
    await adapter.createSession(input, call)
    throw new Error('the answer got lost')
  }
  const driving = owning.with({ opencode: { ...owning.driving.opencode, adapter: { ...adapter, createSession, ...more } } })
  return {
    driving,
    options: { slot: owning.world.slot, name: 'answer', directory: dir, model: { provider: 'fake', model: 'm1' }, rules: [] },
  }
}

describe('validateAndReconnect', (it) => {
  it('reconnected: ticket, phase, row and session are all there; the row gets the generation of this driver', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    const later = await owning.world.store.claimLease({
      ticketId: owning.world.ticketId,
      owner: 'kernel-b',
      host: 'here',
      pid: 2,
      startToken: 't',
      ttlMs: 1_000,
      at: 2,
      dead: 'kernel-a',
    })
    const fence = { ticketId: owning.world.ticketId, generation: later.generation }
    const again = await validateAndReconnect(owning.with({ fence }), session)
    assert.is(again.found, 'reconnected')
    assert.is(again.session.generation, later.generation)
    const next = await ownSession(owning.with({ fence }), {
      slot: session.slot,
      name: 'answer',
      directory: session.directory,
      model: session.model,
      rules: [],
    })
    assert.equal([next.fresh, next.session.sessionId], [false, session.sessionId])
    assert.equal(await remotes(owning), [session.sessionId])
  })

  it('stale: the ticket has left the phase', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    const to = { phase: 'TWO', attempt: 1, label: 'Second', visits: 1 }
    await owning.world.store.advance(owning.world.fence, { from: ONE, outcome: 'done', to, at: 9 })
    assert.is((await validateAndReconnect(owning.driving, session)).found, 'stale')
  })

  it('missing: this OpenCode answers that it has no such session; a fresh one follows', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    await owning.fake.adapter.deleteSession(session.sessionId)
    assert.is((await validateAndReconnect(owning.driving, session)).found, 'missing')
    const next = await owning.own()
    assert.ok(next.fresh)
    assert.equal(await states(owning), ['abandoned', 'active'])
  })

  it('unverified: OpenCode cannot be asked; nothing is given up, and the budget ends in SESSION_UNVERIFIED', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    owning.fake.server.crash()
    const { found, problem } = await validateAndReconnect(owning.driving, session)
    assert.is(found, 'unverified')
    assert.ok(problem)
    assert.is(await codeOf(owning.own()), 'SESSION_UNVERIFIED')
    assert.ok(owning.slept.reduce((a, b) => a + b) >= 60_000)
    assert.equal(await states(owning), ['active'])
    owning.fake.server.restart()
    assert.is((await owning.own()).session.sessionId, session.sessionId)
  })

  it('unverified: it lives on another OpenCode, whose 404 proves nothing; no second session is made', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    await using stranger = await startFakeOpencode()
    const adapter = { ...stranger.adapter, opencodeId: 'another' }
    const driving = owning.with({ opencode: { adapter, hub: stranger.hub, startedAt: null } })
    assert.is((await validateAndReconnect(driving, session)).found, 'unverified')
    const { slot, directory, model } = session
    assert.is(await codeOf(ownSession(driving, { slot, name: 'answer', directory, model, rules: [] })), 'SESSION_UNVERIFIED')
    assert.equal(await stranger.adapter.listSessions(), [])
    assert.equal(await states(owning), ['active'])
  })
})

describe('a session whose creation was not answered', (it) => {
  it('is taken by its nonce when it was created after all, and no second one is made', async () => {
    await using owning = await startOwning()
    owning.fake.server.failNext('create', { kind: 'break', after: true })
    const { session, fresh } = await owning.own()
    assert.ok(fresh)
    assert.equal(await remotes(owning), [session.sessionId])
    assert.equal(owning.slept, [CREATE_DELAYS_MS[0]])
    assert.equal(await states(owning), ['active'])
  })

  it('is tried again after 1, 3 and 7 seconds; then the slot is free again', async () => {
    await using owning = await startOwning()
    const adapter = { ...owning.fake.adapter, createSession: () => Promise.reject(new Error('no')) }
    const driving = owning.with({ opencode: { ...owning.driving.opencode, adapter } })
    const options = {
      slot: owning.world.slot,
      name: 'answer',
      directory: owning.fake.dir,
      model: { provider: 'fake', model: 'm1' },
      rules: [],
    }
    assert.is(await codeOf(ownSession(driving, options)), 'SESSION_CREATE_FAILED')
    assert.equal(owning.slept, CREATE_DELAYS_MS)
    assert.equal(await states(owning), ['abandoned'])
    assert.ok((await owning.own()).fresh)
  })

  it('is taken once when several tries had created one: the others are deleted', async () => {
    await using owning = await startOwning()
    let lists = 0
    const listSessions: typeof owning.fake.adapter.listSessions = async (options) =>
      ++lists > 2 ? owning.fake.adapter.listSessions(options) : []
    const { driving, options } = losing(owning, { listSessions })
    const { session } = await ownSession(driving, options)
    assert.equal(await remotes(owning), [session.sessionId])
  })

  it('is deleted when it turns up after all is given up', async () => {
    await using owning = await startOwning()
    let lists = 0
    // Not listed before the last look.
    const listSessions: typeof owning.fake.adapter.listSessions = async (options) =>
      ++lists > CREATE_DELAYS_MS.length ? owning.fake.adapter.listSessions(options) : []
    const { driving, options } = losing(owning, { listSessions })
    assert.is(await codeOf(ownSession(driving, options)), 'SESSION_CREATE_FAILED')
    assert.equal(await remotes(owning), [])
  })

  it('is adopted by the next process, when this one died between creating and storing it', async () => {
    await using owning = await startOwning()
    const { slot, fence, store } = owning.world
    const model = { provider: 'fake', model: 'm1' }
    const { opencodeId } = owning.fake.adapter
    await store.claimSlot(fence, { nonce: 'feed', slot, opencodeId, directory: owning.fake.dir, model, at: 1 })
    const remote = await owning.fake.adapter.createSession({
      directory: owning.fake.dir,
      title: 'x',
      metadata: { looptroop: 'feed' },
      rules: [],
    })
    const { session } = await owning.own()
    assert.equal([session.nonce, session.sessionId], ['feed', remote.id])
    assert.equal(await remotes(owning), [remote.id])
  })
})

describe('a session that is given up', (it) => {
  it('is stopped at OpenCode; an abort that was not confirmed is said and asked for again', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    const next = await owning.own({ forceFresh: true })
    assert.is.not(next.session.sessionId, session.sessionId)
    owning.fake.server.failNext('abort', { kind: 'refuse', status: 500 })
    await abandon(owning.driving, next.session, { reason: 'enough' })
    const [, last] = await owning.world.store.sessions(owning.world.ticketId)
    assert.match(last?.reason ?? '', /enough \(the abort was not confirmed/)
  })
})
