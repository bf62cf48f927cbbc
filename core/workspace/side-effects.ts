/**
 * What changes beside the files that a commit would take: files that git ignores, git's own (configuration, hooks, local excludes),
 * and branches that are not the ticket's. A mark is kept in the worktree's administrative folder, so that it outlives a crash and goes
 * with the worktree; what differs from it when a turn is over is told.
 */
import { createHash } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { splitNul } from './git.ts'
import type { Place } from './worktree-place.ts'

export interface Beside {
  readonly ignored: readonly string[]
  readonly git: readonly string[]
  /** So many more are not named. */
  readonly more: number
  /** To compare with next time. */
  readonly now: Marks
}
export type Marks = { readonly ignored: Readonly<Record<string, string>>; readonly git: Readonly<Record<string, string>> }

const FOLDER = 'looptroop-marks'
/** Of git's folder that all worktrees share, and of the worktree's own. */
const SHARED = ['config', 'info/exclude', 'info/attributes', 'objects/info/alternates']
const OWN = ['config.worktree', 'info/sparse-checkout']
const MOST_MARKED = 5_000
const MOST_TOLD = 100

/** `keep`: what was marked under the name before, when there is such a mark. */
export async function markEffects(place: Place, name: string, { keep }: { readonly keep: boolean }): Promise<Marks> {
  const file = markFile(place, name)
  const before = keep ? marksIn(await readFile(file, 'utf8').catch(() => '')) : null // there may be none yet
  if (before) return before
  const now = await marks(place)
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, JSON.stringify(now))
  return now
}

export async function effectsSince(place: Place, before: Marks): Promise<Beside> {
  const now = await marks(place)
  const ignored = different(before.ignored, now.ignored)
  const git = different(before.git, now.git)
  const more = Math.max(0, ignored.length - MOST_TOLD) + Math.max(0, git.length - MOST_TOLD)
  return { ignored: ignored.slice(0, MOST_TOLD), git: git.slice(0, MOST_TOLD), more, now }
}

const markFile = (place: Place, name: string): string =>
  path.join(place.gitDir, FOLDER, createHash('sha256').update(name).digest('hex').slice(0, 32))

/** Null for a mark that a killed process wrote only half. */
function marksIn(text: string): Marks | null {
  try {
    return JSON.parse(text) as Marks
  } catch {
    return null
  }
}

async function marks(place: Place): Promise<Marks> {
  const [ignored, files, refs] = await Promise.all([ignoredFiles(place), gitFiles(place), otherRefs(place)])
  return { ignored, git: { ...files, ...refs } }
}

async function ignoredFiles(place: Place): Promise<Readonly<Record<string, string>>> {
  const listed = await place.git(['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'])
  const names = splitNul(listed.stdout).slice(0, MOST_MARKED)
  const stamps = await Promise.all(names.map((name) => stamp(path.join(place.path, name))))
  return Object.fromEntries(names.map((name, i) => [name, stamps[i] ?? '']))
}

/** A folder's own time changes with what is directly in it; deeper changes are not seen. */
async function stamp(file: string): Promise<string> {
  const stat = await lstat(file).catch(() => undefined) // gone since it was listed
  return stat === undefined ? '' : `${stat.size}:${stat.mtimeMs}`
}

async function gitFiles(place: Place): Promise<Readonly<Record<string, string>>> {
  const shared = path.resolve(place.gitDir, '../..')
  const hooks = (await readdir(path.join(shared, 'hooks')).catch((): string[] => [])).filter((name) => !name.endsWith('.sample'))
  const names = [...SHARED, ...hooks.map((name) => `hooks/${name}`)]
  const found = await Promise.all([
    ...names.map(async (name) => [`.git/${name}`, await contents(path.join(shared, name))] as const),
    ...OWN.map(
      async (name) => [`.git/worktrees/${path.basename(place.gitDir)}/${name}`, await contents(path.join(place.gitDir, name))] as const,
    ),
  ])
  return Object.fromEntries(found.filter(([, print]) => print !== ''))
}

async function contents(file: string): Promise<string> {
  const bytes = await readFile(file).catch(() => null) // most of them are not there
  return bytes === null ? '' : createHash('sha256').update(bytes).digest('hex')
}

async function otherRefs(place: Place): Promise<Readonly<Record<string, string>>> {
  const listed = await place.git(['for-each-ref', `--count=${MOST_MARKED}`, '--format=%(refname) %(objectname)', 'refs/heads', 'refs/tags'])
  const rows = listed.stdout.split('\n').filter((row) => row !== '' && !row.startsWith('refs/heads/looptroop/'))
  return Object.fromEntries(rows.map((row) => [row.split(' ')[0] ?? '', row.split(' ')[1] ?? '']))
}

const different = (before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => before[name] !== now[name]).toSorted()
