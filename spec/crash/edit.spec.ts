/** A person edits an approved document while a turn from it is under way; killed at each verb that carries it out. */
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { definePhase, definePipeline, gate, slices, APPROVE } from '../../plugins/index.ts'
import type { Kernel } from '../../core/kernel-api.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { isCrash, killingStore } from './killing-store.ts'
import type { Kill, KillingStore } from './killing-store.ts'

const LATER_MS = 60_000
const Answer = v.object({ said: v.string() })
const output = { schema: Answer, format: 'json', tag: 'ANSWER', example: { said: 'x' } } as const
const making = definePhase({
  ...{ id: 'MAKING', label: 'Making', tools: 'disabled', artifact: 'doc' },
  run: (phase) => Promise.resolve(phase.done('first')),
})
const deciding = gate({ id: 'DECIDING', label: 'Deciding', kind: 'document', title: 'Decide', artifact: 'doc', actions: [APPROVE] })
const using = definePhase<unknown>({
  ...{ id: 'USING', label: 'Using', tools: 'disabled', artifact: 'made', context: slices('ticket_details', 'doc'), output },
})
const pipeline = definePipeline({
  name: 'edited',
  label: 'E',
  rows: ['MAKING', 'DECIDING', 'USING'].map((phase) => ({ phase, group: 'g' })),
})

/** Of the first content nothing is ever answered. */
const brain: FakeBrain = ({ text }) =>
  text.includes('second')
    ? [{ type: 'text', text: '<ANSWER>{"said": "from the second"}</ANSWER>' }]
    : [{ type: 'wait', until: new Promise<void>(() => undefined) }]

const approve = async (kernel: Kernel, ticketId: string): Promise<void> => {
  const [open] = (await kernel.inbox.list({ ticketId })).items
  if (!open) return
  const { contentSha256 } = await kernel.tickets.artifact({ ticketId, kind: 'doc' })
  await kernel.tickets.submitGate({
    ticketId,
    gateId: open.id,
    action: 'approve',
    actionId: 'approve',
    expectedContentSha256: contentSha256,
  })
}

/** What a person and a server do, as far as it was not done before the crash. */
async function play(world: World, ticketId: string): Promise<void> {
  const { kernel } = world
  const first = (await kernel.tickets.artifact({ ticketId, kind: 'doc', revision: 1 })).contentSha256
  for (let round = 0; round < 600; round += 1) {
    await kernel.tick()
    const { status } = await kernel.tickets.get(ticketId)
    if (status === 'completed' || status === 'blocked') return
    const [turn] = await kernel.tickets.turns(ticketId)
    const edit = { ticketId, kind: 'doc', content: 'second', expectedContentSha256: first, actionId: 'edit' }
    if (turn?.receipt === 'admitted') await kernel.tickets.editArtifact(edit)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function run(kill: Kill): Promise<boolean> {
  const stores: KillingStore[] = []
  await using world = await startWorld({
    ...{ brain, phases: [making, deciding, using], pipelines: [pipeline] },
    stores: (opener) => ({
      openApp: (url) => opener.openApp(url),
      openProject: async (url, identity) => {
        const one = killingStore(await opener.openProject(url, identity), stores.length === 0 ? kill : null)
        stores.push(one)
        return one.store
      },
    }),
  })
  const orDead = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => assert.ok(isCrash(error), String(error)))
  const { id } = await world.start('Do it', 'edited')
  await world.drive()
  await approve(world.kernel, id)
  await orDead(play(world, id))
  const died = stores[0]?.dead === true
  if (died) {
    await orDead(world.kernel.stop())
    await world.reopen(LATER_MS)
    await play(world, id)
  }
  await check(world, id)
  return died
}

async function check({ kernel, fake }: World, ticketId: string): Promise<void> {
  const ticket = await kernel.tickets.get(ticketId)
  assert.is(ticket.status, 'completed', JSON.stringify(ticket))
  const docs = (await kernel.tickets.artifacts(ticketId)).filter((a) => a.kind === 'doc')
  assert.equal(
    docs.map((a) => [a.revision, a.approved]),
    [
      [1, true],
      [2, true],
    ],
  )
  const made = (await kernel.tickets.artifacts(ticketId)).filter((a) => a.kind === 'made')
  assert.equal([made.length, made[0]?.attempt, made[0]?.derivedFrom], [1, 2, [docs[1]?.contentSha256]])
  const { items } = await kernel.events.history({ ticketId, limit: 1_000 })
  assert.is(items.filter((e) => e.type === 'artifact.edited').length, 1)
  assert.is(fake?.server.requests.filter((r) => r.text.includes('second')).length, 1, 'the second was asked about once')
  assert.ok((await kernel.tickets.sessions(ticketId)).every((s) => s.state === 'ended' || s.state === 'abandoned'))
}

describe('an edit, killed while it is carried out', (it) => {
  const kills: readonly Kill[] = [
    { verb: 'submitCommand', when: 'after', nth: 2 },
    { verb: 'markStopping', when: 'after', nth: 1 },
    { verb: 'settleTurn', when: 'before', nth: 1 },
    { verb: 'endSession', when: 'after', nth: 1 },
    { verb: 'editArtifact', when: 'before', nth: 1 },
    { verb: 'editArtifact', when: 'after', nth: 1 },
  ]
  for (const kill of kills)
    it(
      `${kill.when} ${kill.verb}: it is done once, and what came from the first content is dropped`,
      async () => {
        assert.ok(await run(kill))
      },
      { timeoutMs: 60_000 },
    )
})
