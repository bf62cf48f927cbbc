/** `npm run doctor [-- --json]`: what is stored, why each ticket is where it is, and what a start would do. Starts nothing. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFileStores, inspectStores, systemChance, systemClock } from '#core'
import type { Inspection } from '#core'
import { dataFolder } from './data-folder.ts'
import { checkSurroundings } from './doctor/checks.ts'
import type { Check } from './doctor/checks.ts'

export interface DoctorReport {
  readonly checks: readonly Check[]
  readonly projects: Inspection['projects']
  readonly recovery: Inspection['recovery']
}
type Env = Readonly<Record<string, string | undefined>>

/** 0 all well · 1 warnings · 2 something fails. */
export const exitCode = (report: DoctorReport): number => {
  const worst = new Set(report.checks.map((c) => c.severity))
  return worst.has('fail') ? 2 : worst.has('warn') ? 1 : 0
}

export async function examine(env: Env): Promise<DoctorReport> {
  const dataDir = dataFolder(env)
  const checks = await checkSurroundings(env, dataDir)
  const databaseUrl = env['LOOPTROOP_DATABASE_URL'] ?? `file:${path.join(dataDir, 'looptroop.db')}`
  const stored = await storedThings(databaseUrl)
  return { checks: [...checks, ...databaseChecks(stored)], projects: stored.projects, recovery: stored.recovery }
}

function storedThings(databaseUrl: string): Promise<Inspection> {
  const file = databaseUrl.startsWith('file:') ? databaseUrl.slice('file:'.length) : null
  // Opening would create it, and doctor changes nothing.
  if (file !== null && !existsSync(file))
    return Promise.resolve({
      projects: [],
      recovery: { at: Date.now(), tickets: [], opencode: 'not asked', sessions: [], counts: {}, problems: [] },
      problem: null,
    })
  return inspectStores({
    databaseUrl,
    stores: createFileStores({ clock: systemClock, chance: systemChance }),
    clock: systemClock,
    chance: systemChance,
  })
}

function databaseChecks({ problem, projects, recovery }: Inspection): readonly Check[] {
  const app: Check =
    problem === null
      ? { id: 'database.app', severity: 'ok', message: `${projects.length} attached projects`, hint: null }
      : { id: 'database.app', severity: 'fail', message: problem, hint: 'Restore a backup, or upgrade LoopTroop when the file is newer.' }
  const broken = recovery.problems.map((p): Check => ({
    id: 'database.project',
    severity: 'fail',
    message: `${p.projectId}: ${p.message}`,
    hint: "The other projects work; restore this one's database.",
  }))
  const uncertain = recovery.tickets.flatMap((t) =>
    t.turns.filter((turn) => turn.receipt === 'uncertain').map((turn) => ({ ticket: t, turn })),
  )
  const turns = uncertain.map(({ ticket, turn }): Check => ({
    id: 'turn.uncertain',
    severity: 'warn',
    message: `${ticket.ticketId}: turn ${turn.turnId}`,
    hint: 'Decide with tickets.resolveTurn.',
  }))
  return [app, ...broken, ...turns]
}

const SIGN = { ok: '✔', warn: '!', fail: '✘' } as const

export function readable(report: DoctorReport): string {
  const lines = report.checks.map(
    (c) => `${SIGN[c.severity]} ${c.id.padEnd(18)} ${c.message}${c.hint ? `\n  ${' '.repeat(18)} → ${c.hint}` : ''}`,
  )
  for (const { record, stats } of report.projects) {
    lines.push(
      '',
      `${record.key}  ${record.name}  ${record.path}`,
      `  ${Object.entries(stats)
        .map(([name, n]) => `${name} ${n}`)
        .join(' · ')}`,
    )
    const tickets = report.recovery.tickets.filter((t) => t.ticketId.startsWith(`${record.key}-`))
    if (tickets.length === 0) lines.push('  no ticket is under way')
    for (const t of tickets) {
      lines.push(`  ${t.ticketId}  ${t.phase ?? '–'}${t.attempt === null ? '' : ` #${t.attempt}`}: ${t.found}`, `    a start ${t.does}`)
      for (const turn of t.turns) lines.push(`    turn ${turn.turnId} (${turn.receipt}): a start ${turn.does}`)
      for (const session of t.sessions)
        lines.push(`    session ${session.sessionId ?? session.nonce} (${session.state}): a start ${session.does}`)
      for (const entry of t.inbox) lines.push(`    waits for a person: ${entry.kind} ${entry.id}${entry.detached ? ' (detached)' : ''}`)
    }
  }
  return lines.join('\n')
}

async function main(): Promise<void> {
  const report = await examine(process.env)
  console.log(process.argv.includes('--json') ? JSON.stringify(report, null, 2) : readable(report))
  process.exitCode = exitCode(report)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
