/** Costs and limits over the wire, on a kernel with a ticket that stops at its limit. */
import * as assert from 'uvu/assert'
import { lastExample } from '../../core/opencode/fake/brain.ts'
import { createLoopTroopClient } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import { serve, TOKEN } from './wire.ts'

describe('money over the wire', (it) => {
  it('a ticket stops at its limit, is raised and continued; its costs and its project’s are told', async () => {
    await using world = await startWorld({
      brain: ({ text }) => [
        { type: 'figures', input: 5, cost: 1 },
        { type: 'text', text: lastExample(text) ?? '' },
      ],
    })
    await using server = await serve({ kernel: world.kernel })
    await using client = createLoopTroopClient({ url: server.url, token: TOKEN })
    const { projectId } = world
    await client.settings.update.mutate({ scope: 'project', projectId, patch: { 'limits.ticketCost': 1 } })
    const { id: ticketId } = await world.start()
    await world.drive()
    const { blocked } = await client.tickets.get.query({ ticketId })
    assert.equal([blocked?.code, blocked?.actions], ['BUDGET_EXCEEDED', ['continue', 'retry', 'cancel']])
    const raised = await client.settings.update.mutate({ scope: 'ticket', ticketId, patch: { 'limits.ticketCost': 50 } })
    assert.equal([raised.values['limits.ticketCost'], raised.sources['limits.ticketCost']], [50, 'ticket'])
    await client.tickets.continue.mutate({ ticketId })
    await world.drive()
    const costs = await client.tickets.costs.query({ ticketId })
    assert.equal([costs.limits, costs.ticket.missing, costs.byModel.map((m) => m.model)], [{ tokens: null, cost: 50 }, 0, ['fake/m1']])
    assert.equal([costs.ticket.cost, costs.ticket.tokens?.output], [costs.ticket.turns, costs.ticket.turns * 5])
    assert.ok(costs.byPhase.length > 1)
    const { project, byTicket, limits } = await client.projects.costs.query({ projectId })
    assert.equal([project, byTicket, limits], [costs.ticket, [{ ticketId, ...costs.ticket }], { tokens: null, cost: null }])
    const pinned = await client.settings.update.mutate({ scope: 'ticket', ticketId, patch: { 'limits.iterations': 1 } }).then(
      () => null,
      (error: { data?: { looptroopCode?: string; field?: string } }) => [error.data?.looptroopCode, error.data?.field],
    )
    assert.equal(pinned, ['INVALID_INPUT', 'limits.iterations'])
  })
})
