/**
 * `npm run scenarios [-- --only "point × blow"] [--fast] [--lanes N]`: runs the scenario table on a real OpenCode behind the
 * proxy and prints what was seen as a Markdown table. `--print` prints what is promised and starts nothing.
 */
import { parseArgs } from 'node:util'
import type { CellResult } from './scenarios/run-cell.ts'
import { FAST_STOP_MS, FULL_STOP_MS, runCells } from './scenarios/run-cells.ts'
import { BLOWS, FAST, TABLE, cellName, expectedTable, outcomeText, printTable } from './scenarios/table.ts'
import type { Cell } from './scenarios/table.ts'

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', multiple: true },
      fast: { type: 'boolean', default: false },
      print: { type: 'boolean', default: false },
      lanes: { type: 'string', default: '2' },
      stopped: { type: 'string' },
    },
  })
  if (values.print) {
    console.log(
      `${expectedTable()}\n\n${Object.entries(BLOWS)
        .map(([name, what]) => `- ${name}: ${what}`)
        .join('\n')}`,
    )
    return 0
  }
  const cells = choose(values)
  const stoppedMs = values.stopped === undefined ? (values.fast ? FAST_STOP_MS : FULL_STOP_MS) : Number(values.stopped)
  const results = await runCells(cells, { stoppedMs, lanes: Number(values.lanes), onResult: say })
  const failed = results.filter((result) => result.problems.length > 0)
  console.log(`\n${printTable((cell) => seenText(results.find((result) => result.cell === cell)))}`)
  console.log(`\n${results.length - failed.length} of ${results.length} cells hold`)
  return failed.length === 0 && results.length > 0 ? 0 : 1
}

const choose = ({ only, fast }: { only?: readonly string[] | undefined; fast: boolean }): readonly Cell[] =>
  TABLE.filter((cell) => {
    if (only) return only.some((wish) => cellName(cell).includes(wish))
    return !fast || FAST.some(([point, blow]) => point === cell.point && blow === cell.blow)
  })

function say({ cell, seen, problems, ms }: CellResult): void {
  const verdict = problems.length === 0 ? 'holds ' : 'FAILED'
  console.log(`${verdict} ${cellName(cell)}: ${seen ? outcomeText(seen) : '?'} (${Math.round(ms)} ms)`)
  for (const problem of problems) console.log(`       ${problem}`)
}

const seenText = (result: CellResult | undefined): string =>
  result === undefined
    ? ''
    : `${result.problems.length === 0 ? '✔' : '✘'} ${result.seen ? outcomeText(result.seen) : result.problems.join('; ')}`

process.exitCode = await main(process.argv.slice(2))
