/** A built-in phase by its id, as the pipeline table knows it. */
import { phases } from '../../phases/index.ts'
import type { PhasePlugin } from '../../plugins/contract.ts'

export function phaseNamed(id: string): PhasePlugin {
  const found = phases.find((phase) => phase.id === id)
  if (!found) throw new Error(`no phase ${id}`)
  return found
}
