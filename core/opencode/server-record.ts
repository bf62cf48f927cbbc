/**
 * What a managed server leaves on disk, so that the next LoopTroop process finds it: its id and password (kept for the
 * life of its database), which process it is, and which LoopTroop owns the folder. All 0600.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '../errors.ts'
import type { Chance } from '../ports.ts'
import { isAlive, startTokenOf } from './process-table.ts'

export interface ServerRecord {
  readonly pid: number
  readonly startToken: string | null
  readonly port: number
  readonly opencodeId: string
  readonly version: string
  readonly startedAt: number
  /** Hash of binary, configuration and environment it was started with. */
  readonly settings: string
}

export interface ServerFolder {
  readonly path: string
  /** Random, for the life of this folder's database. */
  readonly opencodeId: string
  readonly password: string
  readonly database: string
  readonly log: string
  /** Of the server process: an empty folder, so that its own directory is nobody's project. */
  readonly cwd: string
  readRecord(): ServerRecord | null
  writeRecord(record: ServerRecord): void
  dropRecord(): void
  /** One LoopTroop process at a time. Throws OPENCODE_LOCKED naming the one that lives. */
  lock(): void
  unlock(): void
}

export function openServerFolder(path: string, chance: Chance): ServerFolder {
  const cwd = join(path, 'cwd')
  mkdirSync(cwd, { recursive: true, mode: 0o700 })
  const recordFile = join(path, 'server.json')
  const lockFile = join(path, 'lock.json')
  const secret = (name: string, make: () => string): string => keepSecret(join(path, name), make, chance)
  return {
    path,
    opencodeId: secret('id', () => `oc_${chance.hex(12)}`),
    password: secret('password', () => chance.hex(24)),
    database: join(path, 'opencode.db'),
    log: join(path, 'server.log'),
    cwd,
    readRecord: () => readRecord(recordFile),
    writeRecord: (record) => replaceFile(recordFile, JSON.stringify(record), chance),
    dropRecord: () => rmSync(recordFile, { force: true }),
    lock: () => takeLock(lockFile, chance),
    unlock: () => {
      if (readOwner(lockFile)?.pid === process.pid) rmSync(lockFile, { force: true })
    },
  }
}

function readRecord(path: string): ServerRecord | null {
  const value = readJson(path)
  return typeof value?.['pid'] === 'number' && typeof value['port'] === 'number' ? (value as unknown as ServerRecord) : null
}

interface Owner {
  readonly pid: number
  readonly startToken: string | null
}
const readOwner = (path: string): Owner | null => {
  const value = readJson(path)
  return typeof value?.['pid'] === 'number' ? (value as unknown as Owner) : null
}

/** A link is made or fails in one go. A lock of a dead process is moved away; what was moved is checked, for two may try. */
function takeLock(path: string, chance: Chance): void {
  const mine = `${path}.${process.pid}.${chance.hex(4)}`
  writeFileSync(mine, JSON.stringify({ pid: process.pid, startToken: startTokenOf(process.pid) }), { mode: 0o600 })
  try {
    for (let tries = 0; tries < 5; tries++) {
      if (tryLink(mine, path)) return
      const owner = readOwner(path)
      if (owner !== null && isAlive(owner.pid, owner.startToken)) {
        throw fail('OPENCODE_LOCKED', { path, pid: owner.pid })
      }
      moveStaleLock(path, `${mine}.stale`)
    }
    throw fail('OPENCODE_LOCKED', { path, pid: 'unknown' })
  } finally {
    rmSync(mine, { force: true })
  }
}

function moveStaleLock(path: string, aside: string): void {
  try {
    renameSync(path, aside)
  } catch {
    // Somebody else moved it first; the next try decides.
    return
  }
  const moved = readOwner(aside)
  if (moved !== null && isAlive(moved.pid, moved.startToken)) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function keepSecret(path: string, make: () => string, chance: Chance): string {
  try {
    const kept = readFileSync(path, 'utf8').trim()
    if (kept !== '') return kept
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const fresh = make()
  replaceFile(path, fresh, chance)
  return fresh
}

/** Whole or not at all, also when the process dies in between. */
function replaceFile(path: string, content: string, chance: Chance): void {
  const aside = `${path}.${chance.hex(4)}`
  writeFileSync(aside, content, { mode: 0o600, flush: true })
  renameSync(aside, path)
}

function readJson(path: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    // Missing or half-written by an older program: as good as none.
    return null
  }
}
