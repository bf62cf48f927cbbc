/** The worktree goes, the branch stays. What cannot be cleaned is said; the ticket completes all the same. */
import { command } from '#plugins'

export default command({
  id: 'CLEANING_ENV',
  label: 'Cleaning up',
  artifact: 'cleanup_report',
  outcomes: ['done'],
  async run(phase) {
    await phase.workspace.remove('worktree')
    return phase.done({ removed: ['worktree'], kept: [phase.ticket.branch] })
  },
})
