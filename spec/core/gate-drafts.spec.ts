/** A form that a person fills in bit by bit: kept over restarts, wherever the server dies, and never lost to another tab. */
import * as assert from 'uvu/assert'
import type { Json } from '../../plugins/contract.ts'
import { createLoopTroopClient } from '../../router/index.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import { describe } from '../helpers/suite.ts'
import type { WorldOptions } from '../helpers/world.ts'
import { serve, TOKEN } from '../router/wire.ts'
import { actionId, openGate, refusal } from './person.ts'
import { probeWorld, probing } from './probing.ts'

const asking = probing(async (phase) => {
  const { payload } = await phase.ask('decision', { kind: 'list', title: 'Go on?', actions: [{ id: 'go', label: 'Go' }] })
  return phase.done(payload)
})
async function asked(stores?: WorldOptions['stores']) {
  const world = await probeWorld(asking, stores ? { stores } : {})
  const { id: ticketId } = await world.start('Do it', 'probe')
  await world.drive()
  const { id: gateId } = await openGate(world, ticketId)
  const of = { ticketId, gateId }
  const save = (seen: number, content: Json) => world.kernel.tickets.saveDraft({ ...of, seen, content })
  const read = async () => {
    const draft = await world.kernel.tickets.draft(of)
    return draft && [draft.revision, draft.content]
  }
  return { world, of, save, read, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

describe('a draft at a gate', (it) => {
  it('is there after a restart, goes over what was seen, and not over what was not', async () => {
    await using set = await asked()
    const { world, of, save, read } = set
    assert.is(await read(), null)
    assert.is((await save(0, { 'qa-1': 'pass' })).revision, 1)
    assert.is((await save(1, { 'qa-1': 'pass', 'qa-2': 'fail' })).revision, 2)
    assert.is((await save(1, { 'qa-1': 'pass', 'qa-2': 'fail' })).revision, 2, 'the same once more: its reply was lost')
    for (const seen of [0, 1, 3]) assert.is((await refusal(() => save(seen, { other: 'tab' }))).code, 'DRAFT_STALE', String(seen))
    const { error } = await refusal(() => save(1, {}))
    assert.equal([error.details['current'], error.details['seen']], [2, 1])
    await world.kernel.stop()
    await world.reopen()
    assert.equal(await read(), [2, { 'qa-1': 'pass', 'qa-2': 'fail' }])
    assert.is(
      (await refusal(() => set.world.kernel.tickets.saveDraft({ ...of, gateId: 'none', seen: 0, content: {} }))).code,
      'GATE_UNKNOWN',
    )
    assert.is((await refusal(() => save(2, { much: 'x'.repeat(500_001) }))).field, 'content')
    await world.kernel.tickets.submitGate({ ...of, action: 'go', actionId: actionId() })
    assert.is((await refusal(() => save(2, {}))).code, 'GATE_CLOSED', 'what was sent is not filled in any more')
    await world.drive()
    await world.kernel.tickets.delete({ ticketId: of.ticketId })
    assert.is(await world.kernel.tickets.draft(of).catch(() => null), null)
  })
  it('of two that save at once over the same one is taken', async () => {
    await using set = await asked()
    const ends = await Promise.allSettled(['a', 'b', 'c'].map((who) => set.save(0, who)))
    assert.is(ends.filter((end) => end.status === 'fulfilled').length, 1)
    assert.is((await set.read())?.[0], 1)
  })
  it('is saved once wherever the server dies: the same save again finds it', async () => {
    for (const when of ['before', 'after'] as const) {
      let first = true
      await using set = await asked((opener) => ({
        openApp: (url) => opener.openApp(url),
        openProject: async (url, identity) => {
          const { store } = killingStore(await opener.openProject(url, identity), first ? { verb: 'saveDraft', when, nth: 1 } : null)
          first = false
          return store
        },
      }))
      const died = await set.save(0, 'half').catch((error: unknown) => error)
      assert.ok(isCrash(died), String(died))
      await set.world.kernel.stop().catch((error: unknown) => assert.ok(isCrash(error), String(error)))
      await set.world.reopen(60_000)
      assert.equal(await set.read(), when === 'before' ? null : [1, 'half'])
      assert.is((await set.save(0, 'half')).revision, 1)
      assert.equal(await set.read(), [1, 'half'])
    }
  })
  it('goes over the wire', async () => {
    await using set = await asked()
    await using server = await serve({ kernel: set.world.kernel })
    await using client = createLoopTroopClient({ url: server.url, token: TOKEN })
    assert.is(await client.gates.draft.query(set.of), null)
    const saved = await client.gates.saveDraft.mutate({ ...set.of, seen: 0, content: { a: [1] } })
    assert.equal([saved.revision, (await client.gates.draft.query(set.of))?.content], [1, { a: [1] }])
    const late = await client.gates.saveDraft.mutate({ ...set.of, seen: 0, content: {} }).catch((e: { data: object }) => e.data)
    assert.is((late as { looptroopCode?: string }).looptroopCode, 'DRAFT_STALE')
  })
})
