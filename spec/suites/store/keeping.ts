import * as assert from 'uvu/assert'
import type { It } from '../../helpers/suite.ts'
import { claim, codeOf, newTicket, ONE, startedWorld, type OpenHome, type World } from './home.ts'

const FINISH = { from: ONE, outcome: 'done', to: null }
const GONE = { branch: 'none', left: [] } as const

/** With a row in every table that names tickets. */
async function completed(world: World): Promise<void> {
  await world.activeSession()
  await world.artifact('a1', 'x')
  await world.gate()
  await world.store.takeExclusive(world.fence, { limit: 1, at: world.at })
  await world.store.putItem(world.fence, { id: 'i', patch: { title: 't' }, at: world.at })
  await world.store.addPhaseNote(world.fence, { phase: 'ONE', note: { kind: 'person', at: 1, iteration: 1, text: 't' }, at: world.at })
  await world.command('release', 'c1')
  await world.store.advance(world.fence, { ...FINISH, at: world.at })
}

export function keepingSuite(it: It, open: OpenHome): void {
  it('deletes a ticket at rest: no row that names it stays but an empty one, and one event', async () => {
    await using world = await startedWorld(open)
    const other = await newTicket(world.store)
    const input = { ...GONE, at: world.at }
    assert.is(await codeOf(world.store.deleteTicket(world.fence, input)), 'STORE_CONFLICT', 'it runs')
    await completed(world)
    const last = await world.store.lastSeq(world.ticketId)
    await world.store.deleteTicket(world.fence, input)
    const { tickets, events, epoch: _, bytes: __, meta: ___, settings: ____, ...rest } = await world.store.stats()
    assert.equal([tickets, events], [2, 2])
    assert.equal(
      Object.values(rest).filter((n) => n !== 0),
      [],
      JSON.stringify(rest),
    )
    assert.equal(
      (await world.store.listTickets()).map((t) => t.id),
      [other.id],
    )
    assert.equal([await world.store.getTicket(world.ticketId), await world.store.lastSeq(world.ticketId)], [null, last + 1])
    assert.equal([await world.store.deletedTicket(world.ticketId), await world.store.deletedTicket(other.id)], [{ ...GONE }, null])
    for (const verb of [claim(world.store, world.ticketId), world.command('cancel', 'c2')]) assert.is(await codeOf(verb), 'TICKET_UNKNOWN')
    assert.is(await codeOf(world.store.deleteTicket(world.fence, input)), 'LEASE_LOST')
    assert.is((await newTicket(world.store)).id, 'KEY-3')
  })

  it('keeps the positions of the whole log growing, also when the newest ticket goes', async () => {
    await using world = await startedWorld(open)
    const before = await world.store.lastPosition()
    await world.store.advance(world.fence, { ...FINISH, at: world.at })
    await world.store.deleteTicket(world.fence, { ...GONE, at: world.at })
    const gone = await world.store.lastPosition()
    assert.ok(gone > before)
    await newTicket(world.store)
    const after = await world.store.allEvents(gone, 10)
    assert.equal(
      after.map((e) => e.event.type),
      ['ticket.created'],
    )
  })

  it('does not delete or tidy while a turn is open', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.openTurn()
    await world.store.cancelTicket(world.fence, { reason: '', consume: await world.command('cancel', 'x'), at: world.at })
    assert.is(await codeOf(world.store.deleteTicket(world.fence, { ...GONE, at: world.at })), 'STORE_CONFLICT')
    assert.is(await codeOf(world.store.markTidied(world.fence, { branch: 'none', sessions: 0, at: world.at })), 'STORE_CONFLICT')
  })

  it('lists what is over for long until it is tidied, once', async () => {
    await using world = await startedWorld(open)
    const all = { before: 1_000_000, after: 0, limit: 10 }
    assert.equal(await world.store.untidyTickets(all), [])
    const { updatedAt } = await world.store.advance(world.fence, { ...FINISH, at: world.at })
    assert.equal(await world.store.untidyTickets({ ...all, before: updatedAt - 1 }), [])
    assert.equal(await world.store.untidyTickets({ ...all, after: 1 }), [])
    assert.equal(
      (await world.store.untidyTickets(all)).map((t) => t.id),
      [world.ticketId],
    )
    await world.store.markTidied(world.fence, { branch: 'kept', sessions: 1, at: world.at })
    assert.is(await codeOf(world.store.markTidied(world.fence, { branch: 'kept', sessions: 1, at: world.at })), 'STORE_CONFLICT')
    assert.equal([await world.store.untidyTickets(all), await world.events('ticket.tidied')], [[], [{ branch: 'kept', sessions: 1 }]])
  })
}
