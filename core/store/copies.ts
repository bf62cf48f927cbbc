/** Copies of databases for backup and restore. Nothing here migrates: a copy stays what it was made of. */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { fail } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { Database } from './database.ts'
import { openFileDatabase, pathOfUrl } from './file-database.ts'
import { setMeta } from './migrate.ts'
import { APP_SCHEMA, PROJECT_SCHEMA, type Schema } from './migrations/index.ts'
import type { LeaseRecord, ProjectRecord } from './records.ts'
import { toLease, toProject } from './sql/decode.ts'

const KINDS = { app: APP_SCHEMA, project: PROJECT_SCHEMA } as const satisfies Record<string, Schema>
/** What stands beside a database file while it is in use. */
export const COMPANIONS = ['-wal', '-shm'] as const

export { pathOfUrl }

/** A whole and consistent copy in one file, also while others write to the database. */
export async function copyDatabase(path: string, to: string, clock: Clock): Promise<void> {
  await using(path, clock, async (database) => void (await database.all('VACUUM INTO :to', { to })))
}

/** Throws BACKUP_INVALID, DATABASE_CORRUPT, DATABASE_NEWER. */
export async function checkCopy(path: string, kind: keyof typeof KINDS, clock: Clock): Promise<void> {
  const schema = KINDS[kind]
  await using(path, clock, async (database) => {
    const meta = new Map((await database.all('SELECT key, value FROM meta')).map((row) => [row['key'], row['value']]))
    if (meta.get('schema') !== schema.name) throw fail('BACKUP_INVALID', { file: path, problem: `it holds no ${kind} database` })
    const found = Number(meta.get('version'))
    if (found > schema.steps.length) throw fail('DATABASE_NEWER', { path, found, known: schema.steps.length })
  })
}

/** Clients that know the log by its old name begin anew: what they have seen may not be in this one. */
export async function renewEpoch(path: string, epoch: string, clock: Clock): Promise<void> {
  await using(path, clock, async (database) => void (await database.batch([setMeta('epoch', epoch)])))
  for (const end of COMPANIONS) await rm(`${path}${end}`, { force: true }) // folded into the file when it was closed
}

export function projectsIn(path: string, clock: Clock): Promise<readonly ProjectRecord[]> {
  return using(path, clock, async (database) => (await database.all('SELECT * FROM projects ORDER BY key')).map(toProject))
}

/** Leases that have not run out. */
export function leasesIn(path: string, clock: Clock): Promise<readonly LeaseRecord[]> {
  const now = clock.now()
  return using(path, clock, async (database) =>
    (await database.all('SELECT * FROM leases WHERE owner IS NOT NULL AND expires_at > :now', { now })).map(toLease),
  )
}

async function using<T>(path: string, clock: Clock, work: (database: Database) => Promise<T>): Promise<T> {
  // Opening would make an empty one.
  if (!existsSync(path)) throw fail('DATABASE_CORRUPT', { path, problem: 'there is no such file' })
  const database = await openFileDatabase(path, clock)
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}
