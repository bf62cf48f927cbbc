/** A person approves the specification, corrects it, has its gaps closed, or says what is to be changed. */
import { APPROVE, EDIT, REQUEST_CHANGES, gate, keepComment } from '#plugins'

export default gate({
  id: 'WAITING_PRD_APPROVAL',
  label: 'Waiting for the specification to be approved',
  kind: 'document',
  title: 'Approve the specification',
  artifact: 'prd',
  beside: ['prd_coverage', 'full_answers', 'prd_council'],
  actions: [APPROVE, EDIT, REQUEST_CHANGES],
  gaps: 'prd_coverage',
  onDecision: keepComment('prd_feedback'),
})
