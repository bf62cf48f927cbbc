/** How a prompt ends: what is recorded of it, and what must hold before. */
import type { ToolPolicy, Turned } from '#plugins/contract'
import { fail } from '../errors.ts'
import { recordFailure } from '../failure.ts'
import { toJson } from '../json.ts'
import type { Slot, TurnRecord } from '../store/records.ts'
import type { PromptEnd } from '../store/store.ts'
import { deniedTools, rulesFor } from '../tools.ts'
import type { NextTurn } from '../turns/next-turn.ts'
import type { Asked } from './asked.ts'
import type { RunContext } from './run-context.ts'

export type End<T> = Extract<NextTurn<T>, { do: 'value' | 'fail' }>
export interface Ended<T> {
  readonly turned: Turned<T>
  readonly record: PromptEnd
}

export function endedBy<T>(asked: Asked<T>, end: End<T>): Ended<T> {
  const turned: Turned<T> =
    end.do === 'value' ? { ok: true, value: end.value } : { ok: false, why: end.why, error: recordFailure(end.failure) }
  const repairs = end.do === 'value' ? end.repairs : []
  return { turned, record: { name: asked.name, result: toJson(turned), session: sessionEnd(asked, end), repairs } }
}

/** Success ends the session unless it is kept; a failure that Continue may mend keeps it; any other gives it up. */
function sessionEnd<T>({ slot, keep }: Asked<T>, end: End<T>): { slot: Slot; state: 'ended' | 'abandoned'; reason: string } | null {
  if (end.do === 'value') return keep ? null : { slot, state: 'ended', reason: 'answered' }
  return end.failure.continuable ? null : { slot, state: 'abandoned', reason: end.failure.kind }
}

/** The policy is enforced by OpenCode's rules; this is the proof afterwards. */
export function assertPolicy<T>(run: RunContext, asked: Asked<T>, turn: TurnRecord): void {
  const denied = toolsViolated(asked, turn)
  if (denied.length > 0) throw fail('TOOLS_VIOLATED', { phase: run.journal.at.phase, tools: denied.join(', ') })
}

export const toolsViolated = <T>({ tools, questions }: Asked<T>, turn: TurnRecord): readonly string[] =>
  deniedTools(rulesFor(tools, { questions }), turn.settlement?.tools ?? [])

export const touchesNothing = (tools: ToolPolicy): boolean => tools === 'read_only' || tools === 'disabled'

export const treeBefore = <T>(run: RunContext, asked: Asked<T>): Promise<string | null> =>
  touchesNothing(asked.tools)
    ? run.journal.record({ name: `${asked.name}:tree`, verb: 'tree', input: null, effect: () => run.workspace.treeState() })
    : Promise.resolve(null)

export async function assertUntouched<T>(run: RunContext, asked: Asked<T>, before: string | null): Promise<void> {
  const paths = await putBack(run, before)
  if (paths !== null) throw fail('READ_ONLY_VIOLATED', { phase: run.journal.at.phase, paths: `${paths} (prompt ${asked.name})` })
}

/** The tree as it was; what was changed in it, null when nothing was. Also when the prompt fails: who must not write leaves no trace. */
export async function putBack({ workspace }: RunContext, before: string | null): Promise<string | null> {
  // One that was recorded by an older version names no branch.
  if (before === null || `${await workspace.treeState()}:`.startsWith(`${before}:`)) return null
  const changed = await workspace.changed(before.split(':')[0])
  await workspace.restore(before)
  return changed.join(', ') || 'the branch'
}
