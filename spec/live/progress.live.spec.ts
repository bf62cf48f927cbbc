/** What a real OpenCode tells of a turn while it works, as clients see it. */
import * as assert from 'uvu/assert'
import type { EventBatch } from '../../core/kernel-api.ts'
import { assertGapless, calls, said, startLive, stepwise, talk } from '../helpers/live.ts'
import { eventually, startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'

const SLOW = 'for i in 1 2 3; do echo "line $i"; sleep 0.4; done'

describe('a turn at work', (it) => {
  it('shows its tools with their output so far to the end, its steps and that it is busy', async () => {
    const script = stepwise(
      calls('bash', { command: SLOW, description: 'counts' }),
      calls('write', { filePath: 'made.txt', content: 'x'.repeat(9_000) }),
      { text: said('done') },
    )
    await using oc = await startRealOpencode()
    await using live = await startLive(oc, { script })
    const { id: ticketId } = await live.start()
    const leaving = new AbortController()
    const batches: EventBatch[] = []
    const reading = (async () => {
      for await (const batch of live.kernel.events.follow({ ticketId, signal: leaving.signal })) batches.push(batch)
    })()
    await live.until(ticketId, (ticket) => ticket.status === 'completed')
    const late: EventBatch[] = []
    for await (const batch of live.kernel.events.follow({ ticketId, signal: leaving.signal })) {
      late.push(batch)
      if (batch.events.length < 500) leaving.abort()
    }
    await reading

    const shown = batches.flatMap((batch) => batch.live)
    const bash = shown.filter((one) => one.type === 'tool.progress').filter((one) => one.tool === 'bash')
    // What follows within 50 ms takes the place of what was before.
    assert.equal(
      [...new Set(bash.map((one) => one.state))].filter((state) => state !== 'pending'),
      ['running'],
    )
    assert.ok(bash.some((one) => one.output?.includes('line 1') && !one.output.includes('line 3')))
    assert.is(shown.filter((one) => one.type === 'step.started').length, 3)
    const activity = shown.filter((one) => one.type === 'session.activity').map((one) => one.status)
    assert.ok(activity.includes('busy'))

    const kept = batches.flatMap((batch) => batch.events)
    const tools = kept.filter((one) => one.type === 'tool').map(({ data }) => [data.tool, data.state, data.cut])
    assert.equal(tools, [
      ['bash', 'running', false],
      ['bash', 'completed', false],
      ['write', 'running', true],
      ['write', 'completed', true],
    ])
    const ended = kept.filter((one) => one.type === 'tool').find(({ data }) => data.state === 'completed')?.data
    assert.equal([typeof ended?.title, ended?.output?.trim()], ['string', 'line 1\nline 2\nline 3'])
    assert.is(kept.filter((one) => one.type === 'file.edited').length, 1)
    const steps = kept.filter((one) => one.type === 'step.finished')
    assert.equal([steps.length, steps.every((one) => one.data.tokens !== null && one.data.cost !== null)], [3, true])
    assert.equal(
      late.flatMap((batch) => batch.live),
      [],
      'nothing is open any more',
    )
    await assertGapless(live.kernel, ticketId)
  })
})

describe('a limit on a real OpenCode', (it) => {
  it('stops before the next turn by the figures that OpenCode told; raised and continued, the ticket goes on', async () => {
    const phases = [talk(), talk({ id: 'TALKING_ON', label: 'Talking on' })]
    await using oc = await startRealOpencode()
    await using live = await startLive(oc, { script: () => ({ text: said('done') }), phases })
    const { kernel, world } = live
    await kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'limits.ticketTokens': 1 } })
    const { id: ticketId } = await live.start()
    const { blocked, phase } = await eventually(async () => {
      const ticket = await kernel.tickets.get(ticketId)
      return ticket.status === 'blocked' ? ticket : null
    })
    assert.equal([blocked?.code, phase, live.requests().length], ['BUDGET_EXCEEDED', 'TALKING_ON', 1])
    await kernel.settings.update({ scope: 'ticket', id: ticketId, patch: { 'limits.ticketTokens': null } })
    await kernel.tickets.continue({ ticketId })
    await live.until(ticketId, (ticket) => ticket.status === 'completed')
    const { ticket, byPhase } = await kernel.tickets.costs(ticketId)
    assert.equal([live.requests().length, ticket.turns, ticket.missing, byPhase.length], [2, 2, 0, 2])
    assert.ok((ticket.tokens?.input ?? 0) > 0)
  })
})
