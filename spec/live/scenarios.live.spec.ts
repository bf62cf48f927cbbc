/** Telling cells of the scenario table: kills at exact points of a turn, on a real OpenCode. The whole table is slow. */
import * as assert from 'uvu/assert'
import { openLane } from '../../scripts/scenarios/lane.ts'
import { runCell } from '../../scripts/scenarios/run-cell.ts'
import { FAST_STOP_MS } from '../../scripts/scenarios/run-cells.ts'
import { cellName, FAST, promisedText, TABLE } from '../../scripts/scenarios/table.ts'
import { describe } from '../helpers/suite.ts'

const lane = await openLane()
const fast = TABLE.filter((cell) => FAST.some(([point, blow]) => point === cell.point && blow === cell.blow))

describe('the scenario table', (it) => {
  for (const cell of fast)
    it(`${cellName(cell)}: ${promisedText(cell)}`, async () => {
      assert.equal((await runCell(lane, cell, { stoppedMs: FAST_STOP_MS })).problems, [])
    })

  it('leaves nothing behind', async () => {
    await lane[Symbol.asyncDispose]()
  })
})
