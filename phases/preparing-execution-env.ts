/** The approved set-up is carried out; that it holds is shown by the server's own probes, and by a tree without changes. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { SetupPlan, slices, work } from '#plugins'
import type { PhaseRun, Verification } from '#plugins'

const Result = v.object({
  status: v.picklist(['ready', 'blocked']),
  summary: v.pipe(v.string(), v.trim(), v.minLength(1)),
  tools: v.optional(v.array(v.object({ name: v.string(), status: v.string(), note: v.optional(v.string(), '') })), []),
})
type Result = v.InferOutput<typeof Result>
type Plan = v.InferOutput<typeof SetupPlan>

export default work<Result>({
  id: 'PREPARING_EXECUTION_ENV',
  label: 'Preparing the worktree',
  prompt: {
    role: 'You prepare a worktree for others, exactly as it was approved.',
    task: 'Carry out the approved set-up plan in this worktree.',
    steps: [
      'Do the steps in order; run the probes yourself and mend what fails, with at least two different approaches before you give up.',
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
  async verify(phase, { value, name }): Promise<Verification> {
    if (value.status === 'blocked') return { ok: false, feedback: `You reported blocked: ${value.summary}` }
    const { probes, receipts } = await probe(phase, name)
    const failed = receipts.find((r) => r.exitCode !== 0)
    if (failed) return { ok: false, feedback: `\`${failed.command}\` ended with ${failed.exitCode}:\n${failed.output.slice(-4_000)}` }
    const changed = await phase.workspace.changed(`${name}:changed`)
    if (changed.length > 0) return { ok: false, feedback: `The set-up changed what would be committed: ${changed.join(', ')}. Undo it.` }
    const plan = await planOf(phase)
    await phase.save('execution_setup_profile', {
      ...{ summary: value.summary, tools: value.tools, project_commands: plan.project_commands, probes },
      receipts: receipts.map(({ command, exitCode, durationMs }) => ({ command, exitCode, durationMs })),
    })
    return { ok: true }
  },
  finalise: () => Promise.resolve({}),
})

async function probe(
  phase: PhaseRun,
  name: string,
): Promise<{ probes: Plan['probes']; receipts: Awaited<ReturnType<PhaseRun['workspace']['exec']>>[] }> {
  const { probes } = await planOf(phase)
  const receipts = []
  for (const { id, command } of probes) receipts.push(await phase.workspace.exec(`${name}:${id}`, { command }))
  return { probes, receipts }
}

async function planOf(phase: PhaseRun): Promise<Plan> {
  return v.parse(SetupPlan, parse((await phase.read('execution_setup_plan'))?.content ?? ''))
}
