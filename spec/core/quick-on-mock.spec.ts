/** The whole `quick` pipeline on the mock: every phase answers with its own example. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'

describe('the quick pipeline on the mock', (it) => {
  it('goes from draft to completed, with one decision of a person', async () => {
    await using world = await startWorld({ log: (l) => console.error(l) })
    const { kernel } = world
    const ticket = await world.start()
    await world.drive()
    const waiting = await kernel.tickets.get(ticket.id)
    assert.is(waiting.status, 'waiting', JSON.stringify(waiting.blocked))
    assert.is(waiting.waitingFor, 'person')
    assert.is(waiting.phase, 'WAITING_BEADS_APPROVAL')
    const [gate] = (await kernel.inbox.list({})).items
    const plan = await kernel.tickets.artifact({ ticketId: ticket.id, kind: 'beads' })
    await kernel.tickets.submitGate({
      ticketId: ticket.id,
      gateId: gate?.id ?? '',
      action: 'approve',
      actionId: 'a1',
      expectedContentSha256: plan.contentSha256,
    })
    await world.drive()
    const end = await kernel.tickets.get(ticket.id)
    assert.is(end.status, 'completed', JSON.stringify(end.blocked))
    const turns = await kernel.tickets.turns(ticket.id)
    assert.equal(
      turns.map((t) => [t.prompt, t.receipt, t.posts]),
      [
        ['scan', 'settled', 1],
        ['answer', 'settled', 1],
        ['first-step:1', 'settled', 1],
        ['@final-test:1', 'settled', 1],
      ],
    )
    const { items } = await kernel.events.history({ ticketId: ticket.id, limit: 1000 })
    assert.equal(
      items.map((e) => e.seq),
      items.map((_, i) => i + 1),
    )
  })
})
