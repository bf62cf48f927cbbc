/** What a start finds: every open session told apart once OpenCode answers, and no work before. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { eventually } from '../helpers/opencode.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'

/** A ticket whose first turn never ends, left by a kernel that stopped. */
async function leftInTurn(): Promise<{ world: World; ticketId: string; sessionId: string }> {
  const world = await startWorld({ brain: () => [{ type: 'hang' }] })
  const { id: ticketId } = await world.start()
  await world.kernel.tick()
  const session = await eventually(async () => {
    const [open] = await world.kernel.tickets.sessions(ticketId)
    const [turn] = await world.kernel.tickets.turns(ticketId)
    return turn?.receipt === 'admitted' && open?.sessionId ? open : null
  })
  await world.kernel.stop()
  return { world, ticketId, sessionId: session.sessionId ?? '' }
}

describe('recovery at the start', (it) => {
  it('reconnects a session that is there, and rejoins its turn', async () => {
    const { world, ticketId, sessionId } = await leftInTurn()
    await using _ = world
    const kernel = await world.reopen()
    assert.is(kernel.recovery().opencode, 'not asked yet')
    assert.is((await kernel.health()).status, 'recovering')
    await kernel.tick()
    assert.equal(
      kernel.recovery().sessions.map((s) => [s.ticketId, s.sessionId, s.found]),
      [[ticketId, sessionId, 'reconnected']],
    )
    assert.is((await kernel.health()).status, 'ok')
    await kernel.tickets.cancel({ ticketId })
  })

  it('gives up a session that OpenCode no longer has, and the phase begins afresh', async () => {
    const { world, ticketId, sessionId } = await leftInTurn()
    await using _ = world
    await world.fake?.adapter.deleteSession(sessionId)
    const kernel = await world.reopen()
    await kernel.tick()
    assert.equal(
      kernel.recovery().sessions.map((s) => s.found),
      ['missing'],
    )
    const events = (await kernel.events.history({ ticketId, limit: 500 })).items
    assert.ok(events.some((e) => e.type === 'recovered'))
    await kernel.tickets.cancel({ ticketId })
  })

  it('starts no work while OpenCode is away, and goes on when it is back', async () => {
    const { world, ticketId } = await leftInTurn()
    await using _ = world
    world.fake?.server.crash()
    await eventually(() => Promise.resolve(world.fake?.hub.state().connected === false))
    const kernel = await world.reopen()
    assert.equal(await kernel.tick(), { started: 0, acted: 0 })
    const away = await kernel.health()
    assert.is(away.status, 'degraded')
    assert.not(away.opencode.reachable)
    assert.is((await kernel.tickets.get(ticketId)).status, 'running', 'the ticket is hydrated all the same')
    world.fake?.server.restart()
    await eventually(async () => (await kernel.tick()).started === 1)
    await kernel.tickets.cancel({ ticketId })
  })
})

describe("a provider's limit with a known end", (it) => {
  it('parks the ticket until then and goes on by itself, in the same session', async () => {
    let asked = 0
    await using world = await startWorld({
      brain: (turn) => {
        asked += 1
        if (asked === 1) return [{ type: 'retry', message: 'usage limit', waitMs: 3_600_000 }]
        return turn.text.includes('continue where you left off')
          ? [
              {
                type: 'text',
                text: '<RELEVANT_FILES_RESULT>\nfiles:\n  - {path: README.md, rationale: it is there, relevance: high, likely_action: read}\n</RELEVANT_FILES_RESULT>',
              },
            ]
          : [{ type: 'hang' }]
      },
    })
    const { id: ticketId } = await world.start()
    await world.kernel.tick()
    const parked = await eventually(async () => {
      const ticket = await world.kernel.tickets.get(ticketId)
      return ticket.waitingFor === 'time' ? ticket : null
    })
    assert.ok((parked.until ?? 0) > Date.now() + 3_000_000)
    const told = (await world.kernel.events.history({ ticketId, limit: 500 })).items.flatMap((e) =>
      e.type === 'limit.reached' ? [e.data] : [],
    )
    assert.equal(
      told.map(({ scope, problem, until }) => [scope, problem, until === parked.until]),
      [['provider', 'usage limit', true]],
    )
    await world.kernel.stop()
    const kernel = await world.reopen(3_700_000)
    await kernel.tick()
    await eventually(async () => (await kernel.tickets.turns(ticketId)).some((t) => t.reason === 'continue' && t.receipt === 'settled'))
    const turns = await kernel.tickets.turns(ticketId)
    assert.is(new Set(turns.slice(0, 2).map((t) => t.sessionId)).size, 1)
    assert.equal(
      turns.slice(0, 2).map((t) => t.reason),
      ['first', 'continue'],
    )
    await kernel.tickets.cancel({ ticketId })
  })
})
