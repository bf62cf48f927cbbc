/** What a phase makes of the repository's own git hooks, by the policy of the project. */
import type { HookCheck, Json, PhaseRun } from '../contract.ts'
import type { Verification } from './work.ts'

/** Under `run` they hold for each work item: what they say goes back to the model. The message is LoopTroop's, so commit-msg is not asked. */
export async function hooksHold(phase: PhaseRun, name: string): Promise<Verification> {
  if (phase.settings['git.hooks'] !== 'run') return { ok: true }
  const check = await phase.workspace.hooks(name, { stage: 'commit' })
  return check.passed ? { ok: true } : { ok: false, feedback: hookFailure(check) ?? '' }
}

/** Whether a failing hook stops the change; under `report` it is only told. */
export const hooksStop = ({ passed, policy }: HookCheck): boolean => !passed && (policy === 'require' || policy === 'run')

/** In words; null when all passed. */
export function hookFailure({ ran }: HookCheck): string | null {
  const failed = ran.find((one) => one.exitCode !== 0)
  if (failed === undefined) return null
  const end = failed.timedOut ? 'ran into its time limit' : `ended with ${failed.exitCode}`
  return `The repository's git hook ${failed.hook} ${end}:\n${failed.output.slice(-4_000)}`
}

/** For a report: without the output of what passed. */
export const hookSummary = (check: HookCheck): Json => ({
  ...{ policy: check.policy, passed: check.passed, left: check.left, changed: check.changed },
  ran: check.ran.map(({ hook, exitCode, timedOut, durationMs }) => ({ hook, exitCode, timedOut, durationMs })),
  failure: hookFailure(check),
})
export const HOOKS_HINT = 'Mend what the hook says and Retry; or set git.hooks to report, then hooks are told but stop nothing.'
