/**
 * Puts a backup's databases in the place of what is there; what was there is kept beside. Everything is unpacked and checked
 * before anything is touched. Every project's log gets a new epoch: clients are told of the gap and begin anew.
 */
import { createWriteStream, existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as v from 'valibot'
import { fail } from '../errors.ts'
import { isAlive } from '../opencode/process-table.ts'
import type { Chance, Clock } from '../ports.ts'
import { checkCopy, COMPANIONS, leasesIn, pathOfUrl, projectsIn, renewEpoch } from '../store/copies.ts'
import type { ProjectRecord } from '../store/records.ts'
import { readArchive } from './archive.ts'
import { APP_FILE, hashOfFile, MANIFEST, Manifest } from './back-up.ts'

export interface RestoreOptions {
  readonly databaseUrl: string
  readonly dataDir: string
  readonly file: string
  readonly clock: Clock
  readonly chance: Chance
}
export interface RestoreReport {
  /** When the backup was made, epoch milliseconds. */
  readonly madeAt: number
  readonly projects: readonly string[]
  /** Where what was there before is now. */
  readonly kept: readonly string[]
}

/** The caller has announced itself (`announceProcess`). Throws BACKUP_INVALID, PROJECT_PATH_GONE, LEASE_HELD, DATABASE_*. */
export async function restore(options: RestoreOptions): Promise<RestoreReport> {
  const { clock, dataDir, file } = options
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const staging = await mkdtemp(path.join(dataDir, 'restore-'))
  try {
    const manifest = await unpack(file, staging)
    await checkAll(manifest, { file, staging, clock })
    const records = await projectsIn(path.join(staging, APP_FILE), clock)
    const app = pathOfUrl(options.databaseUrl)
    for (const record of records) await assertFree(record, clock)
    const suffix = `.before-${new Date(clock.now()).toISOString().replaceAll(':', '-')}`
    const ready: { readonly made: string; readonly target: string }[] = []
    for (const record of records) ready.push(await prepare(options, { staging, manifest, record }))
    ready.push(await beside(path.join(staging, APP_FILE), app))
    const kept: string[] = []
    for (const { made, target } of ready) kept.push(...(await swap(made, target, suffix)))
    return { madeAt: manifest.at, projects: records.map(({ key }) => key), kept }
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function unpack(file: string, staging: string): Promise<Manifest> {
  await readArchive(file, async (name, _size, content) => {
    // A name with a folder in it is none of ours: nothing is written outside.
    if (!/^[\w.-]+$/.test(name) || name.startsWith('.')) throw fail('BACKUP_INVALID', { file, problem: `it holds a file named ${name}` })
    await pipeline(content, createWriteStream(path.join(staging, name), { mode: 0o600 }))
  })
  const text = await readFile(path.join(staging, MANIFEST), 'utf8').catch(() => '')
  try {
    return v.parse(Manifest, JSON.parse(text))
  } catch (error) {
    throw fail('BACKUP_INVALID', { file, problem: 'its list of contents is missing or of another version' }, error)
  }
}

async function checkAll(manifest: Manifest, { file, staging, clock }: { file: string; staging: string; clock: Clock }): Promise<void> {
  for (const copy of [manifest.app, ...manifest.projects]) {
    const found = path.join(staging, path.basename(copy.file))
    if (!existsSync(found) || (await hashOfFile(found)) !== copy.sha256)
      throw fail('BACKUP_INVALID', { file, problem: `${copy.file} in it is missing or damaged` })
    await checkCopy(found, copy === manifest.app ? 'app' : 'project', clock)
  }
}

/** The repository is there, and no other LoopTroop drives its tickets. */
async function assertFree({ id, path: repository, databaseUrl }: ProjectRecord, clock: Clock): Promise<void> {
  if (!existsSync(repository)) throw fail('PROJECT_PATH_GONE', { projectId: id, path: repository })
  const database = pathOfUrl(databaseUrl)
  if (!existsSync(database)) return
  // One that cannot be read is what a restore is for: nobody drives by it.
  const leases = await leasesIn(database, clock).catch(() => [])
  const held = leases.find((l) => l.host !== hostname() || isAlive(l.pid, l.startToken === '' ? null : l.startToken))
  if (held) throw fail('LEASE_HELD', { ticketId: held.ticketId, holder: `process ${held.pid} on ${held.host}` })
}

async function prepare(
  { clock, chance, file }: RestoreOptions,
  { staging, manifest, record }: { staging: string; manifest: Manifest; record: ProjectRecord },
): Promise<{ made: string; target: string }> {
  const copy = manifest.projects.find(({ id }) => id === record.id)
  if (!copy) throw fail('BACKUP_INVALID', { file, problem: `project ${record.key} is not in it` })
  const source = path.join(staging, path.basename(copy.file))
  await renewEpoch(source, chance.hex(8), clock)
  return beside(source, pathOfUrl(record.databaseUrl))
}

/** On the target's own disk, and durable, before anything is moved. */
async function beside(source: string, target: string): Promise<{ made: string; target: string }> {
  const made = `${target}.restored`
  await mkdir(path.dirname(target), { recursive: true })
  await copyFile(source, made)
  const handle = await open(made, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { made, target }
}

/** A crash in between leaves the one or the other whole; the same restore can be made again. */
async function swap(made: string, target: string, suffix: string): Promise<readonly string[]> {
  const kept: string[] = []
  for (const end of ['', ...COMPANIONS]) {
    if (!existsSync(`${target}${end}`)) continue
    await rename(`${target}${end}`, `${target}${suffix}${end}`)
    if (end === '') kept.push(`${target}${suffix}`)
  }
  await rename(made, target)
  return kept
}
