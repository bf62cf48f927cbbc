/** What a change consists of, file by file, with what a person would want to know before it leaves the machine. */
import type { CandidateFile } from '#plugins/contract'
import { looksSecret } from '../redact.ts'
import { splitNul } from './git.ts'
import type { Place } from './worktree-place.ts'
import { writeTree } from './worktree-tree.ts'

export interface Candidates {
  readonly files: readonly CandidateFile[]
  /** So many are not listed. */
  readonly more: number
}

const MOST_FILES = 2_000
const MOST_SECRETS = 20
const PATCH_BYTES = 32 * 1024 * 1024
const KINDS: Readonly<Record<string, CandidateFile['kind']>> = { '120000': 'link', '160000': 'submodule' }
const STATUS: Readonly<Record<string, CandidateFile['status']>> = { A: 'added', D: 'deleted' }
const GONE = /^0+$/

interface Entry {
  readonly path: string
  readonly mode: string
  readonly blob: string
  readonly status: CandidateFile['status']
}

export async function candidateFiles(place: Place, since = 'HEAD'): Promise<Candidates> {
  const tree = await writeTree(place)
  const { all, binary } = readRaw(await between(place, [since, tree], ['-z', '--raw', '--numstat']))
  if (all.length === 0) return { files: [], more: 0 }
  const entries = all.slice(0, MOST_FILES)
  const patch = ['-U0', '--patch', '--no-ext-diff', '--no-textconv', '--src-prefix=a/', '--dst-prefix=b/']
  const [known, sizes, lines] = await Promise.all([
    since === 'HEAD' ? null : namesAtHead(place),
    sizesOf(place, entries),
    between(place, [since, tree], patch),
  ])
  const facts = { known, binary, sizes, secrets: secretsIn(lines) }
  return { files: entries.map((entry) => fileOf(entry, facts)), more: all.length - entries.length }
}

interface Facts {
  /** Null: what is not new is known. */
  readonly known: ReadonlySet<string> | null
  readonly binary: ReadonlySet<string>
  readonly sizes: ReadonlyMap<string, number>
  readonly secrets: ReadonlyMap<string, readonly number[]>
}

function fileOf({ path, mode, blob, status }: Entry, { known, binary, sizes, secrets }: Facts): CandidateFile {
  return {
    ...{ path, status, tracked: known?.has(path) ?? status !== 'added', kind: KINDS[mode] ?? 'file' },
    ...{ bytes: status === 'deleted' ? null : (sizes.get(blob) ?? 0), binary: binary.has(path), secrets: secrets.get(path) ?? [] },
  }
}

const between = async (place: Place, commits: readonly [string, string], how: readonly string[]): Promise<string> =>
  (await place.git(['diff-tree', '-r', '--no-renames', ...how, ...commits], { maxOutput: PATCH_BYTES })).stdout

const namesAtHead = async (place: Place): Promise<ReadonlySet<string>> =>
  new Set(splitNul((await place.git(['ls-tree', '-r', '-z', '--name-only', 'HEAD'])).stdout))

/**
 * First `:oldmode newmode oldblob newblob status` and the path as fields of their own, then `added removed path` as one; of what is no
 * text git counts no lines.
 */
function readRaw(text: string): { readonly all: readonly Entry[]; readonly binary: ReadonlySet<string> } {
  const fields = splitNul(text)
  const all: Entry[] = []
  let i = 0
  for (; fields[i]?.startsWith(':') === true; i += 2) {
    const [oldMode = '', mode = '', , blob = '', letter = 'M'] = (fields[i] ?? '').slice(1).split(' ')
    all.push({ path: fields[i + 1] ?? '', mode: GONE.test(mode) ? oldMode : mode, blob, status: STATUS[letter] ?? 'modified' })
  }
  return { all, binary: new Set(fields.slice(i).flatMap((row) => (row.startsWith('-\t-\t') ? [row.slice(4)] : []))) }
}

async function sizesOf(place: Place, entries: readonly Entry[]): Promise<ReadonlyMap<string, number>> {
  const blobs = [...new Set(entries.filter((e) => !GONE.test(e.blob) && KINDS[e.mode] !== 'submodule').map((e) => e.blob))]
  if (blobs.length === 0) return new Map()
  const { stdout } = await place.git(['cat-file', '--batch-check=%(objectname) %(objectsize)'], { input: `${blobs.join('\n')}\n` })
  return new Map(stdout.split('\n').map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1] ?? 0)]))
}

/** Of lines that the change adds: an old one is no news. */
function secretsIn(patch: string): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  let file = ''
  let line = 0
  for (const text of patch.split('\n')) {
    const hunk = /^@@ -\S+ \+(\d+)/.exec(text)
    if (hunk) line = Number(hunk[1])
    else if (text.startsWith('+++ ')) file = pathIn(text.slice(4))
    else if (text.startsWith('+')) {
      const lines = found.get(file) ?? []
      if (lines.length < MOST_SECRETS && looksSecret(text.slice(1))) found.set(file, [...lines, line])
      line += 1
    }
  }
  return found
}

/** `b/name`, with a tab behind a name that has spaces. Git quotes only odd ones; those are not looked up. */
const pathIn = (text: string): string => text.replace(/^b\//, '').replace(/\t$/, '')
