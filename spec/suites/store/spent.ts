/** The ledger of what turns took, and what a person lets a ticket spend. */
import * as assert from 'uvu/assert'
import type { Settlement } from '../../../core/store/records.ts'
import type { It } from '../../helpers/suite.ts'
import { codeOf, newTicket, startedWorld, type OpenHome, type World } from './home.ts'

const TOKENS = { input: 1, output: 2, reasoning: 3, cacheRead: 4, cacheWrite: 5 }
const settlement = (more: Partial<Settlement>): Settlement => ({
  ...{ how: 'finished', text: '', finish: 'stop', error: null, tokens: TOKENS, cost: 0.25, tools: [] },
  ...more,
})
async function settled(world: World, turnId: string, more: Partial<Settlement> = {}): Promise<void> {
  await world.openTurn(turnId)
  await world.store.settleTurn(world.fence, { turnId, settlement: settlement(more), at: world.at })
}
const MODEL = 'fake/small'

export function spentSuite(it: It, open: OpenHome): void {
  it('has one row per turn that is over, missing figures as null, and sums that say how many are missing', async () => {
    await using world = await startedWorld(open)
    await world.activeSession('n1', { memberId: 'm', beadId: 'b' })
    assert.equal([await world.store.spentByTicket(), await world.store.spentTurns(world.ticketId)], [[], []])
    await settled(world, 'msg_1')
    await settled(world, 'msg_2', { tokens: null, cost: null, untold: 2, how: 'lost' })
    await settled(world, 'msg_3', { cost: 0, untold: 0 })
    await world.openTurn('msg_4')
    const row = { phase: 'ONE', attempt: 1, prompt: 'answer', member: 'm', item: 'b', model: MODEL, tokens: TOKENS, cost: 0.25, untold: 0 }
    assert.equal(await world.store.spentTurns(world.ticketId), [
      { turnId: 'msg_1', ...row },
      { turnId: 'msg_2', ...row, tokens: null, cost: null, untold: 2 },
      { turnId: 'msg_3', ...row, cost: 0 },
    ])
    const tokens = { input: 2, output: 4, reasoning: 6, cacheRead: 8, cacheWrite: 10 }
    const spent = [{ ticketId: world.ticketId, tokens, cost: 0.25, turns: 3, missing: 1 }]
    assert.equal([await world.store.spentByTicket(), await world.store.spentByTicket(world.ticketId)], [spent, spent])
    assert.equal(await world.store.spentByTicket('KEY-9'), [])
  })

  it('keeps what a deleted ticket has spent, and nothing of it twice', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await settled(world, 'msg_1')
    const again = world.store.settleTurn(world.fence, { turnId: 'msg_1', settlement: settlement({}), at: world.at })
    assert.is(await codeOf(again), 'STORE_CONFLICT')
    await world.store.cancelTicket(world.fence, { reason: '', consume: await world.command('cancel', 'x'), at: world.at })
    const before = await world.store.spentByTicket()
    await world.store.deleteTicket(world.fence, { branch: 'none', left: [], at: world.at })
    assert.equal([before.map((t) => t.cost), await world.store.spentByTicket()], [[0.25], before])
  })

  it('changes what a started ticket may spend, told once; nothing else of it, and none that is a draft or over', async () => {
    await using world = await startedWorld(open)
    const change = (limits: { 'limits.ticketCost'?: number | null; 'limits.ticketTokens'?: number | null }, ticketId = world.ticketId) =>
      world.store.changeLimits({ ticketId, limits, at: world.at })
    const before = await world.running()
    await change({ 'limits.ticketCost': 1.5 })
    const { revision } = await change({ 'limits.ticketCost': 1.5 })
    await change({ 'limits.ticketCost': null, 'limits.ticketTokens': 7 })
    await change({})
    const now = await world.running()
    assert.equal(now.settings, { ...before.settings, 'limits.ticketTokens': 7 })
    assert.equal(await world.store.ticketCaps(world.ticketId), { tokens: 7, cost: null })
    assert.equal([revision, now.revision], [before.revision + 1, before.revision + 2])
    assert.equal(await world.events('ticket.limits'), [{ cost: 1.5 }, { tokens: 7, cost: null }])
    const draft = await newTicket(world.store)
    assert.equal(await world.store.ticketCaps(draft.id), { tokens: null, cost: null })
    assert.is(await codeOf(change({ 'limits.ticketCost': 1 }, draft.id)), 'STORE_CONFLICT')
    await world.store.advance(world.fence, { from: { phase: 'ONE', attempt: 1 }, outcome: 'done', to: null, at: world.at })
    assert.is(await codeOf(change({ 'limits.ticketCost': 1 })), 'STORE_CONFLICT')
    assert.is(await codeOf(change({ 'limits.ticketCost': 1 }, 'KEY-9')), 'TICKET_UNKNOWN')
  })
}
