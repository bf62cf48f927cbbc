/** A person's edit of an approved document, and late results of what it archived. */
import * as assert from 'uvu/assert'
import type { Store } from '../../../core/store/store.ts'
import type { It } from '../../helpers/suite.ts'
import { codeOf, ONE, startedWorld, type OpenHome, type World } from './home.ts'

type Edit = Parameters<Store['editArtifact']>[1]

/** A plan approved in ONE; the ticket is at work on it in TWO, which made something of it. */
async function planned(open: OpenHome): Promise<World> {
  const world = await startedWorld(open)
  const { store, fence, ticketId } = world
  await world.artifact('a1', 'plan')
  await world.gate()
  await world.command('decide', 'ok', 'gate_1')
  const decision = { action: 'approve', payload: null, sha256: 'sha-plan' }
  await store.decideGate(fence, { ...ONE, gateId: 'gate_1', name: 'approve', decision, approves: 'plan', consume: 'ok', at: world.at })
  await store.advance(fence, { from: ONE, outcome: 'done', to: { phase: 'TWO', attempt: 1, label: 'Second', visits: 1 }, at: world.at })
  await store.takeExclusive(fence, { limit: 1, at: world.at })
  const made = { phase: 'TWO', attempt: 1, id: 'm1', kind: 'made', content: 'made', sha256: 'sha-made', derivedFrom: ['sha-plan'] }
  await store.saveArtifact(fence, { ...made, at: world.at })
  for (const [id, state] of [
    ['b1', 'done'],
    ['b2', 'in_progress'],
  ] as const)
    await store.putItem(fence, { id, patch: { state, startCommit: 'abc' }, at: world.at })
  await store.submitCommand({
    ...{ actionId: 'edit', ticketId, kind: 'edit', target: 'plan', payload: null, edit: { sha256: 'sha-plan' } },
    at: 9,
  })
  return world
}
const edit = (world: World, more: Partial<Edit> = {}): Edit => ({
  from: { phase: 'TWO', attempt: 1 },
  to: { phase: 'TWO', attempt: 2, label: 'Second', exclusive: false },
  artifact: { id: 'a2', kind: 'plan', content: 'better', sha256: 'sha-better', derivedFrom: ['sha-plan'] },
  edited: { ...ONE, sha256: 'sha-plan' },
  voids: ['m1'],
  archives: [{ phase: 'TWO', attempt: 1 }],
  consume: 'edit',
  at: world.at,
  ...more,
})

export function editSuite(it: It, open: OpenHome): void {
  it('keeps the new revision as approved, makes void what it should, and goes on in a fresh attempt that counts from one', async () => {
    await using world = await planned(open)
    const { store, ticketId } = world
    const ticket = await store.editArtifact(world.fence, edit(world))
    assert.equal([ticket.status, 'phase' in ticket && ticket.phase, 'attempt' in ticket && ticket.attempt], ['running', 'TWO', 2])
    const plan = await store.artifact(ticketId, { kind: 'plan' })
    assert.equal([plan?.revision, plan?.content, plan?.approvedBy, plan?.approvedIn, plan?.phase], [2, 'better', 'edit', 'ONE', 'ONE'])
    assert.is(await store.artifact(ticketId, { kind: 'made' }), null)
    assert.is((await store.artifact(ticketId, { kind: 'made', revision: 1 }))?.content, 'made', 'it is kept')
    assert.equal(
      (await store.attempts(ticketId)).map((a) => [a.phase, a.attempt, a.reason, a.state, a.counted]),
      [
        ['ONE', 1, 'entered', 'done', true],
        ['TWO', 1, 'entered', 'archived', false],
        ['TWO', 2, 'edit', 'active', true],
      ],
    )
    assert.equal(
      (await store.items(ticketId)).map((i) => [i.id, i.state, i.startCommit]),
      [
        ['b1', 'done', 'abc'],
        ['b2', 'pending', undefined],
      ],
    )
    assert.equal(await store.exclusiveHolders(), [])
    assert.equal(
      [(await world.events('artifact.edited')).length, (await world.events('artifact.voided')).map((e) => e.kind)],
      [1, ['made']],
    )
  })

  it('drops late results of what it archived', async () => {
    await using world = await planned(open)
    const { store, fence } = world
    const step = { phase: 'TWO', attempt: 1, name: 's', verb: 'step', inputHash: 'h' }
    await store.beginStep(fence, { ...step, at: world.at })
    await store.editArtifact(fence, edit(world))
    const late = { phase: 'TWO', attempt: 1, at: world.at }
    const saved = { id: 'm2', kind: 'made', content: 'late', sha256: 'sha-late', derivedFrom: [] }
    for (const write of [
      store.saveArtifact(fence, { ...late, ...saved }),
      store.beginStep(fence, { ...step, name: 't', at: world.at }),
      store.completeStep(fence, { ...late, name: 's', value: 1 }),
    ])
      assert.is(await codeOf(write), 'STORE_CONFLICT')
    assert.is(await store.artifact(world.ticketId, { kind: 'made' }), null)
  })

  it('stays where it is when nothing has to run again, and is of the newest revision only', async () => {
    await using world = await planned(open)
    const { store, fence, ticketId } = world
    assert.is(await codeOf(store.editArtifact(fence, edit(world, { edited: { ...ONE, sha256: 'sha-old' } }))), 'STORE_CONFLICT')
    const ticket = await store.editArtifact(fence, edit(world, { to: null, voids: [], archives: [] }))
    assert.equal(['attempt' in ticket && ticket.attempt, await store.exclusiveHolders()], [1, [ticketId]])
    assert.is(await codeOf(store.editArtifact(fence, edit(world))), 'STORE_CONFLICT', 'a command acts once')
  })

  it('is asked for once at a time, with the hash of what is there', async () => {
    await using world = await planned(open)
    const { store, ticketId } = world
    const wanted = (actionId: string, sha256: string): Promise<unknown> =>
      store.submitCommand({ actionId, ticketId, kind: 'edit', target: 'plan', payload: null, edit: { sha256 }, at: world.at })
    assert.is(await codeOf(wanted('other', 'sha-plan')), 'TICKET_MOVED')
    assert.is(await codeOf(wanted('edit', 'sha-plan')), 'nothing was thrown')
    await store.editArtifact(world.fence, edit(world))
    assert.is(await codeOf(wanted('stale', 'sha-plan')), 'GATE_HASH_STALE')
    assert.is(await codeOf(wanted('next', 'sha-better')), 'nothing was thrown')
  })
}
