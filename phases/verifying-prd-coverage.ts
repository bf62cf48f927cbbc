/** Does the specification hold all that the interview says? What is missing is written in; what cannot be is shown at the gate. */
import { EXAMPLE_PRD, Prd, coverage, slices } from '#plugins'

export default coverage({
  id: 'VERIFYING_PRD_COVERAGE',
  label: 'Checking the specification',
  domain: 'prd',
  artifact: 'prd',
  context: slices('ticket_details', 'interview', 'full_answers', 'prd').about('ticket_details', 'prd'),
  passes: 'coverage.prdPasses',
  audit: {
    role: 'You hold a specification against what was agreed, word by word.',
    task: 'Name what the ticket and the interview ask for and the specification does not have, or has wrongly.',
    steps: ['An answer that was skipped counts as `full_answers` has it.', 'A matter of taste is no gap.'],
  },
  fix: {
    by: 'revise',
    list: 'epics',
    output: { schema: Prd, format: 'yaml', tag: 'PRD', example: EXAMPLE_PRD },
    prompt: {
      role: 'You mend a specification without rewriting it.',
      task: 'Close the gaps listed below in the specification.',
      steps: ['What a person says about the document counts more than your own view.', 'Change nothing that no gap asks for.'],
    },
  },
})
