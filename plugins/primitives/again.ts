/** Asking on when OpenCode was lost in the middle of an answer. */
import type { FailureKind, PhaseRun, PromptOptions, Turned } from '../contract.ts'

/** OpenCode died, or lost the session: neither the model nor the work is to blame. */
export const CUT_OFF: readonly FailureKind[] = ['interrupted', 'lost', 'not_started']
const MAX_AGAIN = 5

/**
 * As `phase.prompt`; one that was cut off is asked again in a fresh session, up to a bound. So what the same attempt has
 * already (other members' drafts, earlier audits, a person's answers) is neither lost nor asked for twice. Not for prompts
 * that write: what the lost one left in the worktree would have to be taken back first.
 */
export async function promptAgain<T>(phase: Pick<PhaseRun, 'prompt'>, name: string, options: PromptOptions<T>): Promise<Turned<T>> {
  let turned = await phase.prompt<T>(name, options)
  for (let n = 1; n <= MAX_AGAIN && !turned.ok && CUT_OFF.includes(turned.error.kind); n += 1) {
    const slot = { ...options.slot, step: `${options.slot?.step ?? name}:again${n}` }
    turned = await phase.prompt<T>(`${name}:again${n}`, { ...options, slot })
  }
  return turned
}
