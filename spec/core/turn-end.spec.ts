/** The last events of an answer, the turn's end and its prompt's are one batch. */
import * as assert from 'uvu/assert'
import type { Store } from '../../core/store/store.ts'
import { pipelineOf, said, talk } from '../helpers/live.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'

describe('the end of a turn', (it) => {
  it('is stored with what the stream told last, and with the prompt that it ends', async () => {
    const settled: Parameters<Store['settleTurn']>[1][] = []
    const watched = (store: Store): Store => ({
      ...store,
      settleTurn: (fence, input) => {
        settled.push(input)
        return store.settleTurn(fence, input)
      },
    })
    const phases = [talk({})]
    await using world = await startWorld({
      phases,
      pipelines: [pipelineOf(...phases)],
      brain: () => [{ type: 'text', text: said('all of it') }],
      stores: (opener) => ({ ...opener, openProject: async (...args) => watched(await opener.openProject(...args)) }),
    })
    const { id } = await world.start('Talk', 'spec')
    await world.drive()
    assert.is((await world.kernel.tickets.get(id)).status, 'completed')
    assert.is(settled.length, 1)
    const types = settled[0]?.events?.map((event) => event.type)
    assert.ok(types?.includes('text') && types.includes('step.finished'), `told with the end: ${types?.join(', ')}`)
    assert.is(settled[0]?.ends?.name, 'answer')
  })
})
