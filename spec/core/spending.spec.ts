/** Limits of a ticket and of a project: the next turn is not sent, and goes out once when a person has raised them. */
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { lastExample } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain, FakeFigures } from '../../core/opencode/fake/brain.ts'
import type { PhaseRun, Json, Outcome } from '../../plugins/contract.ts'
import { PromptFailed } from '../../plugins/errors.ts'
import type { StoreOpener } from '../../core/store/app-store.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import { describe } from '../helpers/suite.ts'
import type { World } from '../helpers/world.ts'
import { codeOf } from '../suites/store/home.ts'
import { probeWorld, probing } from './probing.ts'

const output = { schema: v.object({ said: v.string() }), format: 'json', tag: 'SAID', example: { said: 'something' } } as const
const say = async (phase: PhaseRun<Json>, name: string, more: object = {}): Promise<Json> => {
  const turned = await phase.prompt<Json>(name, { output, ...more })
  if (turned.ok) return turned.value
  throw new PromptFailed(turned)
}
/** Three prompts, one after the other. */
const threeTimes = async (phase: PhaseRun<Json>): Promise<Outcome<Json>> => {
  for (const name of ['one', 'two', 'three']) await say(phase, name)
  return phase.done()
}
const taking =
  (...all: readonly FakeFigures[]): FakeBrain =>
  ({ text, index }) => [
    { type: 'figures', ...(all[index] ?? all.at(-1) ?? { input: 10, cost: 1 }) },
    { type: 'text', text: lastExample(text) ?? '' },
  ]
const ONE_DOLLAR = taking({ input: 95, cost: 1 })

const limit = (world: World, id: string, patch: Readonly<Record<string, number | null>>, scope: 'ticket' | 'project' = 'ticket') =>
  world.kernel.settings.update({ scope, id, patch })
const sent = (world: World): number => world.fake?.server.requests.length ?? 0
async function standing(world: World, ticketId: string): Promise<unknown> {
  const { status, blocked } = await world.kernel.tickets.get(ticketId)
  return blocked ? [status, blocked.code, blocked.actions] : [status]
}
const BLOCKED = ['blocked', 'BUDGET_EXCEEDED', ['continue', 'retry', 'cancel']]

describe('a limit of a ticket', (it) => {
  it('stops it before the next turn; raised and continued, it goes on where it stopped and asks nothing twice', async () => {
    await using world = await probeWorld(probing(threeTimes), { brain: ONE_DOLLAR })
    await limit(world, world.projectId, { 'limits.ticketCost': 2 }, 'project')
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 2])
    const { blocked } = await world.kernel.tickets.get(id)
    assert.match(blocked?.message ?? '', new RegExp(`${id} has used 2 of 2 \\(limits\\.ticketCost\\)`))
    assert.match(blocked?.hint ?? '', /Raise limits\.ticketCost .* then Continue/)
    const { items } = await world.kernel.events.history({ ticketId: id, limit: 1_000 })
    assert.equal(
      items.flatMap((e) => (e.type === 'limit.reached' ? [e.data] : [])),
      [{ scope: 'ticket', unit: 'cost', limit: 2, used: 2, until: null, problem: null }],
    )

    await world.kernel.tickets.continue({ ticketId: id })
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 2], 'continued without a raise')

    await limit(world, id, { 'limits.ticketCost': 10 })
    await world.kernel.tickets.continue({ ticketId: id })
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [['completed'], 3])
    const turns = await world.kernel.tickets.turns(id)
    assert.equal(
      turns.map((t) => [t.prompt, t.how, t.posts]),
      ['one', 'two', 'three'].map((prompt) => [prompt, 'finished', 1]),
    )
  })

  it('holds across a restart, and so does its raise', async () => {
    await using world = await probeWorld(probing(threeTimes), { brain: ONE_DOLLAR })
    await limit(world, world.projectId, { 'limits.ticketTokens': 150 }, 'project')
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    await world.kernel.stop()
    await world.reopen()
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 2])
    await limit(world, id, { 'limits.ticketTokens': 250 })
    await world.kernel.stop()
    await world.reopen()
    await world.kernel.tickets.continue({ ticketId: id })
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [['completed'], 3])
  })

  it('comes between two turns of one prompt: what the first said is kept, the retry goes out after the raise', async () => {
    let asked = 0
    const brain: FakeBrain = ({ text }) => [
      { type: 'figures', input: 10, cost: 1 },
      { type: 'text', text: asked++ === 0 ? 'no marker' : (lastExample(text) ?? '') },
    ]
    await using world = await probeWorld(
      probing(async (phase) => phase.done(await say(phase, 'one'))),
      { brain },
    )
    await limit(world, world.projectId, { 'limits.ticketCost': 1 }, 'project')
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 1])
    await limit(world, id, { 'limits.ticketCost': null })
    await world.kernel.tickets.continue({ ticketId: id })
    await world.drive()
    const turns = await world.kernel.tickets.turns(id)
    assert.equal([await standing(world, id), turns.map((t) => t.reason), sent(world)], [['completed'], ['first', 'structured'], 2])
    assert.is(new Set(turns.map((t) => t.sessionId)).size, 1)
  })

  it('lets turns that are under way finish, past it; what they said beside one that was refused is kept', async () => {
    let release = (): void => {}
    const free = new Promise<void>((resolve) => (release = resolve))
    const brain: FakeBrain = async function* ({ text }) {
      if (text.includes('Take your time')) yield { type: 'wait', until: free }
      yield* [{ type: 'figures', input: 10, cost: 1 } as const, { type: 'text', text: lastExample(text) ?? '' } as const]
    }
    const run = async (phase: PhaseRun<Json>): Promise<Outcome<Json>> => {
      const slow = say(phase, 'slow', { slot: { memberId: 'slow' }, text: 'Take your time.' })
      const quick = async (): Promise<void> => {
        for (const name of ['one', 'two', 'three']) await say(phase, name)
      }
      await Promise.all([slow, quick().finally(() => release())])
      return phase.done()
    }
    await using world = await probeWorld(probing(run), { brain })
    await limit(world, world.projectId, { 'limits.ticketCost': 2 }, 'project')
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 3])
    assert.is((await world.kernel.tickets.costs(id)).ticket.cost, 3)
    await limit(world, id, { 'limits.ticketCost': 4 })
    await world.kernel.tickets.continue({ ticketId: id })
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [['completed'], 4])
  })

  it('of a ticket that runs, and nothing else of it, can be changed', async () => {
    await using world = await probeWorld(
      probing(async (phase) => {
        await say(phase, 'one')
        await limit(world, phase.ticket.id, { 'limits.ticketCost': 1 })
        await say(phase, 'two')
        return phase.done()
      }),
      { brain: ONE_DOLLAR },
    )
    const draft = await world.kernel.tickets.create({ projectId: world.projectId, title: 'x' })
    await limit(world, draft.id, { 'limits.ticketCost': 1 })
    assert.is(
      (await world.kernel.settings.get({ scope: 'ticket', id: draft.id })).values['limits.ticketCost'],
      1,
      'a draft has it from its start',
    )
    const { id } = await world.start('Do it', 'probe')
    assert.is(await codeOf(limit(world, id, { 'limits.iterations': 1 })), 'INVALID_INPUT')
    assert.is(await codeOf(limit(world, id, { 'limits.ticketCost': -1 })), 'INVALID_INPUT')
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 1])
    const { values, sources } = await world.kernel.settings.get({ scope: 'ticket', id })
    assert.equal([values['limits.ticketCost'], sources['limits.ticketCost'], values['limits.ticketTokens']], [1, 'ticket', null])
    const { items } = await world.kernel.events.history({ ticketId: id, limit: 1_000 })
    assert.equal(
      items.filter((e) => e.type === 'ticket.limits').map((e) => e.data),
      [{ cost: 1 }],
    )
  })

  it('says so when figures are missing in what it counted', async () => {
    await using world = await probeWorld(probing(threeTimes), { brain: taking({ input: 10, cost: null }, { input: 10, cost: 5 }) })
    await limit(world, world.projectId, { 'limits.ticketCost': 5 }, 'project')
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    assert.match((await world.kernel.tickets.get(id)).blocked?.message ?? '', /the figures of 1 of its 2 turns are missing/)
  })
})

describe('raising a limit while the server dies', (it) => {
  for (const when of ['before', 'after'] as const)
    it(`${when} it is stored: the next start knows it ${when === 'before' ? 'not' : 'by then'}`, async () => {
      let opened = 0
      const stores = (opener: StoreOpener): StoreOpener => ({
        openApp: (url) => opener.openApp(url),
        openProject: async (url, identity) =>
          killingStore(await opener.openProject(url, identity), opened++ === 0 ? { verb: 'changeLimits', when, nth: 1 } : null).store,
      })
      await using world = await probeWorld(probing(threeTimes), { brain: ONE_DOLLAR, stores })
      await limit(world, world.projectId, { 'limits.ticketCost': 2 }, 'project')
      const { id } = await world.start('Do it', 'probe')
      await world.drive()
      assert.ok(isCrash(await limit(world, id, { 'limits.ticketCost': 9 }).catch((error: unknown) => error)))
      await world.kernel.stop().catch((error: unknown) => assert.ok(isCrash(error)))
      await world.reopen(60_000)
      await world.kernel.tickets.continue({ ticketId: id })
      await world.drive()
      assert.equal([await standing(world, id), sent(world)], when === 'before' ? [BLOCKED, 2] : [['completed'], 3])
    })
})

describe('a limit of a project', (it) => {
  it('counts all its tickets, deleted ones too, and takes effect at once, on running tickets as well', async () => {
    await using world = await probeWorld(probing(threeTimes), { brain: ONE_DOLLAR })
    const first = await world.start('One', 'probe')
    await world.drive()
    await world.kernel.tickets.delete({ ticketId: first.id })
    await limit(world, world.projectId, { 'limits.projectCost': 4 }, 'project')
    const { id } = await world.start('Two', 'probe')
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [BLOCKED, 4])
    assert.match((await world.kernel.tickets.get(id)).blocked?.message ?? '', /The project of .* \(limits\.projectCost\)/)
    await limit(world, world.projectId, { 'limits.projectCost': null, 'limits.projectTokens': 10_000 }, 'project')
    await world.kernel.tickets.continue({ ticketId: id })
    await world.drive()
    assert.equal([await standing(world, id), sent(world)], [['completed'], 6])
    const { project, limits, byTicket } = await world.kernel.projects.costs(world.projectId)
    assert.equal([project.cost, project.turns, limits], [6, 6, { tokens: 10_000, cost: null }])
    assert.equal(
      byTicket.map((t) => [t.ticketId, t.cost]),
      [
        [first.id, 3],
        [id, 3],
      ],
    )
  })
})

describe('what a ticket has spent', (it) => {
  it('is told by phase, item, member and model, and by turn; what is missing is null', async () => {
    const run = async (phase: PhaseRun<Json>): Promise<Outcome<Json>> => {
      await say(phase, 'one', { slot: { memberId: 'm1' } })
      await say(phase, 'two', { slot: { beadId: 'b1', iteration: 1 } })
      return phase.done()
    }
    await using world = await probeWorld(probing(run), { brain: taking({ input: 5, cost: 0.5 }, { input: null, cost: null }) })
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    const { ticket, byPhase, byItem, byMember, byModel, limits } = await world.kernel.tickets.costs(id)
    const tokens = { input: 5, output: 5, reasoning: 0, cacheRead: 0, cacheWrite: 0 }
    const known = { tokens, cost: 0.5, turns: 1, missing: 0 }
    const unknown = { tokens: null, cost: null, turns: 1, missing: 1 }
    const both = { ...known, turns: 2, missing: 1 }
    assert.equal([ticket, limits], [both, { tokens: null, cost: null }])
    assert.equal(byPhase, [{ phase: 'PROBING', ...both }])
    assert.equal(byItem, [
      { item: null, ...known },
      { item: 'b1', ...unknown },
    ])
    assert.equal(byMember, [
      { member: 'm1', ...known },
      { member: null, ...unknown },
    ])
    assert.equal(byModel, [{ model: 'fake/m1', ...both }])
    assert.equal(
      (await world.kernel.tickets.turns(id)).map((t) => [t.cost, t.untold]),
      [
        [0.5, undefined],
        [null, 1],
      ],
    )
    assert.is(await codeOf(world.kernel.tickets.costs('SPEC-99')), 'TICKET_UNKNOWN')
  })

  it('counts sub-agents, whose figures are in sessions of their own', async () => {
    const brain: FakeBrain = ({ text, toolResults }) =>
      toolResults.length === 0
        ? [{ type: 'subagent', description: 'look', text: 'found', figures: { input: 100, cost: 2 } }]
        : [
            { type: 'figures', input: 10, cost: 1 },
            { type: 'text', text: lastExample(text) ?? '' },
          ]
    await using world = await probeWorld(
      probing(async (phase) => phase.done(await say(phase, 'one')), { tools: 'default' }),
      { brain },
    )
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    const [turn] = await world.kernel.tickets.turns(id)
    assert.equal([turn?.cost, turn?.sub?.sessions, turn?.sub?.cost, turn?.untold], [3, 1, 2, undefined])
    assert.is((await world.kernel.tickets.costs(id)).ticket.cost, 3)
  })
})
