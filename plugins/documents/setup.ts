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
const Inside = v.pipe(
  Text,
  v.check((p) => !p.startsWith('/') && !p.split('/').includes('..'), 'must be a path inside the repository'),
)
const Environment = v.object({
  /** Folders of the worktree that go first on the PATH. */
  path: v.optional(v.array(Inside), []),
  variables: v.optional(v.record(v.pipe(v.string(), v.regex(/^[A-Za-z_]\w*$/, 'must be a name of letters, digits and _')), v.string()), {}),
})
export type Environment = v.InferOutput<typeof Environment>

/** Says that a tool is there, not that the project works. */
const TALKS = /^\s*(true|:|echo\b.*|which\b.*|command -v\b.*|type\b.*|(test|\[) -[a-z]\b.*|\S+ (--?version|-[vV]|version|--?help)\s*)$/

export const SetupPlan = v.pipe(
  v.object({
    summary: Text,
    readiness: v.object({ status: v.picklist(['ready', 'partial', 'missing']), evidence: Texts, gaps: Texts }),
    /** What only the person's checkout has and the worktree needs. It is copied. */
    workspace_inputs: v.optional(v.array(v.object({ path: Inside, reason: v.optional(v.string(), '') })), []),
    steps: v.optional(v.array(Step), []),
    environment: v.optional(Environment, { path: [], variables: {} }),
    /** Commands that show that the project really works there; the server runs them. */
    probes: v.optional(v.array(Probe), []),
    project_commands: v.object({ prepare: Texts, test_full: Texts, lint_full: Texts, typecheck_full: Texts }),
    cautions: Texts,
  }),
  v.check(
    ({ probes, project_commands: c }) =>
      [...c.test_full, ...c.lint_full, ...c.typecheck_full].length === 0 || probes.some((probe) => !TALKS.test(probe.command)),
    'probes must hold at least one command that uses the project (builds, imports or tests something), not only one that shows a version',
  ),
)
export type SetupPlan = v.InferOutput<typeof SetupPlan>

export const EXAMPLE_SETUP_PLAN: SetupPlan = {
  summary: 'What has to be done so that the project can be built and tested here.',
  readiness: { status: 'ready', evidence: ['What shows it.'], gaps: [] },
  workspace_inputs: [],
  steps: [],
  environment: { path: [], variables: {} },
  probes: [{ id: 'works', command: 'true', purpose: 'Shows that the tools run.' }],
  project_commands: { prepare: [], test_full: [], lint_full: [], typecheck_full: [] },
  cautions: [],
}
