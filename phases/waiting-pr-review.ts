/** The pull request is out: a person merges or closes it here, or somebody does so at the forge, which is looked at meanwhile. */
import { GiveUp, definePhase } from '#plugins'
import type { Decision, Form, PhaseRun } from '#plugins'

const MERGE = 'merge'
const CLOSE = 'close'
const EVERY_MS = 60_000
const FORM: Form = {
  kind: 'pull_request',
  title: 'Review the pull request',
  artifact: 'pull_request_report',
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
  outcomes: [MERGE, CLOSE],
  async run(phase) {
    const { action, payload } = await phase.ask('decision', FORM, { every: EVERY_MS, look: () => decidedElsewhere(phase) })
    const elsewhere = (payload as { elsewhere?: boolean } | null)?.elsewhere === true
    const end = action === MERGE ? await merge(phase) : await phase.forge.close('close')
    await phase.save('merge_report', { ...end, elsewhere })
    return phase.done(undefined, end.state === 'merged' ? MERGE : CLOSE)
  },
})

async function decidedElsewhere(phase: PhaseRun): Promise<Decision | null> {
  const now = await phase.forge.look()
  if (now === null || now.state === 'open') return null
  return { action: now.state === 'merged' ? MERGE : CLOSE, payload: { elsewhere: true } }
}

/** What was reviewed and nothing newer. */
async function merge(phase: PhaseRun): ReturnType<PhaseRun['forge']['merge']> {
  const head = await phase.workspace.head('head')
  const end = await phase.forge.merge('merge', { head })
  if (end.state === 'open')
    throw new GiveUp(`the pull request ${end.url} was not merged`, { hint: 'See at the forge why (checks, protection), then Retry.' })
  return end
}
