/**
 * `npm run scenarios [-- --pipeline full] [--only "point × blow"] [--fast] [--lanes N]`: runs the scenario table on a real OpenCode
 * behind the proxy and prints what was seen as a Markdown table; with a whole `full` ticket in each cell, or with one prompt.
 * `--print` prints what is promised and starts nothing.
 */
import { parseArgs } from 'node:util'
import type { CellResult } from './scenarios/run-cell.ts'
import { FAST_STOP_MS, FULL_STOP_MS, runCells } from './scenarios/run-cells.ts'
import { PLACES } from './scenarios/places.ts'
import { BLOWS, FAST, FULL_FAST, FULL_TABLE, TABLE, cellName, expectedTable, outcomeText, printTable } from './scenarios/table.ts'
import type { Cell } from './scenarios/table.ts'

/** Each lane is an OpenCode; a whole ticket keeps a processor busy by itself. */
const TABLES = {
  talk: { table: TABLE, fast: FAST, lanes: '2' },
  full: { table: FULL_TABLE, fast: FULL_FAST, lanes: '1' },
} as const

async function main(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pipeline: { type: 'string' },
      only: { type: 'string', multiple: true },
      fast: { type: 'boolean', default: false },
      print: { type: 'boolean', default: false },
      lanes: { type: 'string' },
      stopped: { type: 'string' },
    },
  })
  const { pipeline = 'talk', only, fast } = values
  if (pipeline !== 'talk' && pipeline !== 'full')
    return (console.error(`There is no table for the pipeline ${pipeline}: full, or none.`), 2)
  if (values.print) return (console.log(promises(pipeline)), 0)
  const { table, lanes } = TABLES[pipeline]
  const cells = choose(pipeline, { only, fast })
  const stoppedMs = values.stopped === undefined ? (fast ? FAST_STOP_MS : FULL_STOP_MS) : Number(values.stopped)
  const results = await runCells(cells, { stoppedMs, lanes: Number(values.lanes ?? lanes), onResult: say })
  const failed = results.filter((result) => result.problems.length > 0)
  console.log(`\n${printTable(table, (cell) => seenText(results.find((result) => result.cell === cell)))}`)
  console.log(`\n${results.length - failed.length} of ${results.length} cells hold`)
  return failed.length === 0 && results.length > 0 ? 0 : 1
}

type TableName = keyof typeof TABLES

function promises(name: TableName): string {
  const places = Object.entries(PLACES).map(([word, { what }]) => [word, what] as const)
  const legend = (name === 'full' ? places : Object.entries(BLOWS)).map(([word, meaning]) => `- ${word}: ${meaning}`)
  return `${expectedTable(TABLES[name].table)}\n\n${legend.join('\n')}`
}

const choose = (name: TableName, { only, fast }: { only: readonly string[] | undefined; fast: boolean }): readonly Cell[] =>
  TABLES[name].table.filter((cell) => {
    if (only) return only.some((wish) => cellName(cell).includes(wish.replace(' x ', ' × ')))
    return !fast || TABLES[name].fast.some(([point, blow]) => point === cell.point && blow === cell.blow)
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
