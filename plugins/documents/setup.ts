/** How the ticket's worktree becomes one that the project's own commands run in: the plan, and what came of it. */
import * as v from 'valibot'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Texts = v.optional(v.array(Text), [])
const Step = v.object({
  id: Text,
  title: Text,
  commands: Texts,
  required: v.optional(v.boolean(), true),
  rationale: v.optional(v.string(), ''),
})
const Probe = v.object({ id: Text, command: Text, purpose: v.optional(v.string(), '') })

export const SetupPlan = v.object({
  summary: Text,
  readiness: v.object({ status: v.picklist(['ready', 'partial', 'missing']), evidence: Texts, gaps: Texts }),
  steps: v.optional(v.array(Step), []),
  /** Commands that show that the project really works there; the server runs them. */
  probes: v.optional(v.array(Probe), []),
  project_commands: v.object({ prepare: Texts, test_full: Texts, lint_full: Texts, typecheck_full: Texts }),
  cautions: Texts,
})
export type SetupPlan = v.InferOutput<typeof SetupPlan>

export const EXAMPLE_SETUP_PLAN: SetupPlan = {
  summary: 'What has to be done so that the project can be built and tested here.',
  readiness: { status: 'ready', evidence: ['What shows it.'], gaps: [] },
  steps: [],
  probes: [{ id: 'works', command: 'true', purpose: 'Shows that the tools run.' }],
  project_commands: { prepare: [], test_full: [], lint_full: [], typecheck_full: [] },
  cautions: [],
}
