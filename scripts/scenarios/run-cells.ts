/** Several cells at once: each lane has an OpenCode of its own and takes the next cell when it is done with one. */
import { openLane } from './lane.ts'
import { playUnharmed, runCell } from './run-cell.ts'
import type { CellOptions, CellResult } from './run-cell.ts'
import type { Cell } from './table.ts'

/** How long OpenCode stands still. */
export const FAST_STOP_MS = 3_000
export const FULL_STOP_MS = 60_000

export interface RunOptions extends CellOptions {
  readonly lanes: number
  readonly onResult?: (result: CellResult) => void
}

export async function runCells(cells: readonly Cell[], { lanes, onResult, ...options }: RunOptions): Promise<readonly CellResult[]> {
  const waiting = [...cells]
  const results: CellResult[] = []
  const work = async (): Promise<void> => {
    await using lane = await openLane()
    const unharmed = cells.some(({ place }) => place !== null) ? { unharmed: await playUnharmed(lane) } : {}
    for (let cell = waiting.shift(); cell !== undefined; cell = waiting.shift()) {
      const result = await runCell(lane, cell, { ...options, ...unharmed })
      results.push(result)
      onResult?.(result)
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, cells.length) }, work))
  return results
}
