/** Pauses of a ticket, a project, the server: what is under way is finished, nothing new begins, and a restart changes nothing. */
import * as assert from 'uvu/assert'
import type { Kernel } from '../../core/kernel-api.ts'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import type { Kill, KillingStore } from '../crash/killing-store.ts'
import { drafting, WIDE } from '../crash/wide-ticket.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import type { World, WorldOptions } from '../helpers/world.ts'
import { refusal } from './person.ts'

/** The first turn is held until `go`. */
function held(brain: FakeBrain = exampleBrain): { brain: FakeBrain; go: () => void } {
  let go = (): void => {}
  const gate = new Promise<void>((resolve) => (go = resolve))
  return {
    brain: async (turn) => [
      ...(turn.index === 0 ? [{ type: 'wait', until: gate } as const] : []),
      ...((await brain(turn)) as FakeAction[]),
    ],
    go: () => go(),
  }
}
const requests = (world: World): number => world.fake?.server.requests.length ?? 0

/** In its first turn. */
async function inTurn(options: WorldOptions = {}, pipeline = 'quick'): Promise<World & { ticketId: string; go: () => void }> {
  const { brain, go } = held(options.brain)
  const world = await startWorld({ ...options, brain })
  const { id: ticketId } = await world.start('Do it', pipeline)
  await world.kernel.tick()
  await until(() => requests(world) >= 1)
  return Object.assign(world, { ticketId, go })
}
const pausesIn = async (kernel: Kernel, ticketId: string): Promise<string[]> =>
  (await kernel.events.history({ ticketId, limit: 1_000 })).items.flatMap((e) =>
    e.type === 'ticket.paused' ? [e.data.by] : e.type === 'ticket.resumed' ? ['none'] : [],
  )
const settled = async (kernel: Kernel, ticketId: string): Promise<string[]> => (await kernel.tickets.turns(ticketId)).map((t) => t.receipt)

describe('a pause', (it) => {
  it('of a ticket: its turn is finished and recorded, nothing new begins, and it goes on where it was', async () => {
    await using world = await inTurn()
    const { kernel, ticketId } = world
    assert.equal([(await kernel.tickets.pause({ ticketId })).paused, await pausesIn(kernel, ticketId)], ['ticket', ['ticket']])
    world.go()
    await world.drive()
    assert.equal([await settled(kernel, ticketId), requests(world)], [['settled'], 1])
    const resting = await kernel.tickets.get(ticketId)
    assert.equal([resting.status, resting.paused, (await kernel.tickets.list({})).items[0]?.paused], ['running', 'ticket', 'ticket'])
    await kernel.tickets.pause({ ticketId })
    assert.equal(await kernel.tick(), { started: 0, acted: 0 })
    assert.is((await kernel.tickets.resume({ ticketId })).paused, undefined)
    await world.drive()
    const { phase, status } = await kernel.tickets.get(ticketId)
    assert.equal([phase, status], ['WAITING_BEADS_APPROVAL', 'waiting'])
    assert.equal([await pausesIn(kernel, ticketId), requests(world)], [['ticket', 'none'], 2])
    assert.ok((await kernel.tickets.turns(ticketId)).every((t) => t.posts === 1))
  })

  it('of the server drains it, outlives it, and holds what is started meanwhile', async () => {
    await using world = await inTurn()
    const { ticketId } = world
    assert.equal(await world.kernel.server.pause(), { paused: true, busy: [ticketId] })
    world.go()
    await world.drive()
    assert.equal(await world.kernel.server.status(), { paused: true, busy: [] })
    await world.kernel.stop()
    const kernel = await world.reopen()
    const { id: late } = await world.start('Later')
    await world.drive()
    assert.equal(requests(world), 1)
    assert.equal(
      (await kernel.tickets.list({})).items.map((t) => t.paused),
      ['server', 'server'],
    )
    // A ticket's own pause stays when the wider one ends.
    assert.is((await kernel.tickets.pause({ ticketId: late })).paused, 'server')
    await kernel.projects.pause(world.projectId)
    assert.equal(await kernel.server.resume(), { paused: false, busy: [] })
    assert.is((await kernel.tickets.get(ticketId)).paused, 'project')
    await kernel.projects.resume(world.projectId)
    await world.drive()
    assert.equal([(await kernel.tickets.get(ticketId)).waitingFor, (await kernel.tickets.get(late)).paused], ['person', 'ticket'])
    assert.equal(await pausesIn(kernel, ticketId), ['server', 'project', 'none'])
    assert.equal(await pausesIn(kernel, late), ['server', 'project', 'ticket'])
  })

  it('holds the turns that wait for a place too', async () => {
    await using world = await inTurn({ phases: [drafting], pipelines: [WIDE] }, 'wide')
    const { kernel, ticketId } = world
    await until(() => requests(world) === 3)
    await kernel.tickets.cancel({ ticketId })
    await kernel.settings.update({ scope: 'app', patch: { 'limits.turns': 1 } })
    const { id } = await world.start('One at a time', 'wide')
    await kernel.tick()
    await kernel.tickets.pause({ ticketId: id })
    world.go()
    await world.drive()
    const before = requests(world)
    assert.ok(before <= 4, `${before - 3} turns of the second ticket`)
    assert.ok((await settled(kernel, id)).every((receipt) => receipt === 'settled'))
    await kernel.tickets.resume({ ticketId: id })
    await world.drive()
    assert.is((await kernel.tickets.get(id)).phase, 'WAITING_BEADS_APPROVAL')
    assert.is(requests(world), 6)
  })

  it('lets a turn that was under way at a restart end, question and all', async () => {
    const question = { header: 'Which', question: 'Which?', options: [{ label: 'A', description: '' }] }
    const asks: FakeBrain = (turn) =>
      turn.text.includes('<BEAD_STATUS>') && turn.toolResults.length === 0
        ? [{ type: 'question', questions: [question] }]
        : exampleBrain(turn)
    await using world = await startWorld({ brain: asks })
    const { id: ticketId } = await world.start()
    await world.drive()
    const [gate] = (await world.kernel.inbox.list({ ticketId })).items
    const { contentSha256 } = await world.kernel.tickets.artifact({ ticketId, kind: 'beads' })
    const decision = { action: 'approve', actionId: 'a', expectedContentSha256: contentSha256 }
    await world.kernel.tickets.submitGate({ ticketId, gateId: gate?.id ?? '', ...decision })
    await world.kernel.tick()
    const open = async (kernel: Kernel): Promise<string | undefined> => (await kernel.questions.list({ ticketId })).items[0]?.requestId
    await until(async () => (await open(world.kernel)) !== undefined)
    await world.kernel.tickets.pause({ ticketId })
    await world.kernel.stop()
    const kernel = await world.reopen()
    await kernel.tick()
    await kernel.questions.reply({ ticketId, requestId: (await open(kernel)) ?? '', answers: [['A']] })
    await world.drive()
    const { status, paused, phase } = await kernel.tickets.get(ticketId)
    assert.equal([status, paused, phase], ['running', 'ticket', 'CODING'])
    assert.ok((await settled(kernel, ticketId)).every((receipt) => receipt === 'settled'))
    await kernel.tickets.resume({ ticketId })
    await world.drive()
    assert.is((await kernel.tickets.get(ticketId)).status, 'completed')
  })

  it('refuses what is over', async () => {
    await using world = await startWorld()
    const { id: ticketId } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'x' })
    assert.is((await world.kernel.tickets.pause({ ticketId })).paused, 'ticket')
    await world.kernel.tickets.cancel({ ticketId })
    assert.is((await world.kernel.tickets.get(ticketId)).paused, undefined)
    for (const verb of ['pause', 'resume'] as const)
      assert.is((await refusal(() => world.kernel.tickets[verb]({ ticketId }))).code, 'TICKET_WRONG_STATUS')
    assert.is((await refusal(() => world.kernel.projects.pause('prj_none'))).code, 'PROJECT_UNKNOWN')
  })
})

describe('a pause, killed', (it) => {
  const kills: readonly Kill[] = (['holdTicket', 'pauseProject'] as const).flatMap((verb) =>
    (['before', 'after'] as const).map((when) => ({ verb, when, nth: 1 })),
  )
  for (const kill of kills)
    it(`${kill.when} ${kill.verb}: the wish holds or does not, and is told once`, async () => {
      const lives: KillingStore[] = []
      await using world = await startWorld({
        stores: (opener) => ({
          openApp: (url) => opener.openApp(url),
          openProject: async (url, identity) => {
            lives.push(killingStore(await opener.openProject(url, identity), lives.length === 0 ? kill : null))
            return (lives.at(-1) as KillingStore).store
          },
        }),
      })
      const { id: ticketId } = await world.start()
      const calls = {
        holdTicket: () => world.kernel.tickets.pause({ ticketId }),
        pauseProject: () => world.kernel.projects.pause(world.projectId),
      }
      const call = calls[kill.verb as keyof typeof calls]
      assert.ok(isCrash(await call().catch((error: unknown) => error)))
      await world.kernel.stop().catch(() => undefined)
      const kernel = await world.reopen(60_000)
      await world.drive()
      const by = kill.verb === 'holdTicket' ? 'ticket' : 'project'
      assert.equal([requests(world) === 0, await pausesIn(kernel, ticketId)], kill.when === 'after' ? [true, [by]] : [false, []])
    })
})
