/** A kernel whose pipeline `probe` is made of phases of the spec's own. */
import type { Json, Outcome, PhasePlugin, PhaseRun, Pipeline, PipelineRow } from '../../plugins/contract.ts'
import { definePhase } from '../../plugins/define.ts'
import type { PhaseDefinition } from '../../plugins/define.ts'
import { startWorld } from '../helpers/world.ts'
import type { World, WorldOptions } from '../helpers/world.ts'

type Run = (phase: PhaseRun<Json>) => Promise<Outcome<Json>>

/** One attempt, no model, unless told otherwise. */
export const probing = (run: Run, given: Partial<PhaseDefinition<Json>> = {}): PhasePlugin =>
  definePhase({ id: 'PROBING', label: 'Probing', retry: { attempts: 1, delay: 0 }, ...given, run })

export const probe = (plugins: readonly PhasePlugin[], row: Partial<PipelineRow> = {}): Pipeline => ({
  name: 'probe',
  label: 'Probe',
  rows: plugins.map((plugin) => ({ phase: plugin.id, group: 'probe', ...row })),
})

export const probeWorld = (plugin: PhasePlugin, options: WorldOptions = {}, row: Partial<PipelineRow> = {}): Promise<World> =>
  startWorld({ ...options, phases: [plugin], pipelines: [probe([plugin], row)] })
