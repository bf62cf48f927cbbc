/**
 * The pull request is out: a person merges or closes it here, or somebody does so at the forge, which is looked at meanwhile, less and
 * less often while nothing happens there. When the base branch has moved on since, what would be merged is not what was tested: the
 * ticket goes back, is proven again, and is shown again. Who merges at the forge has decided otherwise.
 */
import { GiveUp, definePhase, tell } from '#plugins'
import type { Form, Json, PhaseRun, Poll } from '#plugins'

const MERGE = 'merge'
const CLOSE = 'close'
const OUTDATED = 'outdated'
const POLL = { every: 30_000, most: 300_000 }
const FORM: Form = {
  kind: 'pull_request',
  title: 'Review the pull request',
  artifact: 'pull_request_report',
  beside: ['integration_report', 'candidate_files'],
  actions: [
    { id: MERGE, label: 'Merge it', approves: true },
    { id: CLOSE, label: 'Close it without merging' },
  ],
}

export default definePhase({
  id: 'WAITING_PR_REVIEW',
  label: 'Waiting for the review',
  primitive: 'gate',
  tools: 'disabled',
  outcomes: [MERGE, CLOSE, OUTDATED],
  async run(phase) {
    const { action, payload } = await phase.ask('decision', FORM, { ...POLL, look: () => seenElsewhere(phase) })
    const elsewhere = (payload as { elsewhere?: boolean } | null)?.elsewhere === true
    if (action === MERGE && !elsewhere && (await phase.workspace.update('base', { look: true })).moved)
      return phase.done(undefined, OUTDATED)
    const end = action === MERGE ? await merge(phase) : await phase.forge.close('close')
    await phase.save('merge_report', { ...end, elsewhere, ...(end.state === 'merged' ? await removed(phase) : {}) })
    return phase.done(undefined, end.state === 'merged' ? MERGE : CLOSE)
  },
})

async function seenElsewhere(phase: PhaseRun): ReturnType<Poll['look']> {
  const now = await phase.forge.look()
  if (now === null) return null
  if (now.state !== 'open') return { action: now.state === 'merged' ? MERGE : CLOSE, payload: { elsewhere: true } }
  return now.updatedAt === null ? null : { changedAt: now.updatedAt }
}

/** What cannot be removed stays and is told: the change is merged all the same. */
async function removed(phase: PhaseRun): Promise<{ readonly remote_branch?: Json }> {
  if (phase.settings['git.removeMergedBranch'] !== true) return {}
  const end = await phase.workspace.removePushed('remote-branch')
  const { branch } = phase.ticket
  await tell(phase, [end.end === 'kept' ? `${branch} stays at the remote: ${end.reason}` : `${branch} is removed at the remote`])
  return { remote_branch: end }
}

/** What was reviewed and nothing newer. */
async function merge(phase: PhaseRun): ReturnType<PhaseRun['forge']['merge']> {
  const head = await phase.workspace.head('head')
  const end = await phase.forge.merge('merge', { head })
  if (end.state === 'open')
    throw new GiveUp(`the pull request ${end.url} was not merged`, { hint: 'See at the forge why (checks, protection), then Retry.' })
  return end
}
