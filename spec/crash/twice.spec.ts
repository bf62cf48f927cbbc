/** A quick ticket, killed, and killed again by a verb that only the recovery from the first kill uses. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import type { Kill } from './killing-store.ts'
import { runWithCrash, runWithCrashes } from './quick-crash.ts'

const { requests } = await runWithCrash(null, null)

describe('a quick ticket, killed while it recovers', (it) => {
  for (const when of ['before', 'after'] as const)
    it(`adopts a session that was created and not stored, killed ${when} that`, async () => {
      const kills: readonly Kill[] = [
        { verb: 'intendTurn', when: 'before', nth: 1 },
        { verb: 'activateSession', when, nth: 1 },
      ]
      assert.equal((await runWithCrashes(kills, requests)).died, [true, true])
    })
})
