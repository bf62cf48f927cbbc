/** `looptroop backup` and `restore`: on the databases themselves, without a server. */
import path from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { announceProcess, asLoopTroopError, backUp, restore, systemChance, systemClock, type ErrorKind } from '#core'
import { ownVersion } from '../compose.ts'
import { dataFolder } from '../data-folder.ts'
import { EXIT, type GlobalOptions } from './session.ts'

export function backupCommands(program: Command): void {
  program
    .command('backup <file>')
    .description('all databases into one file, also while a server runs')
    .action((file: string) => offline(program.opts(), () => makeBackup(file)))
  program
    .command('restore <file>')
    .description('put a backup in the place of what is there (which is kept beside); no server may run')
    .option('--yes', 'do not ask first')
    .action((file: string, { yes }: { yes?: boolean }) =>
      offline(program.opts(), async (global) => {
        if (yes !== true && !(await confirmed(file, global))) return { value: { restored: false }, lines: ['Nothing was changed.'] }
        return bringBack(file)
      }),
    )
}

interface Done {
  readonly value: unknown
  readonly lines: readonly string[]
}

const databaseUrlOf = (dataDir: string): string => process.env['LOOPTROOP_DATABASE_URL'] ?? `file:${path.join(dataDir, 'looptroop.db')}`

async function makeBackup(file: string): Promise<Done> {
  const databaseUrl = databaseUrlOf(dataFolder(process.env))
  const made = await backUp({ databaseUrl, file, version: await ownVersion(), clock: systemClock })
  const projects = made.projects.length > 0 ? made.projects.join(', ') : 'no project yet'
  return { value: made, lines: [`${made.file}: ${(made.bytes / 1e6).toFixed(1)} MB, ${projects}`] }
}

async function bringBack(file: string): Promise<Done> {
  const dataDir = dataFolder(process.env)
  const withdraw = announceProcess(dataDir, 'restore')
  try {
    const done = await restore({ databaseUrl: databaseUrlOf(dataDir), dataDir, file, clock: systemClock, chance: systemChance })
    const lines = [
      `Restored the backup of ${new Date(done.madeAt).toISOString()}: ${done.projects.join(', ') || 'no project'}`,
      ...done.kept.map((kept) => `  what was there before is kept: ${kept}`),
      '  clients that were connected are told of the gap and begin anew',
    ]
    return { value: done, lines }
  } finally {
    withdraw()
  }
}

async function confirmed(file: string, { json }: GlobalOptions): Promise<boolean> {
  if (json === true || !process.stdin.isTTY || !process.stdout.isTTY) return true
  const prompt = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return (await prompt.question(`Put ${file} in the place of all that is stored now? (y/N) `)).trim().toLowerCase() === 'y'
  } finally {
    prompt.close()
  }
}

const BY_KIND: Partial<Record<ErrorKind, number>> = { bad_input: EXIT.wrongUse, conflict: EXIT.refused, precondition: EXIT.refused }

async function offline(global: GlobalOptions, work: (global: GlobalOptions) => Promise<Done>): Promise<void> {
  try {
    const { value, lines } = await work(global)
    process.stdout.write(`${global.json === true ? JSON.stringify(value) : lines.join('\n')}\n`)
  } catch (error) {
    const { code, kind, message, hint } = asLoopTroopError(error)
    if (global.json === true) process.stdout.write(`${JSON.stringify({ error: { code, message, hint } })}\n`)
    else process.stderr.write(`${message}\n→ ${hint}\n`)
    process.exitCode = BY_KIND[kind] ?? EXIT.failed
  }
}
