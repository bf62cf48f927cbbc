/** Does the plan make the whole specification true? */
import { BeadsDraft, EXAMPLE_BEADS_DRAFT, coverage, slices } from '#plugins'

export default coverage({
  id: 'VERIFYING_BEADS_COVERAGE',
  label: 'Checking the plan',
  domain: 'beads',
  artifact: 'beads_draft',
  context: slices('prd', 'beads_draft').about('prd', 'beads_draft'),
  passes: 'coverage.beadsPasses',
  audit: {
    role: 'You hold a plan against the specification it is to fulfil.',
    task: 'Name every story or acceptance criterion that no bead fulfils and verifies, and every bead whose commands do not prove it.',
  },
  fix: {
    by: 'revise',
    list: 'beads',
    output: { schema: BeadsDraft, format: 'yaml', tag: 'BEADS', example: EXAMPLE_BEADS_DRAFT },
    prompt: {
      role: 'You mend a plan without rewriting it.',
      task: 'Close the gaps listed below in the plan.',
      steps: ['What a person says about the plan counts more than your own view.', 'Change nothing that no gap asks for.'],
    },
  },
})
