/** Gates under concurrent requests: many people, two servers, one decision. */
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { APPROVE, END, REQUEST_CHANGES, definePhase, definePipeline, gate } from '../../plugins/index.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'

const making = definePhase({
  ...{ id: 'MAKING', label: 'Making', tools: 'disabled', artifact: 'doc' },
  run: (phase) => Promise.resolve(phase.done('what is decided on')),
})
const deciding = gate({
  ...{ id: 'DECIDING', label: 'Deciding', kind: 'document', title: 'Decide', artifact: 'doc', actions: [APPROVE, REQUEST_CHANGES] },
})
const pipeline = definePipeline({
  name: 'gated',
  label: 'G',
  rows: [
    { phase: 'MAKING', group: 'g' },
    { phase: 'DECIDING', group: 'g', next: { request_changes: END } },
  ],
})

const request = fc.record({
  action: fc.constantFrom('approve', 'request_changes', 'no_such'),
  hash: fc.constantFrom('right', 'stale', 'missing'),
  actionId: fc.constantFrom('a', 'b', 'c'),
  server: fc.constantFrom<0 | 1>(0, 1),
})
/** Would be taken if it came alone. */
const valid = ({ action, hash }: { action: string; hash: string }): boolean =>
  action !== 'no_such' && (hash === 'right' || (hash === 'missing' && action === 'request_changes'))

const bare = definePipeline({ name: 'bare', label: 'B', rows: ['MAKING', 'DECIDING'].map((phase) => ({ phase, group: 'g' })) })

describe('a gate', (it) => {
  it('never leads on without approval where the pipeline does not say so', async () => {
    await using world = await startWorld({ phases: [making, deciding], pipelines: [bare] })
    const { id: ticketId } = await world.start('Do it', 'bare')
    await world.drive()
    const [gate] = (await world.kernel.inbox.list({ ticketId })).items
    await world.kernel.tickets.submitGate({ ticketId, gateId: gate?.id ?? '', action: 'request_changes', actionId: 'a' })
    await world.drive()
    const { status, blocked } = await world.kernel.tickets.get(ticketId)
    assert.equal([status, blocked?.actions], ['blocked', ['retry', 'cancel']])
    assert.match(blocked?.message ?? '', /request_changes was decided, and the pipeline does not say where that leads/)
    await world.kernel.tickets.retry({ ticketId })
    await world.drive()
    assert.is((await world.kernel.inbox.list({ ticketId })).items[0]?.kind, 'gate')
  })
})

describe('gates under concurrent requests', (it) => {
  it(
    'take exactly one decision: who repeats it gets the same, who differs a conflict, and a stale hash never wins',
    async () => {
      await using world = await startWorld({ phases: [making, deciding], pipelines: [pipeline] })
      const first = world.kernel
      const second = await world.reopen()
      const servers = [first, second] as const
      const { id: projectId } = (await first.projects.list())[0] ?? { id: '' }
      const settle = async (): Promise<void> => {
        do await first.idle()
        while ((await first.tick()).started > 0)
      }
      await fc.assert(
        fc.asyncProperty(fc.array(request, { minLength: 2, maxLength: 8 }), async (requests) => {
          const { id: ticketId } = await first.tickets.create({ projectId, title: 'Do it', pipeline: 'gated' })
          await first.tickets.start({ ticketId })
          await settle()
          const [entry] = (await first.inbox.list({ ticketId })).items
          const { contentSha256 } = await first.tickets.artifact({ ticketId, kind: 'doc' })
          const hashes = { right: contentSha256, stale: '0'.repeat(64), missing: undefined } as const
          const results = await Promise.allSettled(
            requests.map(({ action, hash, actionId, server }) =>
              servers[server].tickets.submitGate({
                ...{ ticketId, gateId: entry?.id ?? '', action, actionId: `${ticketId}:${actionId}` },
                expectedContentSha256: hashes[hash],
              }),
            ),
          )
          await settle()
          const decided = (await first.events.history({ ticketId, limit: 1_000 })).items.filter((e) => e.type === 'gate.decided')
          const taken = requests.filter((_, i) => results[i]?.status === 'fulfilled')
          for (const [i, result] of results.entries()) {
            if (result.status === 'fulfilled') continue
            const { kind, code } = result.reason as { kind: string; code: string }
            assert.ok(kind === 'conflict' || !valid(requests[i] ?? { action: '', hash: '' }), `${code} for ${JSON.stringify(requests[i])}`)
          }
          assert.is(decided.length, requests.some(valid) ? 1 : 0)
          assert.ok(taken.every(valid), JSON.stringify(taken))
          assert.is(new Set(taken.map((r) => `${r.actionId} ${r.action}`)).size, decided.length)
          for (const event of decided) assert.is(event.data.action, taken[0]?.action)
          const { status } = await first.tickets.get(ticketId)
          assert.is(status, decided.length === 1 ? 'completed' : 'waiting')
          const approved = (await first.tickets.artifact({ ticketId, kind: 'doc' })).approved
          assert.is(approved, taken[0]?.action === 'approve')
          if (decided.length === 0) await first.tickets.cancel({ ticketId })
        }),
        { numRuns: 25 },
      )
      await first.stop()
    },
    { timeoutMs: 90_000 },
  )
})
