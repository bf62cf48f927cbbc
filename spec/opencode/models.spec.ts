/** The list of models while OpenCode is being started again. */
import * as assert from 'uvu/assert'
import { fail } from '../../core/errors.ts'
import { createModelList } from '../../core/opencode/models.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { describe } from '../helpers/suite.ts'

const ref = { provider: 'p', model: 'm' }
const away = () => fail('OPENCODE_UNREACHABLE', { baseUrl: 'http://127.0.0.1:1', problem: 'ECONNREFUSED' })

/** Answers after so many refusals. */
function listing(refusals: number, error: () => Error = away) {
  const clock = createFakeClock()
  let asked = 0
  const listModels = () => {
    asked += 1
    if (asked <= refusals) return Promise.reject(error())
    return Promise.resolve({ models: [{ ...ref, name: 'M' } as never], connectedProviders: ['p'], defaultModels: {} })
  }
  return { clock, models: createModelList({ listModels }, clock), asked: () => asked }
}
const ended = (work: Promise<void>): Promise<string> => work.then(() => 'known').catch((error: { code: string }) => error.code)

describe('a model that is asked for', (it) => {
  it('is looked for again while OpenCode is away, when nobody waits', async () => {
    const { clock, models, asked } = listing(3)
    const end = ended(models.assertModelKnown(ref, { patient: true }))
    await clock.advance(26_000)
    assert.equal([await end, asked()], ['known', 4])
  })
  it('is given up when OpenCode stays away', async () => {
    const { clock, models, asked } = listing(9)
    const end = ended(models.assertModelKnown(ref, { patient: true }))
    await clock.advance(26_000)
    assert.equal([await end, asked()], ['OPENCODE_UNREACHABLE', 5])
  })
  it('is looked for once when a person waits, and when the answer is another error', async () => {
    const waited = listing(1)
    assert.equal([await ended(waited.models.assertModelKnown(ref)), waited.asked()], ['OPENCODE_UNREACHABLE', 1])
    const other = listing(1, () => fail('OPENCODE_REFUSED', { operation: 'models', problem: 'no' }))
    assert.equal([await ended(other.models.assertModelKnown(ref, { patient: true })), other.asked()], ['OPENCODE_REFUSED', 1])
  })
})
