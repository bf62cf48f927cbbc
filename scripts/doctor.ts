/** `npm run doctor [-- --json] [--fix [--dry-run]]`: what is stored, why each ticket is where it is, and what a start would do. Starts nothing. */
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { createFileStores, inspectStores, redactDeep, systemChance, systemClock } from '#core'
import type { Inspection } from '#core'
import { dataFolder } from './data-folder.ts'
import { checkSurroundings } from './doctor/checks.ts'
import type { Finding } from './doctor/check.ts'
import { opencodeFindings } from './doctor/opencode.ts'
import { ticketFindings } from './doctor/tickets.ts'

export interface DoctorReport {
  readonly checks: readonly Finding[]
  readonly projects: Inspection['projects']
  readonly recovery: Inspection['recovery']
  readonly lastStart: Inspection['lastStart']
}
type Env = Readonly<Record<string, string | undefined>>

/** 0 all well · 1 warnings · 2 something fails. */
export const exitCode = (report: DoctorReport): number => {
  const worst = new Set(report.checks.map((c) => c.severity))
  return worst.has('fail') ? 2 : worst.has('warn') ? 1 : 0
}

export async function examine(env: Env): Promise<DoctorReport> {
  const dataDir = dataFolder(env)
  const surroundings = await checkSurroundings(env, dataDir)
  const databaseUrl = env['LOOPTROOP_DATABASE_URL'] ?? `file:${path.join(dataDir, 'looptroop.db')}`
  const [opencode, stored] = await Promise.all([opencodeFindings(env, dataDir), storedThings(databaseUrl)])
  return {
    checks: [...surroundings, ...opencode, ...ticketFindings(stored)],
    projects: stored.projects,
    recovery: stored.recovery,
    lastStart: stored.lastStart,
  }
}

/** Carries out what can be mended; with `dry` only says it. */
export async function mend(report: DoctorReport, dry: boolean): Promise<readonly string[]> {
  const done: string[] = []
  for (const finding of report.checks) {
    if (!finding.mend) continue
    if (!dry) await finding.mend()
    done.push(`${dry ? 'would ' : ''}${finding.fix ?? finding.id}`)
  }
  return done
}

function storedThings(databaseUrl: string): Promise<Inspection> {
  const file = databaseUrl.startsWith('file:') ? databaseUrl.slice('file:'.length) : null
  // Opening would create it, and doctor changes nothing.
  if (file !== null && !existsSync(file))
    return Promise.resolve({
      projects: [],
      recovery: { at: Date.now(), tickets: [], opencode: 'not asked', sessions: [], counts: {}, problems: [] },
      lastStart: null,
      paused: false,
      cleanupAfterMs: null,
      problem: null,
    })
  return inspectStores({
    databaseUrl,
    stores: createFileStores({ clock: systemClock, chance: systemChance }),
    clock: systemClock,
    chance: systemChance,
  })
}

const SIGN = { ok: '✔', warn: '!', fail: '✘' } as const

export function readable(report: DoctorReport): string {
  const lines = report.checks.map(
    (c) => `${SIGN[c.severity]} ${c.id.padEnd(18)} ${c.message}${c.hint ? `\n  ${' '.repeat(18)} → ${c.hint}` : ''}`,
  )
  if (report.lastStart) lines.push('', lastStartLine(report.lastStart))
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

const lastStartLine = ({ at, counts }: NonNullable<DoctorReport['lastStart']>): string =>
  `The last start (${new Date(at).toISOString()}) found ${Object.entries(counts)
    .map(([name, n]) => `${name} ${n}`)
    .join(' · ')}`

export async function main(args: readonly string[]): Promise<void> {
  const report = redactDeep(await examine(process.env))
  console.log(args.includes('--json') ? JSON.stringify(report, null, 2) : readable(report))
  if (args.includes('--fix')) for (const line of await mend(report, args.includes('--dry-run'))) console.log(`fix: ${line}`)
  process.exitCode = exitCode(report)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2))
