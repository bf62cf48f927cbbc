/**
 * The whole `quick` ticket, killed before and after the first use of every writing verb of the store that it uses, and
 * taken up by a second kernel: it completes, nothing is asked of the model twice, nothing is lost.
 */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { WRITING_VERBS } from './killing-store.ts'
import { runWithCrash } from './quick-crash.ts'

/** Verbs that a ticket which is never blocked, edited, retried or canceled does not use; other crash specs kill those. */
const ELSEWHERE = new Set([
  ...['editTicket', 'reattempt', 'block', 'retryTicket', 'continueTicket', 'cancelTicket', 'addPhaseNote', 'adoptSession', 'markStopping'],
  ...[
    'turnUncertain',
    'reopenRequest',
    'consumeAnswers',
    'consumeCommand',
    'dropCommand',
    'putSettings',
    'confirmAbort',
    'renewLeases',
    'releaseLeases',
  ],
])
const baseline = await runWithCrash(null, null)
const used = WRITING_VERBS.filter((verb) => (baseline.uses[verb] ?? 0) > 0)

describe('a quick ticket, killed once', (it) => {
  it('uses every writing verb that is not covered elsewhere', () => {
    assert.equal(
      WRITING_VERBS.filter((verb) => !used.includes(verb) && !ELSEWHERE.has(verb)),
      [],
    )
  })
  for (const verb of used)
    for (const when of ['before', 'after'] as const)
      it(
        `${when} the first ${verb} completes, each turn asked once`,
        async () => {
          const { died } = await runWithCrash({ verb, when, nth: 1 }, baseline.requests)
          assert.ok(died || ELSEWHERE.has(verb))
        },
        { timeoutMs: 40_000 },
      )
})
