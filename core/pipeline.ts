/** Which phase is next: pure. The table a ticket runs is the one that was pinned when it started. */
import { END } from '#plugins/contract'
import type { PhasePlugin, Pipeline } from '#plugins/contract'
import { fail } from './errors.ts'
import type { Settings } from './settings.ts'
import type { PinnedPipeline } from './ticket.ts'

/** Phases and pipelines as they were loaded and checked. */
export interface Registry {
  readonly phases: ReadonlyMap<string, PhasePlugin>
  readonly pipelines: ReadonlyMap<string, Pipeline>
}

export type PinnedRow = PinnedPipeline['rows'][number]

export function pinPipeline(registry: Registry, name: string): PinnedPipeline {
  const pipeline = registry.pipelines.get(name)
  if (!pipeline) throw fail('PIPELINE_UNKNOWN', { pipeline: name, known: [...registry.pipelines.keys()].join(', '), field: 'pipeline' })
  const rows = pipeline.rows.map((row) => {
    const plugin = registry.phases.get(row.phase)
    if (!plugin) throw fail('PHASE_VERSION_GONE', { phase: row.phase, version: '?', loaded: 'none' })
    return { ...row, version: plugin.version, label: plugin.label }
  })
  return { name, rows }
}

export const rowOf = (pinned: PinnedPipeline, phase: string): PinnedRow => {
  const row = pinned.rows.find((r) => r.phase === phase)
  if (!row) throw fail('INTERNAL', { problem: `Phase ${phase} is not in the pinned table of ${pinned.name}.` })
  return row
}

/** The loaded plugin of a pinned row. An attempt that was begun in another version keeps it from running (`keepVersion`). */
export function pluginOf(registry: Registry, row: PinnedRow): PhasePlugin {
  const plugin = registry.phases.get(row.phase)
  if (!plugin) throw fail('PHASE_VERSION_GONE', { phase: row.phase, version: row.version, loaded: 'none' })
  return plugin
}

export const firstRow = (pinned: PinnedPipeline, settings: Settings): PinnedRow | null => firstOn(pinned.rows, settings)

/** The row after `phase` ended with `outcome`; null is the end. A row whose setting is off is skipped. */
export function nextRow(
  pinned: PinnedPipeline,
  at: { readonly phase: string; readonly outcome: string },
  settings: Settings,
): PinnedRow | null {
  const index = pinned.rows.findIndex((r) => r.phase === at.phase)
  const row = rowOf(pinned, at.phase)
  const target = row.next?.[at.outcome]
  if (target === END) return null
  if (target === undefined) return firstOn(pinned.rows.slice(index + 1), settings)
  const targetIndex = pinned.rows.findIndex((r) => r.phase === target)
  return firstOn(pinned.rows.slice(targetIndex), settings)
}

function firstOn(rows: readonly PinnedRow[], settings: Settings): PinnedRow | null {
  const on = (row: PinnedRow): boolean => !row.when || (settings as Readonly<Record<string, unknown>>)[row.when.setting] === true
  return rows.find(on) ?? null
}

/** True when a later row still needs the project's execution lease, so that it is kept between two such rows. */
export const stillExclusive = (next: PinnedRow | null): boolean => next?.exclusive === true
