/**
 * Files that a person attaches to what a manual test showed. They lie in LoopTroop's own folder, never in a repository, under
 * the hash of their content: what a person calls a file is only told, and never becomes a path.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import type { EvidenceFile } from '#plugins/contract'
import { fail } from '../errors.ts'
import { beginningOf, mediaTypeOf } from './media-type.ts'

const MIB = 1024 * 1024
/** Whose limits: a screenshot, a recording of a minute, a log. */
export const EVIDENCE_LIMITS = { fileBytes: 25 * MIB, ticketBytes: 250 * MIB, files: 100, nameChars: 120 } as const

export interface EvidenceView {
  readonly sha256: string
  /** As the person called it, without what could be taken for a path or a command to a terminal. */
  readonly name: string
  readonly bytes: number
  /** Media type, by its content: what the person says of it counts for nothing. */
  readonly type: string
  readonly addedAt: number
}
export interface Place {
  readonly projectId: string
  readonly ticketId: string
}
const Note = v.object({ name: v.string(), bytes: v.number(), type: v.string(), addedAt: v.number() })
const SHA256 = /^[0-9a-f]{64}$/

export class EvidenceFiles {
  readonly #folder: string
  constructor(folder: string) {
    this.#folder = folder
  }

  /** The same content again is the file that is there. Nothing of one that is refused or cut off stays. */
  async add(place: Place, { name, content, at }: { name: string; content: AsyncIterable<Uint8Array>; at: number }): Promise<EvidenceView> {
    const known = await this.list(place)
    if (known.length >= EVIDENCE_LIMITS.files) throw tooLarge(`there are ${known.length} files already`)
    const left = EVIDENCE_LIMITS.ticketBytes - known.reduce((sum, file) => sum + file.bytes, 0)
    const folder = this.#of(place)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await sweep(folder, at)
    const part = path.join(folder, `.${randomBytes(8).toString('hex')}.part`)
    try {
      const { sha256, bytes } = await receive(part, content, Math.min(EVIDENCE_LIMITS.fileBytes, left))
      const before = known.find((file) => file.sha256 === sha256)
      if (before) return before
      const note = { name: shownName(name), bytes, type: mediaTypeOf(await beginningOf(part)), addedAt: at }
      await rename(part, path.join(folder, sha256))
      // What has no note is not there: a crash in between is mended by the same upload.
      await writeNote(path.join(folder, `${sha256}.json`), note)
      return { sha256, ...note }
    } finally {
      await rm(part, { force: true })
    }
  }

  /** In the order in which they came. */
  async list(place: Place): Promise<readonly EvidenceView[]> {
    const folder = this.#of(place)
    const names = await readdir(folder).catch(() => []) // no folder: nobody attached anything
    const notes = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length))
    const files = await Promise.all(notes.filter((sha256) => SHA256.test(sha256)).map((sha256) => readNote(folder, sha256)))
    return files.flatMap((file) => file ?? []).toSorted((a, b) => a.addedAt - b.addedAt || (a.sha256 < b.sha256 ? -1 : 1))
  }

  /** Throws EVIDENCE_UNKNOWN. */
  async find(place: Place, sha256: string): Promise<{ readonly view: EvidenceView; readonly path: string }> {
    const view = SHA256.test(sha256) ? await readNote(this.#of(place), sha256) : null
    if (!view) throw fail('EVIDENCE_UNKNOWN', { ...place, sha256 })
    return { view, path: path.join(this.#of(place), sha256) }
  }

  /** Files by their hashes, texts with their beginning; one that is gone is left out. */
  async read(place: Place, sha256s: readonly string[], { maxChars }: { maxChars: number }): Promise<readonly EvidenceFile[]> {
    const files = (await this.list(place)).filter((file) => sha256s.includes(file.sha256))
    return Promise.all(
      files.map(async ({ sha256, name, bytes, type }) => {
        const text = type.startsWith('text/') ? (await beginningOf(path.join(this.#of(place), sha256), 4 * maxChars)).toString() : null
        return { sha256, name, bytes, type, text: text === null ? null : text.slice(0, maxChars) }
      }),
    )
  }

  async remove(place: Place, sha256: string): Promise<void> {
    const { path: file } = await this.find(place, sha256)
    await rm(`${file}.json`, { force: true })
    await rm(file, { force: true })
  }

  async removeAll(place: Place): Promise<void> {
    await rm(this.#of(place), { recursive: true, force: true })
  }

  #of({ projectId, ticketId }: Place): string {
    for (const [field, id] of Object.entries({ projectId, ticketId }))
      if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,100}$/.test(id)) throw fail('INVALID_INPUT', { field, problem: 'is no id' })
    return path.join(this.#folder, projectId, ticketId)
  }
}

const tooLarge = (problem: string): Error => fail('EVIDENCE_TOO_LARGE', { problem })

/** Uploads that died with their server. */
async function sweep(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name)
    const found = name.endsWith('.part') ? await stat(file).catch(() => null) : null
    if (found && now - found.mtimeMs > STALE_MS) await rm(file, { force: true })
  }
}
const STALE_MS = 3_600_000

async function receive(file: string, content: AsyncIterable<Uint8Array>, limit: number): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256')
  const handle = await open(file, 'wx', 0o600)
  let bytes = 0
  try {
    for await (const chunk of content) {
      bytes += chunk.byteLength
      if (bytes > limit) throw tooLarge(`it has more than the ${limit} bytes that are left`)
      hash.update(chunk)
      await handle.write(chunk)
    }
    if (bytes === 0) throw fail('INVALID_INPUT', { field: 'body', problem: 'is empty' })
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { sha256: hash.digest('hex'), bytes }
}

async function writeNote(file: string, note: v.InferOutput<typeof Note>): Promise<void> {
  const part = `${file}.part`
  const handle = await open(part, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(note)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(part, file)
}

async function readNote(folder: string, sha256: string): Promise<EvidenceView | null> {
  const there = await stat(path.join(folder, sha256)).catch(() => null)
  const text = await readFile(path.join(folder, `${sha256}.json`), 'utf8').catch(() => null)
  if (there?.isFile() !== true || text === null) return null
  const note = v.safeParse(v.pipe(v.string(), v.parseJson(), Note), text)
  return note.success ? { sha256, ...note.output } : null
}

/** The last part of a path, printable, of a bounded length. */
function shownName(given: string): string {
  const [name = ''] = given.split(/[/\\]/).slice(-1)
  // oxlint-disable-next-line no-control-regex -- control characters are what it takes out
  const clean = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').trim()
  const plain = clean.replace(/^\.+/, '')
  return Array.from(plain).slice(0, EVIDENCE_LIMITS.nameChars).join('') || 'file'
}
