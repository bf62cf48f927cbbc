/** What a person may do to a ticket: cancel, retry with a note, continue, request changes; and what becomes of it. */
import * as assert from 'uvu/assert'
import { lastExample } from '../../core/opencode/fake/brain.ts'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import { RetryAfter } from '../../plugins/errors.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { actionId, approvePlan, openGate } from './person.ts'
import { probeWorld, probing } from './probing.ts'
import { planOf } from './scripts.ts'

const example = (text: string): FakeAction => ({ type: 'text', text: lastExample(text) ?? '' })
const is = (text: string, tag: string): boolean => text.includes(`</${tag}>`)

/** No session of it runs, nothing waits for anybody, and a further round does nothing. */
async function assertCanceled(world: World, ticketId: string): Promise<void> {
  const { kernel } = world
  const canceled = await kernel.tickets.cancel({ ticketId, reason: 'no longer wanted' })
  assert.equal([canceled.status, (await kernel.inbox.list({ ticketId })).items], ['canceled', []])
  const open = (await kernel.tickets.sessions(ticketId)).filter((s) => s.state === 'active' || s.state === 'creating')
  assert.equal(open, [])
  await world.drive()
  assert.is((await kernel.tickets.get(ticketId)).status, 'canceled')
}

describe('cancel', (it) => {
  it('ends a draft', async () => {
    await using world = await startWorld()
    const { id } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'Not yet' })
    await assertCanceled(world, id)
  })
  it('ends a running ticket and its turn at OpenCode', async () => {
    await using world = await startWorld({ brain: () => [{ type: 'hang' }] })
    const { id } = await world.start()
    await world.kernel.tick()
    const server = world.fake?.server
    await until(() => (server?.requests.length ?? 0) === 1)
    await assertCanceled(world, id)
    const { directory } = server?.requests[0] ?? { directory: '' }
    assert.equal(server?.statuses(directory), {})
  })
  it('ends a ticket that waits for a person, for a time, or for the execution lease', async () => {
    await using person = await startWorld()
    const { id } = await person.start()
    await person.drive()
    await assertCanceled(person, id)

    const late = probing(() => Promise.reject(new RetryAfter('later', 3_600_000)), { retry: { attempts: 2 } })
    await using time = await probeWorld(late)
    const timed = await time.start('Do it', 'probe')
    await time.drive()
    assert.is((await time.kernel.tickets.get(timed.id)).waitingFor, 'time')
    await assertCanceled(time, timed.id)

    const asking = probing(async (phase) => phase.done((await phase.ask('gate', { kind: 'list', title: 'x', actions: [] })).action))
    await using lease = await probeWorld(asking, {}, { exclusive: true })
    await lease.start('First', 'probe')
    await lease.drive()
    const second = await lease.start('Second', 'probe')
    await lease.drive()
    assert.is((await lease.kernel.tickets.get(second.id)).waitingFor, 'lease')
    await assertCanceled(lease, second.id)
  })
  it('ends a blocked ticket', async () => {
    await using world = await probeWorld(probing(() => Promise.reject(new TypeError('broken'))))
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    assert.is((await world.kernel.tickets.get(id)).status, 'blocked')
    await assertCanceled(world, id)
  })
})

describe('retry', (it) => {
  it('opens a fresh attempt that carries the note of the person; counts begin anew', async () => {
    const brain: FakeBrain = ({ text, toolResults }) => {
      if (is(text, 'BEADS')) return [{ type: 'text', text: planOf({ id: 'one', test_commands: ['test -f ok.txt'] }) }]
      const told = text.includes('write ok.txt')
      if (is(text, 'BEAD_STATUS') && told && toolResults.length === 0)
        return [
          {
            type: 'tool',
            tool: 'write',
            run: async (dir) => (await import('node:fs/promises')).writeFile(`${dir}/ok.txt`, 'ok').then(() => 'ok'),
          },
        ]
      return [example(text.replaceAll('first-step', 'one'))]
    }
    await using world = await startWorld({ brain })
    const { kernel } = world
    await kernel.settings.update({ scope: 'app', patch: { 'limits.iterations': 1 } })
    const { id } = await world.start()
    await world.drive()
    await approvePlan(world, id)
    await world.drive()
    const blocked = await kernel.tickets.get(id)
    assert.equal([blocked.status, blocked.phase, blocked.blocked?.code, blocked.attempt], ['blocked', 'CODING', 'PLUGIN_GAVE_UP', 1])
    assert.is((await kernel.tickets.beads(id)).find((b) => b.id === 'one')?.state, 'error')

    await kernel.tickets.retry({ ticketId: id, note: 'Just write ok.txt, then write ok.txt into the report.' })
    const bead = (await kernel.tickets.beads(id)).find((b) => b.id === 'one')
    assert.equal(
      bead?.notes.map((n) => n.kind),
      ['failure', 'person'],
    )
    await world.drive()
    const end = await kernel.tickets.get(id)
    assert.is(end.status, 'completed', JSON.stringify(end.blocked))
    assert.equal(
      (await kernel.tickets.attempts(id)).filter((a) => a.phase === 'CODING').map((a) => [a.attempt, a.reason, a.counted, a.outcome]),
      [
        [1, 'entered', false, null],
        [2, 'retry', true, 'done'],
      ],
    )
  })
})

describe('continue', (it) => {
  it('goes on in the same session with exactly one more turn, after the provider failed', async () => {
    const brain: FakeBrain = ({ index, text, messages }) => {
      if (index === 0) return [{ type: 'error', name: 'APIError', message: 'overloaded', statusCode: 500 }]
      return [example(index === 1 ? JSON.stringify(messages).replaceAll('\\n', '\n').replaceAll('\\"', '"') : text)]
    }
    await using world = await startWorld({ brain })
    const { kernel } = world
    const { id } = await world.start()
    await world.drive()
    const { status, blocked, attempt } = await kernel.tickets.get(id)
    assert.equal([status, blocked?.code, blocked?.actions, attempt], ['blocked', 'TURN_FAILED', ['continue', 'retry', 'cancel'], 1])
    await kernel.tickets.continue({ ticketId: id })
    await world.drive()
    const scan = (await kernel.tickets.turns(id)).filter((t) => t.prompt === 'scan')
    assert.equal(
      scan.map((t) => [t.reason, t.how, t.posts]),
      [
        ['first', 'failed', 1],
        ['continue', 'finished', 1],
      ],
    )
    assert.is(new Set(scan.map((t) => t.sessionId)).size, 1)
    const after = await kernel.tickets.get(id)
    assert.equal([after.phase, after.waitingFor], ['WAITING_BEADS_APPROVAL', 'person'], JSON.stringify(after.blocked))
    assert.is((await kernel.tickets.attempts(id)).filter((a) => a.phase === 'SCANNING_RELEVANT_FILES').length, 1)
  })
})

describe('request changes', (it) => {
  it('leads back to planning, whose next prompt carries the comment', async () => {
    await using world = await startWorld()
    const { kernel } = world
    const { id } = await world.start()
    await world.drive()
    const gate = await openGate(world, id)
    const payload = { comment: 'Please plan it in smaller steps.' }
    await kernel.tickets.submitGate({ ticketId: id, gateId: gate.id, action: 'request_changes', actionId: actionId(), payload })
    await world.drive()
    const planning = world.fake?.server.requests.filter((r) => is(r.text, 'BEADS')) ?? []
    assert.equal(
      planning.map((r) => r.text.includes(payload.comment)),
      [false, true],
    )
    const { phase, attempt } = await kernel.tickets.get(id)
    assert.equal([phase, attempt], ['WAITING_BEADS_APPROVAL', 2])
    assert.not.equal((await openGate(world, id)).id, gate.id)
    await approvePlan(world, id)
    await world.drive()
    assert.is((await kernel.tickets.get(id)).status, 'completed')
  })
})
