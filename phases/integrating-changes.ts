/** One commit on the base branch's side: what a person reviews. */
import { command } from '#plugins'

export default command({
  id: 'INTEGRATING_CHANGES',
  label: 'Putting the change into one commit',
  artifact: 'integration_report',
  outcomes: ['done'],
  async run(phase) {
    const { ticket } = phase
    const changed = await phase.workspace.changed('changed', ticket.baseCommit)
    // Every bead was verified and none needed a change: said in the report, not an error.
    if (changed.length === 0)
      return phase.done({ branch: ticket.branch, commit: null, base: ticket.baseCommit, files: [], stat: 'nothing changed' })
    const before = await phase.workspace.head('before')
    const { commit, base, commits } = await phase.workspace.squash('squash', { message: `${ticket.id}: ${ticket.title}` })
    const { stat } = await phase.workspace.diff('diff', { from: base, to: commit, maxChars: 20_000 })
    return phase.done({ branch: ticket.branch, commit, base, before, commits, files: changed, stat })
  },
})
