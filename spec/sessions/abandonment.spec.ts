/** Sessions that are given up or came late, on the SDK adapter behind msw: none is leaked, none is prompted. */
import * as assert from 'uvu/assert'
import { abandon, CREATE_DELAYS_MS, ownSession } from '../../core/sessions/session-manager.ts'
import { describe } from '../helpers/suite.ts'
import { codeOf } from '../suites/store/home.ts'
import { losing, remotes, startOwning, states } from './owning.ts'

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
      prompt: { name: 'answer', inputHash: 'h' },
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
    await store.claimSlot(fence, {
      nonce: 'feed',
      slot,
      opencodeId,
      directory: owning.fake.dir,
      model,
      prompt: { name: 'answer', inputHash: 'h' },
      at: 1,
    })
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

  it('is looked for again while OpenCode is started anew, within a budget: the row is kept', async () => {
    await using owning = await startOwning()
    const { slot, fence, store } = owning.world
    const prompt = { name: 'answer', inputHash: 'h' }
    const { adapter, dir, server } = owning.fake
    const own = { slot, directory: dir, model: { provider: 'fake', model: 'm1' }, prompt }
    await store.claimSlot(fence, { ...own, nonce: 'feed', opencodeId: adapter.opencodeId, at: 1 })
    const remote = await adapter.createSession({ directory: dir, title: 'x', metadata: { looptroop: 'feed' }, rules: [] })
    server.crash()
    assert.is(await codeOf(owning.own()), 'SESSION_UNVERIFIED')
    assert.ok(owning.slept.reduce((a, b) => a + b) >= 60_000)
    let asked = 0
    const listSessions: typeof adapter.listSessions = (options) => {
      asked += 1
      if (asked === 3) server.restart()
      return adapter.listSessions(options)
    }
    const driving = owning.with({ opencode: { ...owning.driving.opencode, adapter: { ...adapter, listSessions } } })
    assert.is((await ownSession(driving, { ...own, rules: [] })).session.sessionId, remote.id)
    assert.is(asked, 3)
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

  it('keeps asking for an abort that was not confirmed, until OpenCode confirms it', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    owning.fake.server.failNext('abort', { kind: 'refuse', status: 500 })
    await abandon(owning.driving, session, { reason: 'enough' })
    const { store } = owning.world
    assert.equal(
      (await store.pendingAborts()).map((s) => s.sessionId),
      [session.sessionId],
    )
    await store.confirmAbort({ ticketId: owning.world.ticketId, nonce: session.nonce, at: 9 })
    assert.equal(await store.pendingAborts(), [])
  })

  it('is not waited for once the driver must stop', async () => {
    await using owning = await startOwning()
    const stop = new AbortController()
    const createSession = (): Promise<never> => {
      stop.abort()
      return Promise.reject(new Error('no'))
    }
    const { opencode } = owning.driving
    const driving = owning.with({ signal: stop.signal, opencode: { ...opencode, adapter: { ...opencode.adapter, createSession } } })
    const { slot } = owning.world
    const options = {
      slot,
      prompt: { name: 'answer', inputHash: 'h' },
      directory: owning.fake.dir,
      model: { provider: 'fake', model: 'm1' },
      rules: [],
    }
    await ownSession(driving, options).then(
      () => assert.unreachable(),
      () => undefined,
    )
    assert.equal(owning.slept, [])
  })
})
