/** The app database and every attached project's, each copied whole while servers go on writing. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import type { Clock } from '../ports.ts'
import { copyDatabase, pathOfUrl, projectsIn } from '../store/copies.ts'
import { writeArchive, type Entry } from './archive.ts'

export const MANIFEST = 'manifest.json'
export const APP_FILE = 'app.db'
const Copy = v.object({ file: v.string(), sha256: v.string() })
export const Manifest = v.object({
  format: v.literal('looptroop-backup'),
  version: v.literal(1),
  at: v.number(),
  madeBy: v.string(),
  app: Copy,
  projects: v.array(v.object({ ...Copy.entries, id: v.string(), key: v.string(), path: v.string() })),
})
export type Manifest = v.InferOutput<typeof Manifest>

export interface BackupReport {
  readonly file: string
  readonly bytes: number
  readonly projects: readonly string[]
}

/** Fails as a whole: a backup that lacks a project is none. What was at `file` is replaced only by a complete one. */
export async function backUp(options: { databaseUrl: string; file: string; version: string; clock: Clock }): Promise<BackupReport> {
  const file = path.resolve(options.file)
  const folder = await mkdtemp(path.join(path.dirname(file), '.looptroop-backup-'))
  try {
    const { entries, manifest } = await copyAll(folder, options)
    const made = path.join(folder, 'archive')
    const handle = await open(made, 'wx', 0o600)
    try {
      await writeArchive(handle, entries, manifest.at)
    } finally {
      await handle.close()
    }
    await rename(made, file)
    const bytes = await sizeOf(file)
    return { file, bytes, projects: manifest.projects.map(({ key }) => key) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function copyAll(
  folder: string,
  { databaseUrl, version, clock }: { databaseUrl: string; version: string; clock: Clock },
): Promise<{ entries: readonly Entry[]; manifest: Manifest }> {
  const copy = async (from: string, name: string): Promise<Entry> => {
    await copyDatabase(from, path.join(folder, name), clock)
    return { name, path: path.join(folder, name) }
  }
  const listed = async ({ name, path: file }: Entry): Promise<Manifest['app']> => ({ file: name, sha256: await hashOfFile(file) })
  const app = await copy(pathOfUrl(databaseUrl), APP_FILE)
  // Read before it is hashed: opening a database touches its file.
  const records = await projectsIn(app.path, clock)
  const entries = [app]
  const projects: Manifest['projects'] = []
  for (const { id, key, path: repository, databaseUrl: url } of records) {
    const project = await copy(pathOfUrl(url), `project-${key}.db`)
    entries.push(project)
    projects.push({ id, key, path: repository, ...(await listed(project)) })
  }
  const manifest: Manifest = { format: 'looptroop-backup', version: 1, at: clock.now(), madeBy: version, app: await listed(app), projects }
  const written = path.join(folder, MANIFEST)
  await writeFile(written, `${JSON.stringify(manifest, null, 2)}\n`)
  return { entries: [{ name: MANIFEST, path: written }, ...entries], manifest }
}

export async function hashOfFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function sizeOf(file: string): Promise<number> {
  const handle = await open(file, 'r')
  try {
    return (await handle.stat()).size
  } finally {
    await handle.close()
  }
}
