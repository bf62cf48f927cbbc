/** The plan: small work items (beads) with dependencies, acceptance criteria and the commands that prove them. */
import * as v from 'valibot'
import { graphProblems, prompt, slices } from '#plugins'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Texts = v.pipe(v.array(Text), v.minLength(1))
const Bead = v.object({
  id: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,40}$/, 'must be lower-case words joined by dashes')),
  title: Text,
  description: Text,
  acceptance_criteria: Texts,
  target_files: v.optional(v.array(Text), []),
  tests: v.optional(v.array(Text), []),
  test_commands: Texts,
  blocked_by: v.optional(v.array(v.string()), []),
})
const Plan = v.object({
  beads: v.pipe(
    v.array(Bead),
    v.minLength(1),
    v.maxLength(20),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return
      const graph = dataset.value.map((bead) => ({ id: bead.id, blockedBy: bead.blocked_by }))
      for (const message of graphProblems(graph)) addIssue({ message })
    }),
  ),
})
export type Plan = v.InferOutput<typeof Plan>

export default prompt<Plan>({
  id: 'PLANNING_BEADS',
  label: 'Planning the work',
  artifact: 'beads',
  prompt: {
    role: 'You are a senior engineer who plans small, verifiable steps for a colleague who sees one step at a time.',
    task: 'Break the ticket into beads: work items that are each done in one sitting, verified by commands, and committed alone.',
    steps: [
      'Use as few beads as the work needs; one is fine for a small ticket.',
      'Give each bead acceptance criteria and the exact commands that prove it (run from the top of the repository, ending by themselves).',
      'Name in `blocked_by` the beads that must be done first. No cycles.',
      'When earlier feedback is shown, follow it.',
    ],
  },
  context: slices('ticket_details', 'relevant_files', 'beads_feedback').about('ticket_details', 'beads_feedback'),
  tools: 'read_only',
  output: {
    schema: Plan,
    format: 'yaml',
    tag: 'BEADS',
    example: {
      beads: [
        {
          id: 'first-step',
          title: 'A short title',
          description: 'What is to be done and why.',
          acceptance_criteria: ['What must hold afterwards.'],
          target_files: ['src/example.ts'],
          tests: ['What the tests check.'],
          test_commands: ['true'],
          blocked_by: [],
        },
      ],
    },
    aliases: {
      acceptance_criteria: ['acceptanceCriteria'],
      test_commands: ['testCommands'],
      target_files: ['targetFiles'],
      blocked_by: ['blockedBy', 'dependencies'],
    },
  },
})
