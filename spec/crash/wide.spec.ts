/**
 * A ticket with three prompts at once, a gate, a question and two beads, killed at the verbs of OpenCode's adapter and at
 * second and third uses of the store's: the same artifacts, the same commits, one dispatch for each turn.
 */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { momentsOf, REMOTE_VERBS } from './killing-adapter.ts'
import { runWide } from './wide-ticket.ts'
import type { AnyKill } from './wide-ticket.ts'

/** Verbs of calls that an undisturbed ticket does not make; specs of those calls kill them. */
const ELSEWHERE = new Set([
  ...['getSession', 'childSessions', 'getSessionMessages', 'sessionStatuses', 'listPendingQuestions', 'listPendingPermissions'],
  ...['rejectQuestion', 'replyPermission', 'abortSession', 'deleteSession'],
])
const baseline = await runWide(null)
const used = REMOTE_VERBS.filter((verb) => (baseline.remoteUses[verb] ?? 0) > 0)

const LATER: readonly AnyKill[] = [
  { remote: 'promptSession', when: 'after', nth: 3 },
  { remote: 'createSession', when: 'after', nth: 2 },
  { verb: 'recordPost', when: 'after', nth: 2 },
  { verb: 'settleTurn', when: 'before', nth: 3 },
  { verb: 'completePrompt', when: 'after', nth: 3 },
  { verb: 'completeStep', when: 'before', nth: 20 },
  { verb: 'putItem', when: 'after', nth: 4 },
]

const nameOf = (kill: AnyKill): string => `${kill.when} use ${kill.nth} of ${'verb' in kill ? kill.verb : kill.remote}`

describe('a wide ticket', (it) => {
  it('holds when nothing is killed', () => {
    assert.equal(baseline.problems, [])
  })
  it('uses every verb of the adapter that is not covered elsewhere', () => {
    assert.equal(
      REMOTE_VERBS.filter((verb) => !used.includes(verb) && !ELSEWHERE.has(verb)),
      [],
    )
  })
  const kills = [...used.flatMap((remote) => momentsOf(remote).map((when) => ({ remote, when, nth: 1 }))), ...LATER]
  for (const kill of kills)
    it(
      `killed ${nameOf(kill)}`,
      async () => {
        const { died, problems } = await runWide(kill)
        assert.ok(died, 'it was killed there')
        assert.equal(problems, [])
      },
      { timeoutMs: 40_000 },
    )
})
