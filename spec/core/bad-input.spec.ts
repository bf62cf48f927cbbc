/** Whatever is wrong is refused with its code and field, before anything is written or sent. */
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import type { ErrorCode } from '../../core/errors.ts'
import type { Kernel } from '../../core/kernel-api.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import { testRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { actionId, approvePlan, openGate, refusal } from './person.ts'
import { planOf } from './scripts.ts'

/** All that is stored and shown of the world. */
async function picture({ kernel, fake }: World): Promise<string> {
  const { items } = await kernel.tickets.list({})
  const logs = await Promise.all(items.map((t) => kernel.events.history({ ticketId: t.id, limit: 1_000 })))
  const shown = [
    items,
    logs,
    await kernel.projects.list(),
    (await kernel.settings.get({ scope: 'app' })).values,
    await kernel.inbox.list({}),
  ]
  return JSON.stringify([shown, fake?.server.requests.length, fake?.server.sessions().length])
}

async function refuses(world: World, call: (kernel: Kernel) => unknown, code: ErrorCode, field?: string): Promise<void> {
  const before = await picture(world)
  const refused = await refusal(() => call(world.kernel))
  assert.is(refused.code, code, refused.error.message)
  if (field !== undefined) assert.is(refused.field, field, code)
  assert.ok(refused.error.hint.length > 10, `${code} says what to do`)
  assert.is(await picture(world), before, `${code} changed something`)
}

describe('bad input about tickets', (it) => {
  it('an unknown ticket or project', async () => {
    await using world = await startWorld()
    const ticketId = 'SPEC-9'
    await refuses(world, (k) => k.tickets.get(ticketId), 'TICKET_UNKNOWN')
    await refuses(world, (k) => k.tickets.start({ ticketId }), 'TICKET_UNKNOWN')
    await refuses(world, (k) => k.tickets.cancel({ ticketId }), 'TICKET_UNKNOWN')
    await refuses(world, (k) => k.tickets.retry({ ticketId: 'NOPE-1' }), 'TICKET_UNKNOWN')
    await refuses(world, (k) => k.events.history({ ticketId }), 'TICKET_UNKNOWN')
    await refuses(world, (k) => k.tickets.create({ projectId: 'nope', title: 'x' }), 'PROJECT_UNKNOWN')
  })
  it('a title that is none, an unknown pipeline', async () => {
    await using world = await startWorld()
    const { projectId } = world
    await refuses(world, (k) => k.tickets.create({ projectId, title: '  ' }), 'INVALID_INPUT', 'title')
    await refuses(world, (k) => k.tickets.create({ projectId, title: 'x'.repeat(301) }), 'INVALID_INPUT', 'title')
    await refuses(world, (k) => k.tickets.create({ projectId, title: 'x', pipeline: 'slow' }), 'PIPELINE_UNKNOWN', 'pipeline')
  })
  it('a status that does not allow it', async () => {
    await using world = await startWorld()
    const { id: ticketId } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'x' })
    await refuses(world, (k) => k.tickets.retry({ ticketId }), 'TICKET_WRONG_STATUS')
    await refuses(world, (k) => k.tickets.continue({ ticketId }), 'TICKET_WRONG_STATUS')
    await refuses(world, (k) => k.tickets.release({ ticketId }), 'TICKET_WRONG_STATUS')
    await world.kernel.tickets.start({ ticketId })
    await refuses(world, (k) => k.tickets.start({ ticketId }), 'TICKET_WRONG_STATUS')
    await refuses(world, (k) => k.tickets.update({ ticketId, title: 'y' }), 'TICKET_WRONG_STATUS')
    await world.kernel.tickets.cancel({ ticketId })
    await refuses(world, (k) => k.tickets.cancel({ ticketId }), 'TICKET_WRONG_STATUS')
  })
  it('an unknown model, before anything is sent; and none', async () => {
    await using world = await startWorld()
    const models = { main: { provider: 'fake', model: 'm9' } }
    const { id: ticketId } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'x', models })
    await refuses(world, (k) => k.tickets.start({ ticketId }), 'MODEL_UNKNOWN')
    await world.kernel.tickets.update({ ticketId, models: { members: [{ provider: 'nobody', model: 'm1' }] } })
    await refuses(world, (k) => k.tickets.start({ ticketId }), 'MODEL_UNKNOWN')
    await world.kernel.tickets.update({ ticketId, models: {} })
    await world.kernel.settings.update({ scope: 'app', patch: { 'models.main': null } })
    await refuses(world, (k) => k.tickets.start({ ticketId }), 'MODEL_MISSING', 'models.main')
    assert.is((await world.kernel.tickets.get(ticketId)).status, 'draft')
  })
  it('an OpenCode that cannot be reached', async () => {
    await using world = await startWorld()
    const { id: ticketId } = await world.kernel.tickets.create({ projectId: world.projectId, title: 'x' })
    world.fake?.server.crash()
    await refuses(world, (k) => k.tickets.start({ ticketId }), 'OPENCODE_UNREACHABLE')
    world.fake?.server.restart()
    assert.is((await world.kernel.tickets.start({ ticketId })).status, 'running')
  })
})

describe('bad input at a gate', (it) => {
  it('another hash is a conflict and changes nothing; so are an unknown gate, action, and a second decision', async () => {
    await using world = await startWorld()
    const { id: ticketId } = await world.start()
    await world.drive()
    const { id: gateId } = await openGate(world, ticketId)
    const stale = { ticketId, gateId, action: 'approve', actionId: 'a', expectedContentSha256: '0'.repeat(64) }
    await refuses(world, (k) => k.tickets.submitGate(stale), 'GATE_HASH_STALE')
    const { expectedContentSha256: _, ...blind } = stale
    await refuses(world, (k) => k.tickets.submitGate(blind), 'GATE_HASH_MISSING', 'expectedContentSha256')
    await refuses(world, (k) => k.tickets.submitGate({ ...stale, action: 'merge' }), 'GATE_ACTION_UNKNOWN', 'action')
    await refuses(world, (k) => k.tickets.submitGate({ ...stale, gateId: 'nowhere' }), 'GATE_UNKNOWN', 'gateId')
    await approvePlan(world, ticketId)
    await refuses(world, (k) => k.tickets.submitGate({ ...blind, action: 'request_changes', actionId: actionId() }), 'GATE_CLOSED')
  })
  it('the same action twice happens once; with other content it is refused', async () => {
    await using world = await startWorld()
    const { id: ticketId } = await world.start()
    await world.drive()
    const { id: gateId } = await openGate(world, ticketId)
    const { contentSha256 } = await world.kernel.tickets.artifact({ ticketId, kind: 'beads' })
    const decision = { ticketId, gateId, action: 'approve', actionId: 'once', expectedContentSha256: contentSha256 }
    await world.kernel.tickets.submitGate(decision)
    await world.kernel.tickets.submitGate(decision)
    await refuses(world, (k) => k.tickets.submitGate({ ...decision, action: 'request_changes' }), 'ACTION_CONSUMED')
    await world.drive()
    const decided = (await world.kernel.events.history({ ticketId, limit: 1_000 })).items.filter((e) => e.type === 'gate.decided')
    assert.is(decided.length, 1)
  })
})

describe('bad input about projects and settings', (it) => {
  it('a folder that is no repository, has no commit, or tracks .looptroop; a key that is taken or malformed', async () => {
    await using world = await startWorld()
    await using folder = await tempFolder('not-git')
    await refuses(world, (k) => k.projects.attach({ path: folder.path }), 'PROJECT_NOT_GIT')
    await refuses(world, (k) => k.projects.attach({ path: path.join(folder.path, 'nowhere') }), 'PROJECT_NOT_GIT')
    await mkdir(path.join(world.repo.path, 'inner'))
    await refuses(world, (k) => k.projects.attach({ path: path.join(world.repo.path, 'inner') }), 'PROJECT_NOT_GIT')
    await using empty = await testRepository({})
    await refuses(world, (k) => k.projects.attach({ path: empty.path }), 'PROJECT_NO_COMMIT')
    await using tracking = await testRepository({ '.looptroop/x': 'x' })
    await refuses(world, (k) => k.projects.attach({ path: tracking.path }), 'PROJECT_TRACKS_LOOPTROOP')
    await using other = await testRepository()
    await refuses(world, (k) => k.projects.attach({ path: other.path, key: 'SPEC' }), 'PROJECT_KEY_TAKEN')
    await refuses(world, (k) => k.projects.attach({ path: other.path, key: 'a b' }), 'INVALID_INPUT', 'key')
  })
  it('settings that do not exist or have a wrong value', async () => {
    await using world = await startWorld()
    await refuses(world, (k) => k.settings.update({ scope: 'app', patch: { 'limits.magic': 1 } }), 'SETTING_UNKNOWN', 'limits.magic')
    const patch = { 'limits.turns': 2, 'limits.tickets': 0 }
    await refuses(world, (k) => k.settings.update({ scope: 'app', patch }), 'INVALID_INPUT', 'limits.tickets')
    await refuses(world, (k) => k.settings.update({ scope: 'project', patch: {} }), 'INVALID_INPUT', 'id')
  })
})

describe('an answer that never validates', (it) => {
  const planning =
    (text: string): FakeBrain =>
    (turn) =>
      turn.text.includes('</BEADS>') || turn.index > 1 ? [{ type: 'text', text }] : exampleBrain(turn)

  it('blocks the ticket with the last problem; every raw answer is kept', async () => {
    await using world = await startWorld({ brain: planning('I would rather not.') })
    const { id } = await world.start()
    await world.drive()
    const { blocked } = await world.kernel.tickets.get(id)
    assert.is(blocked?.code, 'ANSWER_INVALID')
    const turns = (await world.kernel.tickets.turns(id)).filter((t) => t.prompt === 'answer')
    assert.equal(
      turns.map((t) => [t.reason, t.text]),
      [
        ['first', 'I would rather not.'],
        ['structured', 'I would rather not.'],
        ['structured', 'I would rather not.'],
      ],
    )
    assert.match(world.fake?.server.requests.at(-1)?.text ?? '', /no <BEADS>/)
  })
  it('names the ids of a cycle and of an unknown dependency, to the model and to the person', async () => {
    const graph = planOf({ id: 'one', blocked_by: ['two'] }, { id: 'two', blocked_by: ['one', 'three'] })
    await using world = await startWorld({ brain: planning(graph) })
    const { id } = await world.start()
    await world.drive()
    const { blocked } = await world.kernel.tickets.get(id)
    for (const words of [/a cycle: one → two → one/, /two is blocked by three, which does not exist/]) {
      assert.match(blocked?.message ?? '', words)
      assert.match(world.fake?.server.requests.at(-1)?.text ?? '', words)
    }
  })
})
