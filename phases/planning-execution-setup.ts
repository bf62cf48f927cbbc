/** What has to be prepared in a fresh worktree before anything can be built and tested there. */
import type * as v from 'valibot'
import { EXAMPLE_SETUP_PLAN, SetupPlan, prompt, slices } from '#plugins'

export default prompt<v.InferOutput<typeof SetupPlan>>({
  id: 'PLANNING_EXECUTION_SETUP',
  label: 'Planning the set-up',
  artifact: 'execution_setup_plan',
  prompt: {
    role: 'You know how projects of all kinds are built, and how to find out from their files.',
    task: 'Plan how this fresh worktree becomes one in which the commands of the plan run. It is a clean checkout: what git ignores is not there.',
    steps: [
      'Look at manifests, lock files, scripts and the documentation with your reading tools.',
      'Name only steps that are needed; none is fine.',
      "Install only inside the worktree or where the project's own tools put things; nothing for the whole system.",
      'Name probes: commands that show that the project really works, not only that a tool has a version.',
      'Name the commands that the project itself uses for all its tests, lint and types.',
      'When there is a comment of a person, follow it.',
    ],
  },
  context: slices('ticket_details', 'relevant_files', 'prd', 'beads', 'execution_setup_plan', 'execution_setup_feedback').about(
    'ticket_details',
    'execution_setup_feedback',
  ),
  tools: 'read_only',
  output: { schema: SetupPlan, format: 'yaml', tag: 'EXECUTION_SETUP_PLAN', example: EXAMPLE_SETUP_PLAN },
})
