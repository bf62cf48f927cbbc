/** Asking for models in the middle of work. */
import * as assert from 'uvu/assert'
import { lastExample } from '../../core/opencode/fake/brain.ts'
import { eventually, startFakeOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'

describe('models.refresh', (it) => {
  it('disposes no directory: a turn that is open goes on', async () => {
    let goOn = (): void => {}
    const hold = new Promise<void>((resolve) => (goOn = resolve))
    await using fake = await startFakeOpencode(({ text }) => [{ type: 'text', text: lastExample(text) ?? 'hello', hold }])
    const disposed: string[] = []
    const adapter = {
      ...fake.adapter,
      disposeDirectory: async (directory: string) => {
        disposed.push(directory)
        await fake.adapter.disposeDirectory(directory)
      },
    }
    await using world = await startWorld({ opencode: { ...fake, adapter, startedAt: null } })
    const { kernel } = world
    const { id: ticketId } = await world.start()
    const driving = world.drive()
    await eventually(async () => (await kernel.tickets.turns(ticketId))[0]?.receipt === 'admitted')
    const answers = [await kernel.models.refresh(), await kernel.models.refresh({ scope: 'all' })]
    assert.ok(answers.every((answer) => answer.models.length > 0 && answer.message === undefined))
    assert.equal(disposed, [])
    goOn()
    await driving
    const turns = await kernel.tickets.turns(ticketId)
    assert.equal([...new Set(turns.map((turn) => turn.how))], ['finished'])
  })
})
