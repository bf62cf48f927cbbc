/** A person approves what will be installed and run, corrects it, or has it planned anew. */
import { APPROVE, EDIT, gate, keepComment } from '#plugins'

export default gate({
  id: 'WAITING_EXECUTION_SETUP_APPROVAL',
  label: 'Waiting for the set-up to be approved',
  kind: 'document',
  title: 'Approve the set-up',
  artifact: 'execution_setup_plan',
  beside: ['workspace_survey', 'workspace_inputs'],
  actions: [APPROVE, EDIT, { id: 'regenerate', label: 'Plan it anew' }],
  onDecision: keepComment('execution_setup_feedback'),
})
