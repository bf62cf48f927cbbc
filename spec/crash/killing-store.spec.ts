import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { openFileHome } from '../store/file-home.ts'
import { startedWorld } from '../suites/store/home.ts'
import { isCrash, killingStore, VERBS, WRITING_VERBS } from './killing-store.ts'

describe('the killing store', (it) => {
  it('knows every verb of the store', async () => {
    await using world = await startedWorld(openFileHome)
    const methods = Object.entries(world.store).filter(
      ([name, value]) => typeof value === 'function' && !['onAppend', 'onInbox', 'close'].includes(name),
    )
    assert.equal([...VERBS].toSorted(), methods.map(([name]) => name).toSorted())
    assert.ok(WRITING_VERBS.length > 40)
  })

  it('dies at the named place: what was committed stays, what was not is not there, and nothing works any more', async () => {
    for (const when of ['before', 'after'] as const) {
      await using world = await startedWorld(openFileHome)
      const killing = killingStore(world.store, { verb: 'park', when, nth: 2 })
      const park = (until: number) => killing.store.park(world.fence, { waitingFor: 'time', until, at: 1 })
      await park(5)
      assert.not(killing.dead)
      assert.ok(isCrash(await park(6).catch((error: unknown) => error)))
      await killing.died
      assert.ok(isCrash(await killing.store.getTicket(world.ticketId).catch((error: unknown) => error)))
      const ticket = await world.ticket()
      assert.is('until' in ticket ? ticket.until : null, when === 'before' ? 5 : 6)
      assert.equal(killing.uses, { park: 2 })
    }
  })
})
