/** Every verb of the store and of the adapter, before and after its effect, at its first, second and third use. Slow; on the fake. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { momentsOf, REMOTE_VERBS } from './killing-adapter.ts'
import { WRITING_VERBS } from './killing-store.ts'
import { runWide } from './wide-ticket.ts'
import type { AnyKill } from './wide-ticket.ts'

const USES = [1, 2, 3]
const { storeUses, remoteUses } = await runWide(null)
const stores: readonly AnyKill[] = WRITING_VERBS.flatMap((verb) =>
  USES.filter((nth) => nth <= (storeUses[verb] ?? 0)).flatMap((nth) => (['before', 'after'] as const).map((when) => ({ verb, when, nth }))),
)
const remotes: readonly AnyKill[] = REMOTE_VERBS.flatMap((remote) =>
  USES.filter((nth) => nth <= (remoteUses[remote] ?? 0)).flatMap((nth) => momentsOf(remote).map((when) => ({ remote, when, nth }))),
)

describe('a wide ticket, killed at every verb', (it) => {
  for (const kill of [...stores, ...remotes])
    it(`${kill.when} use ${kill.nth} of ${'verb' in kill ? kill.verb : kill.remote}`, async () => {
      assert.equal((await runWide(kill)).problems, [])
    })
})
