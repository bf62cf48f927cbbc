/** Leases, journal, items, artifacts, events. */
import * as assert from 'uvu/assert'
import { event } from '../../../core/events/events.ts'
import type { It } from '../../helpers/suite.ts'
import { claim, codeOf, newTicket, ONE, startedWorld, type OpenHome } from './home.ts'

export function leaseSuite(it: It, open: OpenHome): void {
  it('has one driver: a new owner raises the generation, the old one is fenced off', async () => {
    await using world = await startedWorld(open)
    const { store, ticketId } = world
    assert.is((await claim(store, ticketId, { at: 500 })).generation, 1, 'ours already')
    assert.is(await codeOf(claim(store, ticketId, { owner: 'kernel-b', at: 500 })), 'LEASE_HELD')
    const taken = await claim(store, ticketId, { owner: 'kernel-b', at: 1_000_500 })
    assert.equal([taken.owner, taken.generation], ['kernel-b', 2])
    assert.is(await codeOf(store.wake(world.fence, { at: 3 })), 'LEASE_LOST')
  })

  it('gives a ticket over at the very expiry, when the owner is proven dead, and when it is released', async () => {
    await using world = await startedWorld(open)
    const { store, ticketId } = world
    await claim(store, ticketId, { ttlMs: 100, at: 900 })
    assert.is(await codeOf(claim(store, ticketId, { owner: 'b', at: 999 })), 'LEASE_HELD')
    assert.is((await claim(store, ticketId, { owner: 'b', at: 1_000 })).generation, 2)
    assert.is((await claim(store, ticketId, { owner: 'c', dead: 'b', at: 1_001 })).generation, 3)
    assert.equal(await store.renewLeases({ owner: 'c', ttlMs: 10, at: 1_002 }), [ticketId])
    assert.is((await store.lease(ticketId))?.expiresAt, 1_012)
    await store.releaseLeases({ owner: 'c', at: 1_003 })
    assert.is(await store.lease(ticketId), null)
    assert.is(await codeOf(store.wake({ ticketId, generation: 3 }, { at: 1 })), 'LEASE_LOST')
    assert.is((await claim(store, ticketId, { owner: 'c' })).generation, 4, 'a generation never comes back')
  })

  it('lets one of many racing claims win', async () => {
    await using world = await startedWorld(open)
    const { id } = await newTicket(world.store)
    const results = await Promise.allSettled(['a', 'b', 'c'].map((owner) => claim(world.store, id, { owner, at: 5 })))
    assert.is(results.filter((r) => r.status === 'fulfilled').length, 1)
  })

  it('queues for the execution lease', async () => {
    await using world = await startedWorld(open)
    const { id } = await newTicket(world.store)
    const other = { ticketId: id, generation: (await claim(world.store, id)).generation }
    assert.ok(await world.store.takeExclusive(world.fence, { limit: 1, at: world.at }))
    assert.ok(await world.store.takeExclusive(world.fence, { limit: 1, at: world.at }))
    assert.not(await world.store.takeExclusive(other, { limit: 1, at: world.at }))
    assert.ok(await world.store.takeExclusive(other, { limit: 2, at: world.at }))
    assert.equal(await world.store.exclusiveHolders(), [world.ticketId, id])
    await world.store.releaseExclusive(world.fence, { at: world.at })
    assert.equal(await world.store.exclusiveHolders(), [id])
  })
}

export function journalSuite(it: It, open: OpenHome): void {
  it('records a step in two halves and once', async () => {
    await using world = await startedWorld(open)
    const step = { ...ONE, name: 's', verb: 'step', inputHash: 'h1' }
    const begun = await world.store.beginStep(world.fence, { ...step, at: 5 })
    assert.equal(await world.store.beginStep(world.fence, { ...step, inputHash: 'h2', at: 6 }), begun)
    const done = { ...ONE, name: 's', value: { n: 1, x: [null, 'ü'] } }
    await world.store.completeStep(world.fence, { ...done, events: [event('step.recorded', { ...ONE, name: 's' })], at: 7 })
    assert.is(await codeOf(world.store.completeStep(world.fence, { ...done, at: 8 })), 'STORE_CONFLICT')
    const { steps } = await world.store.journal(world.ticketId, ONE)
    assert.equal(steps, [{ ...begun, state: 'done', value: done.value }])
    assert.is((await world.events('step.recorded')).length, 1)
  })

  it('records a prompt, ends its session and keeps the budget it used', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    assert.equal((await world.store.journal(world.ticketId, ONE)).prompts[0]?.slot, world.slot)
    await world.store.spendBudget(world.fence, { ...ONE, name: 'answer', usedMs: 1234 })
    const session = { slot: world.slot, state: 'ended' as const, reason: 'done' }
    await world.store.completePrompt(world.fence, {
      ...ONE,
      name: 'answer',
      result: { ok: true, value: [1] },
      session,
      repairs: ['fence'],
      at: 6,
    })
    const [prompt] = (await world.store.journal(world.ticketId, ONE)).prompts
    assert.equal([prompt?.state, prompt?.result, prompt?.usedMs], ['done', { ok: true, value: [1] }, 1234])
    assert.equal(await world.events('prompt.recorded'), [{ ...ONE, prompt: 'answer', ok: true, why: null, repairs: ['fence'] }])
    assert.equal(
      (await world.store.sessions(world.ticketId)).map((s) => [s.state, s.reason]),
      [['ended', 'done']],
    )
  })

  it('keeps items beyond attempts and tells of visible changes only', async () => {
    await using world = await startedWorld(open)
    await world.store.putItem(world.fence, { id: 'b1', patch: { title: 'Bead', blockedBy: ['b0'], data: { k: 1 } }, at: 5 })
    await world.store.putItem(world.fence, {
      id: 'b1',
      patch: { notes: [{ kind: 'failure', at: 1, iteration: 1, text: 'n' }], startCommit: 'abc' },
      at: 6,
    })
    await world.store.putItem(world.fence, { id: 'b1', patch: { state: 'done', commit: 'def' }, at: 7 })
    const [item] = await world.store.items(world.ticketId)
    assert.equal(
      [item?.title, item?.state, item?.blockedBy, item?.notes.length, item?.startCommit, item?.data],
      ['Bead', 'done', ['b0'], 1, 'abc', { k: 1 }],
    )
    assert.equal(
      (await world.events('item.changed')).map((e) => [e.state, e.commit]),
      [
        ['pending', null],
        ['done', 'def'],
      ],
    )
  })

  it('keeps notes of a phase', async () => {
    await using world = await startedWorld(open)
    await world.store.addPhaseNote(world.fence, { phase: 'ONE', note: { kind: 'failure', at: 3, iteration: 2, text: 'why' }, at: 5 })
    assert.equal(await world.store.phaseNotes(world.ticketId, 'ONE'), [{ phase: 'ONE', kind: 'failure', at: 3, iteration: 2, text: 'why' }])
  })
}

export function logSuite(it: It, open: OpenHome): void {
  it('saves a revision once per content, and finds by kind, phase and revision', async () => {
    await using world = await startedWorld(open)
    const first = await world.artifact('a1', 'one')
    assert.equal(await world.artifact('a2', 'one'), first)
    assert.is((await world.artifact('a3', 'two')).revision, 2)
    assert.is((await world.artifact('a4', 'one')).revision, 3, 'back to an older content is a new revision')
    assert.is((await world.store.artifact(world.ticketId, { kind: 'plan' }))?.revision, 3)
    assert.is((await world.store.artifact(world.ticketId, { kind: 'plan', revision: 2 }))?.content, 'two')
    assert.is(await world.store.artifact(world.ticketId, { kind: 'plan', phase: 'TWO' }), null)
    assert.equal(
      (await world.store.artifacts(world.ticketId)).map((a) => [a.id, 'content' in a]),
      [
        ['a1', false],
        ['a3', false],
        ['a4', false],
      ],
    )
    assert.is((await world.events('artifact.saved')).length, 3)
  })

  it('numbers events without a gap and appends a key once', async () => {
    await using world = await startedWorld(open)
    const before = await world.store.lastSeq(world.ticketId)
    const file = (file: string, key?: string) => event('file.edited', { file }, key)
    await world.store.appendEvents(world.fence, { events: [file('a', 'k1'), file('b', 'k2'), file('a2', 'k1')], at: 5 })
    await Promise.all([1, 2, 3].map((n) => world.store.appendEvents(world.fence, { events: [file(`c${n}`), file('b', 'k2')], at: 6 })))
    const seqs = await world.seqs()
    assert.equal(
      seqs,
      seqs.map((_, index) => index + 1),
    )
    assert.is(seqs.length, before + 5)
    const [page] = await world.store.events(world.ticketId, before, 1)
    assert.equal([page?.seq, page?.id, page?.data], [before + 1, `${world.store.epoch}.${before + 1}`, { file: 'a' }])
  })

  it('numbers many events at once without a gap too, each with what it says and each key once', async () => {
    await using world = await startedWorld(open)
    const before = await world.store.lastSeq(world.ticketId)
    const file = (file: string, key?: string) => event('file.edited', { file }, key)
    await world.store.appendEvents(world.fence, { events: [file('known', 'k0')], at: 5 })
    const odd = `quo"te \\ \u0000 \u2028 ünïcödé 🦜 \ud800 ${'x'.repeat(500)}`
    const events = [file('a'), file('b', 'k1'), file('k0 again', 'k0'), file(odd), file('b again', 'k1'), file('c', "it's"), file('d')]
    await world.store.appendEvents(world.fence, { events, at: 6 })
    await world.store.appendEvents(world.fence, { events: events.map((one) => ({ ...one, key: 'k0' })), at: 7 })
    const told = await world.store.events(world.ticketId, before, 100)
    assert.equal(
      told.map(({ seq, at, data }) => [seq - before, at, (data as { file: string }).file]),
      [['known'], ['a'], ['b'], [odd], ['c'], ['d']].map(([text], index) => [index + 1, index === 0 ? 5 : 6, text]),
    )
  })

  it('tells listeners after the commit, and a broken listener hurts nobody', async () => {
    await using world = await startedWorld(open)
    const told: string[] = []
    const off = world.store.onAppend((id) => told.push(`events ${id}`))
    world.store.onAppend(() => {
      throw new Error('a broken listener')
    })
    world.store.onInbox((id) => told.push(`inbox ${id}`))
    await world.gate()
    await world.gate()
    assert.equal(told, [`events ${world.ticketId}`, `inbox ${world.ticketId}`])
    off()
    await world.store.appendEvents(world.fence, { events: [event('file.edited', { file: 'x' })], at: 1 })
    assert.is(told.length, 2)
  })

  it('keeps settings and counts rows', async () => {
    await using world = await startedWorld(open)
    await world.store.putSettings({ patch: { 'limits.turns': 3, 'models.main': null }, at: 1 })
    assert.equal(await world.store.settings(), { 'limits.turns': 3, 'models.main': null })
    const stats = await world.store.stats()
    assert.is(stats['tickets'], 1)
    assert.ok((stats['bytes'] ?? 0) > 0)
  })
}
