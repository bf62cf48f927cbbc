/**
 * `npm run chaos -- --kills N --seed S [--keep]`: the shipped server and a real OpenCode, four tickets at once, SIGKILL at
 * random moments of work until N kills are done and all tickets completed; then an audit from outside. The last line says
 * what was found, the exit code is 1 when it is anything.
 */
import { parseArgs } from 'node:util'
import { audit, auditProcesses } from './chaos/audit.ts'
import type { Findings } from './chaos/audit.ts'
import { killAway } from './chaos/kills.ts'
import type { Hits } from './chaos/peek.ts'
import { startPerson } from './chaos/person.ts'
import type { Person } from './chaos/person.ts'
import { seeded } from './chaos/random.ts'
import { openStage } from './chaos/stage.ts'
import type { Stage } from './chaos/stage.ts'

const TICKETS = 4
const FINISH_MS = 300_000

async function main(argv: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ args: [...argv], options: { kills: text, seed: text, keep: { type: 'boolean', default: false } } })
  const kills = Number(values.kills ?? 10)
  const seed = Number(values.seed ?? Date.now() % 100_000)
  const again = `npm run chaos -- --kills ${kills} --seed ${seed}`
  console.log(again)
  await using stage = await openStage(TICKETS, values.keep)
  await stage.startServer()
  const person = await startPerson(stage.client, stage.repos)
  const hits: Hits = { receipts: {}, rows: {} }
  try {
    const done = await killAway({ stage, person, random: seeded(seed), kills, hits, say: (line) => console.log(line) })
    await person.finish(FINISH_MS)
    await person.stop()
    const findings = await audit(stage, person, hits)
    await stage.stopServer()
    auditProcesses(stage, findings)
    return report({ stage, person, hits, findings, done: JSON.stringify(done), kills, again })
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
  readonly kills: number
  readonly again: string
}

function report({ stage, person, hits, findings, done, kills, again }: Ended): number {
  const { lost, twice, gaps, orphans } = findings
  for (const [name, found] of Object.entries(findings)) for (const one of found) console.log(`${name}: ${one}`)
  for (const one of new Set(person.surprises)) console.log(`answered in between: ${one}`)
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .toSorted(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }))
      .map(([name, times]) => `${name}: ${times}`)
      .join(' · ')
  console.log(`kills by victim ${done}; the person ${JSON.stringify(person.counts)}; model requests ${stage.model.requests.length}`)
  console.log(`receipts hit by a kill   ${counts(hits.receipts)}`)
  console.log(`rows of the verdict table   ${counts(hits.rows)}`)
  const ok = [lost, twice, gaps, orphans].every((found) => found.length === 0)
  if (!ok) console.log(`again: ${again}`)
  console.log(
    `kills=${kills} tickets=${person.tickets.size} lost=${lost.length} twice=${twice.length} gaps=${gaps.length} orphans=${orphans.length} ${ok ? 'ok' : 'FAILED'}`,
  )
  return ok ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
