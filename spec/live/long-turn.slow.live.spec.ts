/** A turn of more than six minutes: past every limit of 300 s that HTTP clients have. Slow, so out of the usual run. */
import * as assert from 'uvu/assert'
import { assertGapless, said, startLive } from '../helpers/live.ts'
import { startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'

const EVERY_MS = 250
const MINUTES = 6.2
const words = Array.from({ length: Math.ceil((MINUTES * 60_000) / EVERY_MS) }, (_, i) => `${i} wörd\n`)
const chunks = [...words, said('whole')]

describe('a long turn on a real OpenCode', (it) => {
  it(
    'comes back whole after six minutes, asked once and posted once',
    async () => {
      await using oc = await startRealOpencode()
      await using live = await startLive(oc, { script: () => ({ chunks, everyMs: EVERY_MS }) })
      const begun = Date.now()
      const { id: ticketId } = await live.start()
      await live.until(ticketId, (t) => t.status === 'completed', 900_000)
      assert.ok(Date.now() - begun > 6 * 60_000)
      const [turn, ...others] = await live.turns(ticketId)
      assert.equal(others, [])
      assert.equal([turn?.how, turn?.posts], ['finished', 1])
      assert.is(turn?.text, chunks.join(''))
      assert.is(live.requests().length, 1)
      await assertGapless(live.kernel, ticketId)
    },
    { timeoutMs: 1_000_000 },
  )
})
