/** A person approves the plan, or asks for changes; the comment goes into the next planning prompt. */
import { APPROVE, REQUEST_CHANGES, gate } from '#plugins'

export default gate({
  id: 'WAITING_BEADS_APPROVAL',
  label: 'Waiting for the plan to be approved',
  kind: 'list',
  title: 'Approve the plan',
  artifact: 'beads',
  actions: [APPROVE, REQUEST_CHANGES],
  async onDecision(phase, decision) {
    if (decision.action !== REQUEST_CHANGES.id) return
    const payload = decision.payload as { comment?: string } | null
    await phase.save('beads_feedback', payload?.comment ?? 'The plan was not approved; no reason was given.')
  },
})
