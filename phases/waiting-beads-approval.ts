/** A person approves the plan, corrects it, or asks for changes; the comment goes into the next planning. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { APPROVE, BeadsDraft, EDIT, REQUEST_CHANGES, gate } from '#plugins'
import type { Decision, PhaseRun } from '#plugins'

const NO_REASON = 'The plan was not approved; no reason was given.'

export default gate({
  id: 'WAITING_BEADS_APPROVAL',
  label: 'Waiting for the plan to be approved',
  kind: 'list',
  title: 'Approve the plan',
  artifact: 'beads',
  beside: ['beads_draft_coverage', 'beads_council'],
  actions: [APPROVE, EDIT, REQUEST_CHANGES],
  gaps: 'beads_draft_coverage',
  onEdit: keepInDraft,
  async onDecision(phase, decision) {
    if (decision.action !== REQUEST_CHANGES.id) return
    const payload = decision.payload as { comment?: string } | null
    const comment = payload?.comment ?? NO_REASON
    await phase.save('beads_feedback', comment)
    await phase.save('beads_draft_feedback', comment)
  },
})

/** Where the plan was completed from a draft, a person's edit is of the draft too: closing gaps begins from there. */
async function keepInDraft(phase: PhaseRun<Decision>, content: string): Promise<void> {
  if ((await phase.read('beads_draft')) === null) return
  const draft = v.safeParse(BeadsDraft, parse(content))
  if (draft.success) await phase.save('beads_draft', draft.output)
}
