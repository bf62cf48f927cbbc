/** Do the answers suffice for a specification? If not, and the budget allows, the person is asked a little more. */
import { EXAMPLE_QUESTION, Question, coverage, followUpBudget, slices } from '#plugins'

export default coverage({
  id: 'VERIFYING_INTERVIEW_COVERAGE',
  label: 'Checking the interview',
  domain: 'interview',
  artifact: 'interview',
  context: slices('ticket_details', 'interview').about('ticket_details', 'interview'),
  tools: 'disabled',
  passes: 'coverage.interviewPasses',
  audit: {
    role: 'You decide whether an interview gives enough to write a specification.',
    task: 'Name what the interview leaves open that a specification of the ticket needs.',
    steps: [
      'A question that the person skipped is answered: they leave it to us.',
      'Take only what would lead to building the wrong thing.',
      'For each gap that only the person can close, write one follow-up question; its id begins with CFU.',
    ],
  },
  fix: {
    by: 'ask',
    question: Question,
    example: EXAMPLE_QUESTION,
    artifact: 'interview_follow_ups',
    budget: followUpBudget,
  },
})
