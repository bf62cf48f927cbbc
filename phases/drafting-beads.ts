/** The plan, by the council: small work items that together make the specification true. */
import type * as v from 'valibot'
import { BeadsDraft, EXAMPLE_BEADS_DRAFT, council, slices } from '#plugins'

export default council<v.InferOutput<typeof BeadsDraft>>({
  id: 'DRAFTING_BEADS',
  label: 'Planning the work',
  domain: 'beads',
  artifact: 'beads_draft',
  list: 'beads',
  prompt: {
    role: 'You are a senior engineer who plans small, verifiable steps for a colleague who sees one step at a time.',
    task: 'Break the specification into beads: work items that are each done in one sitting, verified by commands, and committed alone.',
    steps: [
      'Look at the repository with your reading tools: name the patterns to follow and what to avoid.',
      'Cover every user story and every acceptance criterion; name in `prd_refs` the stories that a bead serves.',
      'Give each bead the tests that it adds and the exact commands that prove it (run from the top of the repository, ending by themselves).',
      'Order them so that each builds only on earlier ones. As few as the work needs.',
    ],
  },
  context: slices('relevant_files', 'ticket_details', 'prd').about('ticket_details', 'prd'),
  output: {
    schema: BeadsDraft,
    format: 'yaml',
    tag: 'BEADS',
    example: EXAMPLE_BEADS_DRAFT,
    aliases: {
      acceptance_criteria: ['acceptanceCriteria'],
      test_commands: ['testCommands'],
      prd_refs: ['prdRefs'],
      context_guidance: ['contextGuidance'],
    },
  },
  rubric: [
    { id: 'coverage', question: 'Is every story and criterion served by a bead that verifies it?' },
    { id: 'soundness', question: 'Is it technically sound, and do the commands run?' },
    { id: 'tests', question: 'Are the tests of each bead targeted and independent?' },
    { id: 'granularity', question: 'Are the beads small and independent, in a sensible order?' },
    { id: 'guidance', question: 'Does the guidance name failure modes and what to avoid?' },
  ],
})
