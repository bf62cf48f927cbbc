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
  ...(check.message === undefined ? {} : { message: check.message }),
  ran: check.ran.map(({ hook, exitCode, timedOut, durationMs }) => ({ hook, exitCode, timedOut, durationMs })),
  failure: hookFailure(check),
})
export const HOOKS_HINT = 'Mend what the hook says and Retry; or set git.hooks to report, then hooks are told but stop nothing.'

export interface HookedChange {
  /** Why the change cannot go on as it is; null when it can. */
  readonly failure: string | null
  /** It failed on the message, which is LoopTroop's: no model can mend that. */
  readonly ownMessage: boolean
  readonly summary: Json
  /** The change, with what the hooks made of it where that counts. */
  readonly commit: string
}
interface Change {
  readonly message: string
  readonly base: string
  readonly commit: string
  /** Runs what proves the change; what failed, in words. */
  prove(): Promise<string | null>
}

/**
 * Over the one commit of a change. What a hook changes belongs to it where hooks have to pass, and is proven: files, and the words of the
 * message, to which LoopTroop adds its own trailers again. Elsewhere it is taken back.
 */
export async function hooksOverChange(phase: PhaseRun, change: Change): Promise<HookedChange> {
  const { message, base, commit } = change
  const check = await phase.workspace.hooks('hooks', { stage: 'commit', message, since: base })
  const kept = check.passed && check.policy !== 'report'
  if (check.changed.length > 0 && !kept) await phase.workspace.reset('hooks:reset', commit)
  const ownMessage = check.ran.some((one) => one.hook === 'commit-msg' && one.exitCode !== 0)
  const end = { failure: hooksStop(check) ? hookFailure(check) : null, ownMessage, summary: hookSummary(check), commit }
  if (!kept || (check.changed.length === 0 && check.message === undefined)) return end
  if (check.changed.length > 0) {
    const failure = await change.prove()
    if (failure !== null) return { ...end, failure: `The git hooks changed ${check.changed.join(', ')}. ${failure}` }
    await phase.workspace.commit('hooks:commit', { message: 'What the git hooks changed', paths: check.changed })
  }
  return { ...end, commit: (await phase.workspace.squash('hooks:squash', { message: check.message ?? message })).commit }
}
