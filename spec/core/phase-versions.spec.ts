/** A ticket that was begun with other code than is loaded now: what is recorded is replayed by what recorded it, or a person is told. */
import * as assert from 'uvu/assert'
import type { TicketView } from '../../core/kernel-api.ts'
import type { Form, Json, PhasePlugin, PhaseRun } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { actionId, openGate } from './person.ts'
import { probe, probing } from './probing.ts'

const form = (title: string): Form => ({ kind: 'checklist', title, actions: [{ id: 'go', label: 'Go' }] })
/** Twice the person is asked, so that there is something to replay; what ran is kept as `ran`. */
const asking = (version: number, title = 'Go on?', id = 'PROBING'): PhasePlugin =>
  probing(
    async (phase: PhaseRun<Json>) => {
      await phase.step('seen', () => Promise.resolve(version))
      await phase.ask('first', form(title))
      await phase.ask('second', form(title))
      return phase.done(version)
    },
    { id, version, artifact: `ran_${id}` },
  )

async function upgraded(
  before: readonly PhasePlugin[],
): Promise<{ world: World; load: (...plugins: readonly PhasePlugin[]) => Promise<void> }> {
  const phases = [...before]
  const world = await startWorld({ phases, pipelines: [probe(before)] })
  const load = async (...plugins: readonly PhasePlugin[]): Promise<void> => {
    await world.kernel.stop()
    phases.splice(0, phases.length, ...plugins)
    await world.reopen()
    await world.drive()
  }
  return { world, load }
}
async function go(world: World, ticketId: string): Promise<TicketView> {
  const gate = await openGate(world, ticketId)
  await world.kernel.tickets.submitGate({ ticketId, gateId: gate.id, action: 'go', actionId: actionId() })
  await world.drive()
  return world.kernel.tickets.get(ticketId)
}
async function retried(world: World, ticketId: string): Promise<TicketView> {
  await world.kernel.tickets.retry({ ticketId, actionId: actionId() })
  await world.drive()
  return world.kernel.tickets.get(ticketId)
}
const ran = async (world: World, ticketId: string, id = 'PROBING'): Promise<string> =>
  (await world.kernel.tickets.artifact({ ticketId, kind: `ran_${id}` })).content.trim()

describe('a ticket that another build began', (it) => {
  it('is told that the phase has another version now, and Retry begins it anew in that one', async () => {
    const { world, load } = await upgraded([asking(1)])
    await using _ = world
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    await load(asking(2))
    const { blocked } = await go(world, id)
    assert.equal([blocked?.code, blocked?.actions], ['PHASE_VERSION_GONE', ['retry', 'cancel']])
    assert.match(blocked?.message ?? '', /begun in version 1; loaded is 2/)
    assert.match(blocked?.hint ?? '', /Retry begins this phase anew in version 2/)
    assert.is((await retried(world, id)).attempt, 2)
    await load(asking(2))
    await go(world, id)
    assert.is((await go(world, id)).status, 'completed')
    assert.is(await ran(world, id), '2')
  })
  it('gets the new version at the next phase border, and keeps to it', async () => {
    const { world, load } = await upgraded([asking(1, 'Go on?', 'ONE'), asking(1, 'Go on?', 'TWO')])
    await using _ = world
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    await load(asking(1, 'Go on?', 'ONE'), asking(2, 'Go on?', 'TWO'))
    await go(world, id)
    assert.is((await go(world, id)).phase, 'TWO')
    await go(world, id)
    await load(asking(1, 'Go on?', 'ONE'), asking(2, 'Go on?', 'TWO'))
    assert.is((await go(world, id)).status, 'completed', 'taken up by the version that began it')
    assert.equal([await ran(world, id, 'ONE'), await ran(world, id, 'TWO')], ['1', '2'])
  })
  it('does not go on in the old version what the new one began', async () => {
    const { world, load } = await upgraded([asking(1, 'Go on?', 'ONE'), asking(1, 'Go on?', 'TWO')])
    await using _ = world
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    await load(asking(1, 'Go on?', 'ONE'), asking(2, 'Go on?', 'TWO'))
    await go(world, id)
    await go(world, id)
    await load(asking(1, 'Go on?', 'ONE'), asking(1, 'Go on?', 'TWO'))
    assert.match((await go(world, id)).blocked?.message ?? '', /begun in version 2; loaded is 1/)
  })
  it('stops where an input changed without a new version, says what to do, and goes on from a Retry', async () => {
    const { world, load } = await upgraded([asking(1)])
    await using _ = world
    const { id } = await world.start('Do it', 'probe')
    await world.drive()
    await load(asking(1, 'Really?'))
    const { blocked } = await go(world, id)
    assert.equal([blocked?.code, blocked?.actions], ['REPLAY_INPUT_CHANGED', ['retry', 'cancel']])
    assert.match(blocked?.hint ?? '', /Retry begins it anew/)
    await retried(world, id)
    assert.is(((await openGate(world, id)).payload as unknown as { form: Form }).form.title, 'Really?')
    assert.is((await world.kernel.inbox.list({ ticketId: id })).items.length, 1)
    await go(world, id)
    assert.is((await go(world, id)).status, 'completed')
  })
})
