/** What has to be prepared in a fresh worktree before anything can be built and tested there. The server says what it sees itself. */
import type * as v from 'valibot'
import { EXAMPLE_SETUP_PLAN, PromptFailed, SetupPlan, definePhase, keepInputs, slices } from '#plugins'

type Plan = v.InferOutput<typeof SetupPlan>
const inputsOf = (plan: Plan): readonly string[] => plan.workspace_inputs.map(({ path }) => path)

export default definePhase<Plan>({
  id: 'PLANNING_EXECUTION_SETUP',
  label: 'Planning the set-up',
  primitive: 'prompt',
  artifact: 'execution_setup_plan',
  prompt: {
    role: 'You know how projects of all kinds are built, and how to find out from their files.',
    task: 'Plan how this fresh worktree becomes one in which the commands of the plan run. It is a clean checkout: what git ignores is not there.',
    steps: [
      'Look at manifests, lock files, scripts and the documentation with your reading tools. The survey says which tools are here, and what only the checkout of the person has.',
      'Name only steps that are needed; none is fine.',
      "Install only inside the worktree or where the project's own tools put things; nothing for the whole system.",
      'Name in `workspace_inputs` only what cannot be made from the repository, such as a local configuration file; it is copied, and must be ignored by git.',
      'Name in `environment` folders that belong on the PATH and variables without which the commands do not run; no secrets.',
      'Name probes: commands that show that the project really works, not only that a tool has a version.',
      'Name the commands that the project itself uses for all its tests, lint and types; `prepare` are those to run again when a lock file changes.',
      'When there is a comment of a person, follow it.',
    ],
  },
  context: slices(
    ...['ticket_details', 'relevant_files', 'prd', 'beads', 'workspace_survey', 'execution_setup_plan', 'execution_setup_feedback'],
  ).about('ticket_details', 'execution_setup_feedback'),
  tools: 'read_only',
  output: { schema: SetupPlan, format: 'yaml', tag: 'EXECUTION_SETUP_PLAN', example: EXAMPLE_SETUP_PLAN },
  async run(phase) {
    await phase.save('workspace_survey', await phase.workspace.survey('survey'))
    const turned = await phase.prompt('answer', { keep: true })
    if (!turned.ok) throw new PromptFailed(turned)
    const problems = await keepInputs(phase, 'inputs', inputsOf(turned.value))
    if (problems.length === 0) return phase.done(turned.value)
    const text = `These inputs cannot be used:\n\n${problems.join('\n')}\n\nPlan without them, or name others, and answer with the whole plan again.`
    const again = await phase.prompt('inputs:again', { text, context: () => [] })
    const plan = again.ok ? again.value : turned.value
    // What is still wrong is shown at the gate.
    await keepInputs(phase, 'inputs:again:look', inputsOf(plan))
    return phase.done(plan)
  },
})
