/** One test for each writing verb of the store that a quick ticket uses: killed before or after its first use. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { WRITING_VERBS } from './killing-store.ts'
import { runWithCrash } from './quick-crash.ts'

/** Verbs that a ticket which is never blocked, edited, retried or canceled does not use; other crash specs kill those. */
const ELSEWHERE = new Set([
  ...[
    'editTicket',
    'editArtifact',
    'reattempt',
    'block',
    'retryTicket',
    'continueTicket',
    'resolveTurn',
    'cancelTicket',
    'addPhaseNote',
    'adoptSession',
    'markStopping',
  ],
  ...[
    'turnUncertain',
    'reopenRequest',
    'holdRequest',
    'saveDraft',
    'consumeAnswers',
    'consumeCommand',
    'dropCommand',
    'putSettings',
    'confirmAbort',
    'renewLeases',
    'releaseLeases',
    'deleteTicket',
    'markTidied',
    'holdTicket',
    'pauseProject',
    'claimNudge',
    'endNudge',
    'changeLimits',
    'activateSession',
  ],
])

export async function describeVerbKills(when: 'before' | 'after'): Promise<void> {
  const baseline = await runWithCrash(null, null)
  const used = WRITING_VERBS.filter((verb) => (baseline.uses[verb] ?? 0) > 0)
  describe(`a quick ticket, killed once ${when} a verb`, (it) => {
    it('uses every writing verb that is not covered elsewhere', () => {
      assert.equal(
        WRITING_VERBS.filter((verb) => !used.includes(verb) && !ELSEWHERE.has(verb)),
        [],
      )
    })
    for (const verb of used)
      it(
        `${when} the first ${verb}: it completes, each turn asked once`,
        async () => {
          const { died } = await runWithCrash({ verb, when, nth: 1 }, baseline.requests)
          assert.ok(died || ELSEWHERE.has(verb))
        },
        { timeoutMs: 40_000 },
      )
  })
}
