/** The approved set-up is carried out; that it holds is shown by the server's own probes, and by a tree without changes. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { SetupPlan, commandFailure, hookFailure, hooksStop, inEnvironment, inputsChanged, slices, work } from '#plugins'
import type { ExecResult, PhasePlugin, PhaseRun, Verification } from '#plugins'

const Result = v.object({
  status: v.picklist(['ready', 'blocked']),
  summary: v.pipe(v.string(), v.trim(), v.minLength(1)),
  tools: v.optional(v.array(v.object({ name: v.string(), status: v.string(), note: v.optional(v.string(), '') })), []),
})
type Result = v.InferOutput<typeof Result>
type Plan = v.InferOutput<typeof SetupPlan>
const EVIDENCE_CHANGED = 'evidence_changed'

const preparing = work<Result>({
  id: 'PREPARING_EXECUTION_ENV',
  label: 'Preparing the worktree',
  prompt: {
    role: 'You prepare a worktree for others, exactly as it was approved.',
    task: 'Carry out the approved set-up plan in this worktree.',
    steps: [
      'The inputs of the plan are copied already. Do the steps in order; run the probes yourself and mend what fails, with at least two different approaches before you give up.',
      'Change no file that git tracks and leave no new file that git does not ignore.',
      'Report `ready` when the probes pass, or `blocked` with what is missing.',
    ],
  },
  context: slices('ticket_details', 'beads', 'execution_setup_plan', 'bead_notes').about('ticket_details', 'execution_setup_plan'),
  tools: 'online',
  output: {
    schema: Result,
    format: 'json',
    tag: 'EXECUTION_SETUP_RESULT',
    example: { status: 'ready', summary: 'What was done.', tools: [] },
  },
  async items(phase) {
    const data = { plan: (await phase.read('execution_setup_plan'))?.sha256 ?? null }
    return [{ id: '@set-up', title: `Set-up of ${phase.ticket.id}`, priority: 1, blockedBy: [], data }]
  },
  async prepare(phase, { name }) {
    const paths = (await planOf(phase)).workspace_inputs.map(({ path }) => path)
    if (paths.length > 0) await phase.workspace.inputs(`${name}:inputs`, paths, { bring: true })
  },
  async verify(phase, { value, name }): Promise<Verification> {
    if (value.status === 'blocked') return { ok: false, feedback: `You reported blocked: ${value.summary}` }
    const plan = await planOf(phase)
    const receipts = await probe(phase, plan, name)
    const failure = commandFailure(receipts) ?? (await hooksRun(phase, name))
    if (failure !== null) return { ok: false, feedback: failure }
    const changed = await phase.workspace.changed(`${name}:changed`)
    if (changed.length > 0) return { ok: false, feedback: `The set-up changed what would be committed: ${changed.join(', ')}. Undo it.` }
    const { lock_files } = await phase.workspace.survey(`${name}:survey`)
    await phase.save('execution_setup_profile', {
      ...{ summary: value.summary, tools: value.tools, environment: plan.environment, project_commands: plan.project_commands },
      ...{ probes: plan.probes, inputs: plan.workspace_inputs, lock_files: lock_files.map(({ path }) => path) },
      receipts: receipts.map(({ command, exitCode, durationMs }) => ({ command, exitCode, durationMs })),
    })
    return { ok: true }
  },
  finalise: () => Promise.resolve({}),
})

/** What is copied must be what the person saw when they approved it. */
export default {
  ...preparing,
  outcomes: ['done', 'exhausted', EVIDENCE_CHANGED],
  async run(phase) {
    const { workspace_inputs: inputs } = await planOf(phase)
    if (
      await inputsChanged(
        phase,
        inputs.map(({ path }) => path),
      )
    )
      return phase.done(undefined, EVIDENCE_CHANGED)
    return preparing.run?.(phase) ?? phase.default()
  },
} satisfies PhasePlugin<Result>

/** In the environment of the plan, beginning with nothing at all: it has to hold by itself. */
async function probe(phase: PhaseRun, { probes, environment }: Plan, name: string): Promise<readonly ExecResult[]> {
  const receipts: ExecResult[] = []
  for (const { id, command } of [{ id: 'environment', command: 'true' }, ...probes]) {
    const result = await phase.workspace.exec(`${name}:${id}`, { command: inEnvironment(environment, command) })
    receipts.push({ ...result, command })
    if (result.exitCode !== 0) break
  }
  return receipts
}

/** Where the project's git hooks have to pass, they have to run here: an empty change is theirs to let through. */
async function hooksRun(phase: PhaseRun, name: string): Promise<string | null> {
  const policy = phase.settings['git.hooks']
  if (policy !== 'require' && policy !== 'run') return null
  const check = await phase.workspace.hooks(`${name}:hooks`, { stage: 'commit' })
  if (check.ran.length === 0 && check.left.length > 0) return `Git hooks have to run here: ${check.left.map(({ why }) => why).join('; ')}.`
  return hooksStop(check) ? hookFailure(check) : null
}

async function planOf(phase: PhaseRun): Promise<Plan> {
  return v.parse(SetupPlan, parse((await phase.read('execution_setup_plan'))?.content ?? ''))
}
