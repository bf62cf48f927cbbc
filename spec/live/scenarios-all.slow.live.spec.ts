/** The whole scenario table, with an OpenCode that is stopped for a minute. */
import * as assert from 'uvu/assert'
import type { CellResult } from '../../scripts/scenarios/run-cell.ts'
import { FULL_STOP_MS, runCells } from '../../scripts/scenarios/run-cells.ts'
import { cellName, promisedText, TABLE } from '../../scripts/scenarios/table.ts'
import { describe } from '../helpers/suite.ts'

const LIMIT_MS = 1_190_000

const results = new Map<string, CellResult>()
const running = runCells(TABLE, {
  lanes: 3,
  stoppedMs: FULL_STOP_MS,
  onResult: (result) => void results.set(cellName(result.cell), result),
})

describe('the whole scenario table', (it) => {
  it('runs', async () => void (await running), { timeoutMs: LIMIT_MS })

  for (const cell of TABLE)
    it(`${cellName(cell)}: ${promisedText(cell)}`, () => {
      assert.equal(results.get(cellName(cell))?.problems, [])
    })
})
