/** What a worktree needs of the person's checkout: looked at when it is planned, and again before it is copied. */
import { parse } from 'yaml'
import type { Json, PhaseRun, WorkspaceInput } from '../contract.ts'
import { GiveUp } from '../errors.ts'

const KIND = 'workspace_inputs'

/** Kept for the person who approves: what each holds now, as a fingerprint. Answers what cannot be used, in words. */
export async function keepInputs(phase: PhaseRun, name: string, paths: readonly string[]): Promise<readonly string[]> {
  const inputs = paths.length === 0 ? [] : await phase.workspace.inputs(name, paths)
  await phase.save(KIND, { inputs: inputs as unknown as Json })
  return inputs.flatMap(({ path, problem }) => (problem === null ? [] : [`${path}: ${problem}`]))
}

/** True when one is not what the person saw; what it is now is kept. One that cannot be used at all stops the phase. */
export async function inputsChanged(phase: PhaseRun, paths: readonly string[]): Promise<boolean> {
  if (paths.length === 0) return false
  const seen = (parse((await phase.read(KIND))?.content ?? '') ?? { inputs: [] }) as { inputs: readonly WorkspaceInput[] }
  const now = await phase.workspace.inputs('inputs', paths)
  const unusable = now.filter((input) => input.problem !== null)
  if (unusable.length > 0)
    throw new GiveUp(`what the set-up plan wants to copy cannot be used: ${unusable.map((i) => `${i.path}: ${i.problem}`).join('; ')}`, {
      hint: 'Put it where the plan says and Retry, or edit the set-up plan (looptroop edit).',
    })
  const changed = now.some((input) => {
    const before = seen.inputs.find((one) => one.path === input.path)
    // One that the person added to the plan was not looked at before: they know what it is.
    return before !== undefined && before.sha256 !== input.sha256
  })
  if (changed) await phase.save(KIND, { inputs: now as unknown as Json })
  return changed
}
