/** One commit on the base branch's side: what a person reviews. */
import { GiveUp, command } from '#plugins'

export default command({
  id: 'INTEGRATING_CHANGES',
  label: 'Putting the change into one commit',
  artifact: 'integration_report',
  outcomes: ['done'],
  async run(phase) {
    const { ticket } = phase
    const changed = await phase.workspace.changed('changed', ticket.baseCommit)
    if (changed.length === 0) throw new GiveUp(`${ticket.id} changed nothing`, { hint: 'Retry CODING with a note, or cancel the ticket.' })
    const before = await phase.workspace.head('before')
    const { commit, base, commits } = await phase.workspace.squash('squash', { message: `${ticket.id}: ${ticket.title}` })
    const { stat } = await phase.workspace.diff('diff', { from: base, to: commit, maxChars: 20_000 })
    return phase.done({ branch: ticket.branch, commit, base, before, commits, files: changed, stat })
  },
})
