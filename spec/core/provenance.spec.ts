/** What a document was made from, as the kernel saw it: contexts, reads and decisions, not what a phase says of itself. */
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import { definePhase, definePipeline, slices } from '../../plugins/index.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'

const made = (id: string, kinds: readonly string[]) =>
  definePhase({
    id,
    label: id,
    tools: 'disabled',
    run: async (phase) => {
      for (const kind of kinds) await phase.save(kind, `about ${kind}`)
      return phase.done()
    },
  })
const shown = definePhase({
  ...{ id: 'SHOWN', label: 'Shown', tools: 'disabled', artifact: 'by_slices', context: slices('ticket_details', 'one', 'gone') },
  run: async (phase) => phase.done(await phase.prompt('look')),
})
const lookedAt = definePhase({
  ...{ id: 'LOOKED', label: 'Looked', tools: 'disabled', artifact: 'by_function' },
  context: (state) => [{ type: 'text', source: 'mine', content: `${state.artifacts['two']}` }],
  run: async (phase) => {
    await phase.prompt('look')
    await phase.save('said', 'x', { derivedFrom: ['elsewhere'] })
    await phase.sleep('nap', 1)
    await phase.save('later', 'y')
    return phase.done(`from ${(await phase.read('three'))?.content}`)
  },
})
const pipeline = definePipeline({
  name: 'made-of',
  label: 'Made of',
  rows: ['SEEDS', 'SHOWN', 'LOOKED'].map((phase) => ({ phase, group: 'all' })),
})

async function sources(world: World, id: string): Promise<Record<string, readonly string[]>> {
  const all = await world.kernel.tickets.artifacts(id)
  const names = new Map(all.map((a) => [a.contentSha256, a.kind]))
  return Object.fromEntries(all.map((a) => [a.kind, a.derivedFrom.map((hash) => names.get(hash) ?? hash)]))
}

describe('what a document was made from', (it) => {
  it('is what its prompts carried and what was read, over a park and a replay; a phase may say otherwise', async () => {
    await using world = await startWorld({
      brain: exampleBrain,
      phases: [made('SEEDS', ['one', 'two', 'three', 'four']), shown, lookedAt],
      pipelines: [pipeline],
    })
    const { id } = await world.start('Do it', 'made-of')
    while ((await world.kernel.tickets.get(id)).status !== 'completed') await world.drive()
    const { by_slices: bySlices, by_function: byFunction, said, later, one } = await sources(world, id)
    assert.equal([one, bySlices, byFunction, said, later], [[], ['one'], ['two', 'three'], ['elsewhere'], ['two']])
  })
})
