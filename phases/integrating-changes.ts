/**
 * One commit on the base branch's side: what a person reviews. When the base moved on while the ticket was under way, it is
 * merged first and what proved the change is run again; what fails then goes back to the final test. So does what no test, or no
 * tester, has seen as it is now.
 */
import { parse } from 'yaml'
import { GiveUp, command, nextRound } from '#plugins'
import type { Outcome, PhaseRun } from '#plugins'

const REVERIFY = 'reverify'

export default command({
  id: 'INTEGRATING_CHANGES',
  label: 'Putting the change into one commit',
  artifact: 'integration_report',
  outcomes: ['done', REVERIFY],
  async run(phase) {
    const { ticket } = phase
    const changed = await phase.workspace.changed('changed', ticket.baseCommit)
    // Every bead was verified and none needed a change: said in the report, not an error.
    if (changed.length === 0)
      return phase.done({ branch: ticket.branch, commit: null, base: ticket.baseCommit, files: [], stat: 'nothing changed' })
    const untested = await untestedSince(phase)
    if (untested !== null) return testAgain(phase, untested)
    const { moved, conflicts } = await phase.workspace.update('base')
    if (conflicts.length > 0)
      throw new GiveUp(`${ticket.baseBranch} moved on, and both sides changed ${conflicts.join(', ')}`, {
        hint: `Merge ${ticket.baseBranch} into ${ticket.branch} by hand, then Retry.`,
      })
    const failure = moved ? await provedAgain(phase) : null
    if (failure !== null) return testAgain(phase, `${ticket.baseBranch} moved on. With it merged, ${failure}`)
    if (moved && (await testedByHand(phase)))
      return testAgain(phase, `${ticket.baseBranch} moved on: what a person tested is another tree by now.`)
    const before = await phase.workspace.head('before')
    const { commit, base, commits } = await phase.workspace.squash('squash', { message: `${ticket.id}: ${ticket.title}` })
    const { stat } = await phase.workspace.diff('diff', { from: base, to: commit, maxChars: 20_000 })
    return phase.done({ branch: ticket.branch, commit, base, before, commits, files: changed, stat, base_moved: moved })
  },
})

/** What failed, in words; null when all that proved the change proves it still. */
async function provedAgain(phase: PhaseRun): Promise<string | null> {
  const report = parse((await phase.read('final_test_report'))?.content ?? '') as { commands?: readonly { command: string }[] } | null
  for (const [i, { command: line }] of (report?.commands ?? []).entries()) {
    const result = await phase.workspace.exec(`again:${i}`, { command: line })
    if (result.exitCode !== 0) return `\`${line}\` ended with ${result.exitCode}:\n${result.output.slice(-4_000)}`
  }
  return null
}

async function testAgain<T>(phase: PhaseRun<T>, reason: string): Promise<Outcome<T>> {
  await nextRound(phase, reason)
  return phase.done(undefined, REVERIFY)
}

/** Commits that no test has seen: somebody worked on the branch while the ticket was blocked. Null when there are none. */
async function untestedSince(phase: PhaseRun): Promise<string | null> {
  const { commit } = (parse((await phase.read('tested_commit'))?.content ?? '') ?? {}) as { commit?: string }
  const head = await phase.workspace.head('head')
  if (commit === undefined || commit === head) return null
  const { stat } = await phase.workspace.diff('untested', { from: commit, to: head, maxChars: 1_000 })
  return stat.trim() === '' ? null : `The branch was changed after it was tested:\n${stat}`
}

async function testedByHand(phase: PhaseRun): Promise<boolean> {
  const { skipped } = (parse((await phase.read('qa_results'))?.content ?? 'skipped: true') ?? {}) as { skipped?: boolean }
  return skipped !== true
}
