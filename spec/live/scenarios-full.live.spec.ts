/** Blows at a turn in the midst of a whole `full` ticket, which ends as one that nothing struck. The whole table is a script. */
import * as assert from 'uvu/assert'
import { openLane } from '../../scripts/scenarios/lane.ts'
import { playUnharmed, runCell } from '../../scripts/scenarios/run-cell.ts'
import { FAST_STOP_MS } from '../../scripts/scenarios/run-cells.ts'
import { cellName, FULL_FAST, FULL_TABLE, promisedText } from '../../scripts/scenarios/table.ts'
import { describe } from '../helpers/suite.ts'

const lane = await openLane()
const unharmed = playUnharmed(lane)
const fast = FULL_TABLE.filter((cell) => FULL_FAST.some(([point, blow]) => point === cell.point && blow === cell.blow))

describe('the scenario table of a whole ticket', (it) => {
  for (const cell of fast)
    it(
      `${cell.place}, ${cellName(cell)}: ${promisedText(cell)}`,
      async () => {
        assert.equal((await runCell(lane, cell, { stoppedMs: FAST_STOP_MS, unharmed: await unharmed })).problems, [])
      },
      { timeoutMs: 240_000 },
    )

  it('leaves nothing behind', async () => {
    await unharmed.catch(() => undefined)
    await lane[Symbol.asyncDispose]()
  })
})
