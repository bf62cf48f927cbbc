/** A `full` ticket, killed at each verb and at each kind of step in every one of its phases: the same as without a death. Slow. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { runFull } from './full-ticket.ts'

describe('a full ticket', (it) => {
  it(
    'that dies in every phase at every verb makes what one makes that never dies',
    async () => {
      const reference = await runFull('none', null)
      assert.equal([reference.problems, reference.deaths], [[], []])
      const { deaths, problems } = await runFull('phases', reference.made)
      assert.equal(problems, [])
      assert.ok(deaths.length > 500, String(deaths.length))
    },
    { timeoutMs: 1_200_000 },
  )
})
