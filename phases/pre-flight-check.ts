/** Everything that coding will need, before it needs it: the plan, the worktree, the model. What is only missing later is a warning. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { GiveUp, definePhase, graphProblems, promptAgain, slices, tell } from '#plugins'
import type { Json, PhaseRun } from '#plugins'

interface Check {
  readonly id: string
  readonly ok: boolean
  readonly severity: 'fail' | 'warn'
  readonly detail: string
}
const Plan = v.object({
  beads: v.pipe(v.array(v.object({ id: v.string(), blocked_by: v.optional(v.array(v.string()), []) })), v.minLength(1)),
})
const Probe = v.object({ answer: v.literal('OK') })

export default definePhase({
  id: 'PRE_FLIGHT_CHECK',
  label: 'Checking before the work begins',
  primitive: 'command',
  artifact: 'preflight_report',
  tools: 'read_only',
  prompt: { task: 'Show that you can be reached and answer in the required form.', steps: ['Use no tool. Answer OK.'] },
  context: slices('ticket_details'),
  output: { schema: Probe, format: 'json', tag: 'PROBE', example: { answer: 'OK' } } as never,
  async run(phase) {
    const checks: readonly Check[] = [
      ...(await planChecks(phase)),
      await treeCheck(phase),
      await forgeCheck(phase),
      await modelCheck(phase),
    ]
    const failed = checks.filter((check) => !check.ok && check.severity === 'fail')
    await phase.save('preflight_report', { passed: failed.length === 0, checks: checks as unknown as Json })
    await tell(
      phase,
      checks.flatMap(({ id, ok, detail, severity }) =>
        ok ? [] : [`${severity === 'fail' ? 'not ready' : 'a warning'}: ${id}: ${detail}`],
      ),
    )
    if (failed.length === 0) return phase.done()
    throw new GiveUp(failed.map((check) => `${check.id}: ${check.detail}`).join('; '), { hint: 'Mend what is named, then Retry.' })
  },
})

async function planChecks(phase: PhaseRun): Promise<readonly Check[]> {
  const read = v.safeParse(Plan, parse((await phase.read('beads'))?.content ?? ''))
  if (!read.success) return [{ id: 'plan', ok: false, severity: 'fail', detail: 'there is no plan with at least one bead' }]
  const problems = graphProblems(read.output.beads.map((b) => ({ id: b.id, blockedBy: b.blocked_by })))
  const files = await phase.read('relevant_files')
  return [
    { id: 'plan', ok: problems.length === 0, severity: 'fail', detail: problems.join('; ') || `${read.output.beads.length} beads` },
    { id: 'relevant_files', ok: files !== null, severity: 'warn', detail: files ? 'known' : 'nobody looked for them' },
  ]
}

async function treeCheck(phase: PhaseRun): Promise<Check> {
  const changed = await phase.workspace.changed('clean')
  return {
    id: 'worktree',
    ok: changed.length === 0,
    severity: 'fail',
    detail: changed.length === 0 ? 'clean' : `has changes: ${changed.join(', ')}`,
  }
}

async function forgeCheck(phase: PhaseRun): Promise<Check> {
  const { ok, reason = '' } = await phase.forge.available('forge')
  return {
    id: 'pull_requests',
    ok,
    severity: 'warn',
    detail: ok ? 'can be opened' : `cannot be opened: ${reason}; the ticket ends with a local branch`,
  }
}

async function modelCheck(phase: PhaseRun): Promise<Check> {
  const turned = await promptAgain(phase, 'probe', {})
  return { id: 'model', ok: turned.ok, severity: 'fail', detail: turned.ok ? 'answers' : turned.error.message }
}
