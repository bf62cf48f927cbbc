/** The person looks at the whole interview once more, and may correct it. */
import { APPROVE, EDIT, gate } from '#plugins'

export default gate({
  id: 'WAITING_INTERVIEW_APPROVAL',
  label: 'Waiting for the interview to be approved',
  kind: 'document',
  title: 'Approve the interview',
  artifact: 'interview',
  beside: ['interview_coverage', 'interview_council'],
  actions: [APPROVE, EDIT],
})
