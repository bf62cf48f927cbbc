/** How much runs at once: tickets, turns, and the execution lease of a project. Who waits for a person holds no place. */
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { GiveUp } from '../../plugins/errors.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { openGate, actionId } from './person.ts'
import { probe, probing } from './probing.ts'

const ASK = { kind: 'list', title: 'Go on?', actions: [{ id: 'go', label: 'Go' }] } as const
const statusOf = async (world: World, id: string): Promise<string> => {
  const { status, waitingFor } = await world.kernel.tickets.get(id)
  return waitingFor ?? status
}
async function go(world: World, ticketId: string): Promise<void> {
  const gate = await openGate(world, ticketId)
  await world.kernel.tickets.submitGate({ ticketId, gateId: gate.id, action: 'go', actionId: actionId() })
}

/** A model whose answers come when they are let go. */
function held(): { brain: FakeBrain; release: () => void; most: () => number } {
  let release = (): void => {}
  const free = new Promise<void>((resolve) => (release = resolve))
  let now = 0
  let most = 0
  const brain: FakeBrain = async function* (turn) {
    now += 1
    most = Math.max(most, now)
    yield { type: 'wait', until: free }
    now -= 1
    yield* (await exampleBrain(turn)) as Iterable<never>
  }
  return { brain, release: () => release(), most: () => most }
}

describe('caps', (it) => {
  it('limits.tickets: further tickets wait their turn; one that waits for a person holds no place', async () => {
    await using world = await startWorld()
    await world.kernel.settings.update({ scope: 'app', patch: { 'limits.tickets': 1 } })
    const [one, two] = [await world.start('One'), await world.start('Two')]
    assert.is((await world.kernel.tick()).started, 1)
    assert.is((await world.kernel.tick()).started, 0)
    await world.kernel.idle()
    await world.drive()
    assert.equal([await statusOf(world, one.id), await statusOf(world, two.id)], ['person', 'person'])
  })
  it('limits.turns: tickets run side by side, their turns do not', async () => {
    const model = held()
    await using world = await startWorld({ brain: model.brain })
    await world.kernel.settings.update({ scope: 'app', patch: { 'limits.turns': 1 } })
    const tickets = [await world.start('One'), await world.start('Two'), await world.start('Three')]
    await world.kernel.tick()
    await until(() => world.fake?.server.requests.length === 1)
    assert.equal(await Promise.all(tickets.map((t) => statusOf(world, t.id))), ['running', 'running', 'running'])
    model.release()
    await world.drive()
    assert.equal(await Promise.all(tickets.map((t) => statusOf(world, t.id))), ['person', 'person', 'person'])
    assert.is(model.most(), 1)
  })
  it('a model that asks the person gives its place away', async () => {
    const brain: FakeBrain = (turn) =>
      turn.index === 0 ? [{ type: 'question', questions: [{ header: 'H', question: 'Which?', options: [] }] }] : exampleBrain(turn)
    const asking = probing((phase) => phase.default(), { questions: true, tools: 'default' })
    await using world = await startWorld({ brain, phases: [asking], pipelines: [probe([asking])] })
    await world.kernel.settings.update({ scope: 'app', patch: { 'limits.turns': 1, 'limits.tickets': 1 } })
    const one = await world.start('One', 'probe')
    await world.kernel.tick()
    await until(async () => (await world.kernel.questions.list({})).items.length === 1)
    const two = await world.start('Two', 'probe')
    await until(async () => {
      await world.kernel.tick()
      return (await statusOf(world, two.id)) === 'completed'
    })
    const [question] = (await world.kernel.questions.list({})).items
    await world.kernel.questions.reply({ ticketId: one.id, requestId: question?.requestId ?? '', answers: [['this']] })
    await world.drive()
    assert.is(await statusOf(world, one.id), 'completed')
  })
})

describe('the execution lease of a project', (it) => {
  it('queues: the next ticket waits for it and goes on by itself', async () => {
    const asking = probing(async (phase) => phase.done((await phase.ask('gate', ASK)).action))
    await using world = await startWorld({ phases: [asking], pipelines: [probe([asking], { exclusive: true })] })
    const [one, two] = [await world.start('One', 'probe'), await world.start('Two', 'probe')]
    await world.drive()
    assert.equal([await statusOf(world, one.id), await statusOf(world, two.id)], ['person', 'lease'])
    await go(world, one.id)
    await world.drive()
    assert.equal([await statusOf(world, one.id), await statusOf(world, two.id)], ['completed', 'person'])
    await go(world, two.id)
    await world.drive()
    assert.is(await statusOf(world, two.id), 'completed')
  })
  it('is released by a blocked holder, whose tree is committed to its branch first', async () => {
    const writing = probing(async (phase) => {
      await phase.workspace.exec('write', { command: `echo ${phase.ticket.title} > work.txt` })
      if (phase.ticket.title === 'One') throw new GiveUp('no further')
      return phase.done()
    })
    await using world = await startWorld({ phases: [writing], pipelines: [probe([writing], { exclusive: true })] })
    const one = await world.start('One', 'probe')
    await world.drive()
    const two = await world.start('Two', 'probe')
    await world.drive()
    assert.equal([await statusOf(world, one.id), await statusOf(world, two.id)], ['blocked', 'lease'])
    await world.kernel.tickets.release({ ticketId: one.id })
    await world.drive()
    assert.equal([await statusOf(world, one.id), await statusOf(world, two.id)], ['blocked', 'completed'])
    assert.is(await world.repo.git('show', `looptroop/${one.id}:work.txt`), 'One')
    assert.match(await world.repo.git('log', '-1', '--format=%s', `looptroop/${one.id}`), /released/)
  })
})

describe('settings', (it) => {
  it('are pinned when a ticket starts', async () => {
    await using world = await startWorld()
    const valueOf = async (id: string): Promise<unknown> =>
      (await world.kernel.settings.get({ scope: 'ticket', id })).values['limits.iterations']
    await world.kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'limits.iterations': 3 } })
    const { id } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'x' })
    assert.is(await valueOf(id), 3)
    await world.kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'limits.iterations': 4 } })
    assert.is(await valueOf(id), 4)
    await world.kernel.tickets.start({ ticketId: id })
    await world.kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'limits.iterations': 9 } })
    assert.is(await valueOf(id), 4)
  })
})
