/** Brings a database to the schema of this program, step by step; a newer one is refused, a stranger's left alone. */
import { fail } from '../errors.ts'
import { StatementFailed, type Database, type Statement } from './database.ts'
import type { Schema } from './migrations/index.ts'

/** `meta` holds small values of the database itself. A row in `guard` cannot exist: inserting one is how a verb stops. */
const FOUNDATION: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS guard (ok INTEGER NOT NULL CHECK (ok = 1))',
]
const TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'libsql_%'"

export async function migrate(database: Database, schema: Schema, path: string): Promise<void> {
  const known = schema.steps.length
  for (;;) {
    const found = await versionOf(database, schema, path)
    if (found > known) throw fail('DATABASE_NEWER', { path, found, known })
    if (found === known) return
    await takeStep(database, schema, found + 1)
  }
}

async function versionOf(database: Database, schema: Schema, path: string): Promise<number> {
  const tables = (await database.all(TABLES)).map((row) => row['name'])
  if (tables.length === 0) return 0
  if (!tables.includes('meta')) throw fail('DATABASE_CORRUPT', { path, problem: 'it holds the tables of another program' })
  const rows = await database.all("SELECT key, value FROM meta WHERE key IN ('schema', 'version')")
  const meta = new Map(rows.map((row) => [row['key'], row['value']]))
  if (meta.get('schema') !== schema.name)
    throw fail('DATABASE_CORRUPT', { path, problem: `it is a ${meta.get('schema')} database, not ${schema.name}` })
  return Number(meta.get('version'))
}

/** Two processes may start at once: the second one's guard fails, and it reads the version again. */
async function takeStep(database: Database, schema: Schema, version: number): Promise<void> {
  const statements = [...(version === 1 ? FOUNDATION : [])].map(plain)
  const guard = statements.length
  statements.push({
    sql: "INSERT INTO guard SELECT 0 WHERE COALESCE((SELECT value FROM meta WHERE key = 'version'), '0') <> :before",
    args: { before: String(version - 1) },
  })
  statements.push(...(schema.steps[version - 1] ?? []).map(plain))
  statements.push(setMeta('schema', schema.name), setMeta('version', String(version)))
  try {
    await database.batch(statements)
  } catch (error) {
    if (!(error instanceof StatementFailed && error.index === guard)) throw error
  }
}

const plain = (sql: string): Statement => ({ sql, args: {} })

export const setMeta = (key: string, value: string): Statement => ({
  sql: 'INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
  args: { key, value },
})
