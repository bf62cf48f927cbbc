/**
 * The driver for files: one synchronous `libsql` connection. A batch runs from BEGIN to COMMIT without giving up the event
 * loop, so batches of one process never meet; against other processes the wait is short (BUSY_TIMEOUT_MS) and then
 * asynchronous, up to BUSY_LIMIT_MS. `inTransaction` is never read: after `close()` it aborts the process.
 */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import Libsql from 'libsql'
import { fail, messageOf } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { StatementFailed, type Args, type Database, type Row, type Statement, type Value } from './database.ts'

/** How long one attempt may hold the event loop. */
const BUSY_TIMEOUT_MS = 50
/** How long all attempts together may take. */
const BUSY_LIMIT_MS = 5_000
const LONGEST_PAUSE_MS = 100
const CACHED_STATEMENTS = 300
/** libsql frees what a read held only between turns of the event loop; a long chain of awaits would pile it up. */
const STATEMENTS_PER_TURN = 100
/** And who commits one batch after the other would let nobody else in: not the readers of what was committed, either. */
const MS_PER_TURN = 2
/** Files up to this size are checked page by page when they are opened; larger ones fail when a bad page is met. */
const QUICK_CHECK_BYTES = 16 * 1024 * 1024
const IN_MEMORY = ':memory:'

interface Prepared {
  readonly statement: Libsql.Statement
  readonly names: readonly string[]
  columns: readonly string[]
}

/** `file:` URL or a plain path. */
export function pathOfUrl(url: string): string {
  if (url.startsWith('file://')) return fileURLToPath(url)
  if (url.startsWith('file:')) return url.slice('file:'.length)
  if (/^[a-z][a-z+]+:/i.test(url))
    throw fail('INVALID_INPUT', { field: 'databaseUrl', problem: `${url} is no file: only files are served so far` })
  return url
}

export async function openFileDatabase(path: string, clock: Clock): Promise<Database> {
  const database = new FileDatabase(path, clock)
  try {
    await database.prepareFile()
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

class FileDatabase implements Database {
  readonly #path: string
  readonly #clock: Clock
  readonly #connection: Libsql.Database
  readonly #cache = new Map<string, Prepared>()
  #queue: Promise<unknown> = Promise.resolve()
  #open = true
  #ready = false
  /** Statements, and the milliseconds they took, since the event loop was last given back here. */
  #sinceTurn = 0
  #busyMs = 0
  #synchronous: 'FULL' | 'NORMAL' | null = null

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
    try {
      if (path !== IN_MEMORY) mkdirSync(dirname(path), { recursive: true })
      this.#connection = new Libsql(path)
    } catch (error) {
      throw fail('DATABASE_CORRUPT', { path, problem: messageOf(error) }, error)
    }
  }

  /** Reads before it writes: a file that is no database is left as it was. */
  async prepareFile(): Promise<void> {
    await this.#patiently(() => {
      this.#run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
      this.#run('SELECT count(*) FROM sqlite_master')
      this.#check()
      this.#run('PRAGMA journal_mode = WAL')
      this.#waitForDisk('FULL')
      this.#run('PRAGMA foreign_keys = ON')
      this.#ready = true
    })
  }

  batch(statements: readonly Statement[], { soft = false }: { readonly soft?: boolean } = {}): Promise<readonly (readonly Row[])[]> {
    return this.#inLine(async () => {
      await this.#breathe(statements.length)
      return this.#patiently(() => {
        this.#waitForDisk(soft ? 'NORMAL' : 'FULL')
        return this.#transaction(statements)
      })
    })
  }

  /** NORMAL: the log is written and not waited for; the next commit that waits covers it, the log being one file in order. */
  #waitForDisk(wanted: 'FULL' | 'NORMAL'): void {
    if (this.#synchronous === wanted) return
    this.#run(`PRAGMA synchronous = ${wanted}`)
    this.#synchronous = wanted
  }

  async all(sql: string, args: Args = {}): Promise<readonly Row[]> {
    await this.#breathe(1)
    return this.#patiently(() => this.#run(sql, args))
  }

  close(): Promise<void> {
    return this.#inLine(async () => {
      if (!this.#open) return
      this.#open = false
      try {
        if (this.#ready) this.#foldLog()
      } finally {
        this.#cache.clear()
        this.#connection.close()
      }
    })
  }

  /** SQLite would do it with the last statement's end, which is up to the garbage collector: a copy of the file should be whole. */
  #foldLog(): void {
    try {
      this.#run('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch (error) {
      // Another process uses the file; then the log stays beside it.
      if (!codeOf(error).startsWith('SQLITE_BUSY') && !codeOf(error).startsWith('SQLITE_LOCKED')) throw error
    }
  }

  /** First come, first served, also while one waits for another process. */
  #inLine<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(job)
    this.#queue = result.catch(() => undefined) // the caller gets the error; the line moves on
    return result
  }

  async #patiently<T>(work: () => T): Promise<T> {
    const started = this.#clock.monotonic()
    for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      if (!this.#open) throw fail('SHUTTING_DOWN')
      try {
        return this.#timed(work)
      } catch (error) {
        if (!codeOf(error).startsWith('SQLITE_BUSY')) throw this.#explained(error)
      }
      const waited = Math.round(this.#clock.monotonic() - started)
      if (waited >= BUSY_LIMIT_MS) throw fail('DATABASE_BUSY', { path: this.#path, ms: waited })
      await this.#clock.sleep(pause)
    }
  }

  #timed<T>(work: () => T): T {
    const from = this.#clock.monotonic()
    try {
      return work()
    } finally {
      this.#busyMs += this.#clock.monotonic() - from
    }
  }

  #transaction(statements: readonly Statement[]): readonly (readonly Row[])[] {
    this.#run('BEGIN IMMEDIATE')
    try {
      const rows = statements.map((statement, index) => this.#numbered(statement, index))
      this.#run('COMMIT')
      return rows
    } catch (error) {
      this.#rollback()
      throw error
    }
  }

  #numbered(statement: Statement, index: number): readonly Row[] {
    try {
      return this.#run(statement.sql, statement.args)
    } catch (error) {
      const code = codeOf(error)
      throw code === '' || isDamage(code) ? error : new StatementFailed(index, code, error as Error)
    }
  }

  #rollback(): void {
    try {
      this.#run('ROLLBACK')
    } catch (error) {
      // SQLite rolls back by itself on a full disk and the like; then there is no transaction left to end.
      if (!messageOf(error).includes('no transaction is active')) throw error
    }
  }

  #run(sql: string, args: Args = {}): readonly Row[] {
    const prepared = this.#prepared(sql)
    this.#sinceTurn++
    const rows = prepared.statement.all(bindable(sql, prepared.names, args)) as Value[][]
    return rows.map((values) => rowOf(prepared, values))
  }

  #prepared(sql: string): Prepared {
    const known = this.#cache.get(sql)
    if (known !== undefined) {
      this.#cache.delete(sql)
      this.#cache.set(sql, known)
      return known
    }
    const statement = this.#connection.prepare(sql)
    if (statement.reader) statement.raw(true)
    const fresh = { statement, names: [...new Set(sql.match(/(?<=:)[a-zA-Z]\w*/g) ?? [])], columns: [] }
    this.#cache.set(sql, fresh)
    const oldest = this.#cache.keys().next()
    if (this.#cache.size > CACHED_STATEMENTS && !oldest.done) this.#cache.delete(oldest.value)
    return fresh
  }

  #check(): void {
    if (this.#path === IN_MEMORY || statSync(this.#path).size > QUICK_CHECK_BYTES) return
    const problem = this.#run('PRAGMA quick_check(1)')[0]?.['quick_check']
    if (problem !== 'ok') throw fail('DATABASE_CORRUPT', { path: this.#path, problem })
  }

  async #breathe(statements: number): Promise<void> {
    if (this.#sinceTurn + statements < STATEMENTS_PER_TURN && this.#busyMs < MS_PER_TURN) return
    this.#sinceTurn = 0
    this.#busyMs = 0
    await nextTurn()
  }

  #explained(error: unknown): unknown {
    return isDamage(codeOf(error)) ? fail('DATABASE_CORRUPT', { path: this.#path, problem: messageOf(error) }, error) : error
  }
}

/**
 * Whole numbers go in as bigint: libsql binds every JavaScript number as REAL, and `1` would come back as `1.0` from JSON
 * and untyped places. It also takes a missing argument for NULL, which is never meant here.
 */
function bindable(sql: string, names: readonly string[], args: Args): Record<string, unknown> {
  const bound: Record<string, unknown> = {}
  for (const name of names) {
    const value = args[name]
    if (value === undefined) throw fail('INTERNAL', { problem: `no argument :${name} for ${sql}` })
    bound[name] = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value
  }
  return bound
}

/** libsql's own objects cost half as much again. The columns are asked for with the first row, and when a migration has changed them. */
function rowOf(prepared: Prepared, values: readonly Value[]): Row {
  if (prepared.columns.length !== values.length) prepared.columns = prepared.statement.columns().map(({ name }) => name)
  const row: Record<string, Value> = {}
  for (let n = 0; n < values.length; n++) row[prepared.columns[n] as string] = values[n] as Value
  return row
}

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code
  return error instanceof Error && typeof code === 'string' && code.startsWith('SQLITE_') ? code : ''
}
const isDamage = (code: string): boolean => code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
