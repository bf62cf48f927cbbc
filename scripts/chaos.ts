/**
 * `npm run chaos -- --kills N --seed S [--pipeline full] [--tickets K] [--keep]`: the shipped server and a real OpenCode, some
 * tickets at once, SIGKILL at random moments of work until N kills are done and all tickets completed; then an audit from
 * outside. A `full` ticket is played without kills first: what the others made is compared with it. The last line says what
 * was found, the exit code is 1 when it is anything.
 */
import { parseArgs } from 'node:util'
import { audit, auditProcesses } from './chaos/audit.ts'
import type { Findings } from './chaos/audit.ts'
import { compareAll } from './chaos/compare.ts'
import { killAway } from './chaos/kills.ts'
import type { Hits } from './chaos/peek.ts'
import { createPerson } from './chaos/person.ts'
import type { Person } from './chaos/person.ts'
import { PLAYS } from './chaos/plays.ts'
import type { Play } from './chaos/plays.ts'
import { seeded } from './chaos/random.ts'
import { openStage } from './chaos/stage.ts'
import type { Stage } from './chaos/stage.ts'

interface Options {
  readonly play: Play
  readonly kills: number
  readonly seed: number
  readonly tickets: number
  readonly keep: boolean
  /** How it is done once more. */
  readonly again: string
}

const say = (line: string): void => console.log(line)

function readOptions(argv: readonly string[]): Options | string {
  const text = { type: 'string' } as const
  const options = { kills: text, seed: text, pipeline: text, tickets: text, keep: { type: 'boolean', default: false } } as const
  const { values } = parseArgs({ args: [...argv], options })
  const { pipeline = 'quick', keep } = values
  const play = PLAYS[pipeline]
  if (!play) return `There is no script for the pipeline ${pipeline}; there are ${Object.keys(PLAYS).join(', ')}.`
  const numbers = {
    kills: Number(values.kills ?? 10),
    seed: Number(values.seed ?? Date.now() % 100_000),
    tickets: Number(values.tickets ?? play.tickets),
  }
  const said = [...(values.pipeline ? [`--pipeline ${pipeline}`] : []), `--kills ${numbers.kills}`, `--seed ${numbers.seed}`]
  if (values.tickets !== undefined) said.push(`--tickets ${numbers.tickets}`)
  return { play, keep, ...numbers, again: `npm run chaos -- ${said.join(' ')}` }
}

async function main(argv: readonly string[]): Promise<number> {
  const options = readOptions(argv)
  if (typeof options === 'string') return (console.error(options), 2)
  const { play, kills, tickets, keep } = options
  say(options.again)
  await using stage = await openStage({ play, keep })
  await stage.startServer()
  const person = createPerson(stage, play)
  const hits: Hits = { receipts: {}, rows: {} }
  try {
    const reference = play.delivers ? await person.playOne() : null
    if (reference) say(`${reference.ticketId} is completed without a kill`)
    for (let lane = 1; lane <= tickets; lane += 1) person.keepBusy()
    const done = await killAway({ stage, person, random: seeded(options.seed), kills, aims: play.aims, hits, say })
    await person.finish(play.finishMs)
    await person.stop()
    const findings = await audit({ stage, play, person, hits })
    if (reference) findings.lost.push(...(await compareAll(stage, { reference, others: [...person.tickets.values()], say })))
    await stage.stopServer()
    auditProcesses(stage, findings)
    return report({ stage, person, hits, findings, done: JSON.stringify(done), options })
  } finally {
    await person.stop()
  }
}

interface Ended {
  readonly stage: Stage
  readonly person: Person
  readonly hits: Hits
  readonly findings: Findings
  readonly done: string
  readonly options: Options
}

function report({ stage, person, hits, findings, done, options }: Ended): number {
  const { lost, twice, gaps, orphans } = findings
  for (const [name, found] of Object.entries(findings)) for (const one of found) say(`${name}: ${one}`)
  for (const one of new Set(person.surprises)) say(`answered in between: ${one}`)
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .toSorted(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }))
      .map(([name, times]) => `${name}: ${times}`)
      .join(' · ')
  say(`kills by victim ${done}; the person ${JSON.stringify(person.counts)}; model requests ${stage.model.requests.length}`)
  say(`trees looked at   ${counts(stage.trees.looks)}`)
  say(`receipts hit by a kill   ${counts(hits.receipts)}`)
  say(`rows of the verdict table   ${counts(hits.rows)}`)
  const ok = [lost, twice, gaps, orphans].every((found) => found.length === 0)
  if (!ok) say(`again: ${options.again}`)
  say(
    `kills=${options.kills} tickets=${person.tickets.size} lost=${lost.length} twice=${twice.length} gaps=${gaps.length} orphans=${orphans.length} ${ok ? 'ok' : 'FAILED'}`,
  )
  return ok ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
