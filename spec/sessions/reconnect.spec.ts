/** The four checks of a reconnect, on the SDK adapter behind msw: only a session that passes all of them is prompted. */
import * as assert from 'uvu/assert'
import { classifyReconnect, type ReconnectFacts } from '../../core/sessions/ownership.ts'
import { ownSession, validateAndReconnect } from '../../core/sessions/session-manager.ts'
import { startFakeOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { codeOf, ONE } from '../suites/store/home.ts'
import { remotes, startOwning, states } from './owning.ts'

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
      prompt: { name: 'answer', inputHash: 'h' },
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
    assert.is(
      await codeOf(ownSession(driving, { slot, prompt: { name: 'answer', inputHash: 'h' }, directory, model, rules: [] })),
      'SESSION_UNVERIFIED',
    )
    assert.equal(await stranger.adapter.listSessions(), [])
    assert.equal(await states(owning), ['active'])
  })

  it('stale: the ticket moved on while OpenCode was asked', async () => {
    await using owning = await startOwning()
    const { session } = await owning.own()
    const { adapter } = owning.fake
    const moving: typeof adapter.getSession = async (id, call) => {
      const found = await adapter.getSession(id, call)
      const to = { phase: 'TWO', attempt: 1, label: 'Second', visits: 1 }
      await owning.world.store.advance(owning.world.fence, { from: ONE, outcome: 'done', to, at: 9 })
      return found
    }
    const driving = owning.with({ opencode: { ...owning.driving.opencode, adapter: { ...adapter, getSession: moving } } })
    const refused = await validateAndReconnect(driving, session).then(
      (r) => r.found,
      (error: unknown) => (error as { code: string }).code,
    )
    assert.ok(['stale', 'STORE_CONFLICT'].includes(refused), `it must not be prompted: ${refused}`)
  })

  it('a session that was kept is found again in its slot, and one that was asked to be fresh is not', async () => {
    await using owning = await startOwning()
    const kept = await owning.own()
    const again = await owning.own()
    assert.equal([again.fresh, again.session.sessionId], [false, kept.session.sessionId])
    const fresh = await owning.own({ forceFresh: true })
    assert.ok(fresh.fresh && fresh.session.sessionId !== kept.session.sessionId)
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
