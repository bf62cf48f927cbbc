/**
 * One commit on the base branch's side: what a person reviews. When the base moved on while the ticket was under way, it is
 * merged first and what proved the change is run again; what fails then goes back to the final test.
 */
import { parse } from 'yaml'
import { GiveUp, command } from '#plugins'
import type { PhaseRun } from '#plugins'

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
    const { moved, conflicts } = await phase.workspace.update('base')
    if (conflicts.length > 0)
      throw new GiveUp(`${ticket.baseBranch} moved on, and both sides changed ${conflicts.join(', ')}`, {
        hint: `Merge ${ticket.baseBranch} into ${ticket.branch} by hand, then Retry.`,
      })
    const failure = moved ? await provedAgain(phase) : null
    if (failure !== null) {
      const round = await roundOf(phase)
      await phase.save('final_test_round', { round: round + 1, reason: `${ticket.baseBranch} moved on. With it merged, ${failure}` })
      return phase.done(undefined, REVERIFY)
    }
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

const roundOf = async (phase: PhaseRun): Promise<number> =>
  (parse((await phase.read('final_test_round'))?.content ?? '') as { round?: number } | null)?.round ?? 1
