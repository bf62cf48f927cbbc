/** The content of a worktree: what changed, its fingerprint, its difference, and back to a commit. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'
import { fail } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { splitNul, type Git } from './git.ts'
import { endProcessesIn } from './processes.ts'
import { openFolders, removeFolder, type Place } from './worktree-place.ts'

/** Paths that differ from a commit, untracked ones included, ignored ones not. A nested repository ends with `/`. */
export async function changedPaths(place: Place, since = 'HEAD'): Promise<readonly string[]> {
  await showHiddenChanges(place)
  const tracked = await place.git(['diff', '--name-only', '-z', '--no-renames', '--no-ext-diff', '--ignore-submodules=none', since, '--'])
  return [...new Set([...splitNul(tracked.stdout), ...(await untracked(place))])].toSorted()
}

/** The commit, a hash of all tracked and untracked content, and the branch: equal before and after means that nothing was touched. */
export async function treeState(place: Place): Promise<string> {
  const [head, branch] = (await place.git(['rev-parse', 'HEAD', '--symbolic-full-name', 'HEAD'])).stdout.trim().split('\n')
  return `${head}:${await writeTree(place)}:${branch}`
}

/** The worktree as a tree object, made in an index of its own: the worktree's own index is not touched. */
export async function writeTree(place: Place, from = 'HEAD', paths?: readonly string[]): Promise<string> {
  return inOwnIndex(place, async (env) => {
    await place.git(['read-tree', from], { env })
    const chosen = paths ?? (await changedPaths(place, from)).filter((name) => !name.endsWith('/'))
    if (chosen.length > 0) {
      const input = chosen.join('\0')
      await place.git(['add', '--all', '--force', '--pathspec-from-file=-', '--pathspec-file-nul'], { env, input })
    }
    return (await place.git(['write-tree'], { env })).stdout.trim()
  })
}

/** A commit's tree, but for some paths, which are as they are at the base: its version, or not there. */
export async function treeWithout(
  place: Place,
  { head, base, paths }: { head: string; base: string; paths: readonly string[] },
): Promise<string> {
  return inOwnIndex(place, async (env) => {
    await place.git(['read-tree', head], { env })
    const kept = splitNul((await place.git(['ls-tree', '-r', '-z', base, '--', ...paths])).stdout)
    // Taken out first: a file of the base may stand where the change has a folder.
    const gone = paths.map((name) => `0 ${'0'.repeat(40)}\t${name}`)
    const back = kept.map((entry) => entry.replace(/^(\d+) \w+ (\w+)\t/, '$1 $2\t'))
    await place.git(['update-index', '-z', '--index-info'], { env, input: [...gone, ...back].join('\0') + '\0' })
    return (await place.git(['write-tree'], { env })).stdout.trim()
  })
}

/** It lies in the worktree's administrative folder, so that what a killed process leaves goes with the worktree. */
async function inOwnIndex<T>(place: Place, work: (env: Readonly<Record<string, string>>) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(place.gitDir, 'looptroop-index-'))
  try {
    return await work({ GIT_INDEX_FILE: path.join(folder, 'index') })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export interface Diff {
  readonly patch: string
  readonly stat: string
  readonly truncated: boolean
}

/** Without `to`: up to the worktree as it is, untracked files included. */
export async function diffTrees(
  place: Place,
  { from, to, maxChars }: { from: string; to?: string | undefined; maxChars: number },
): Promise<Diff> {
  return diffCommits(place.git, { from, to: to ?? (await writeTree(place)), maxChars })
}

/** Between two commits or trees, in any folder of the repository. */
export async function diffCommits(git: Git, { from, to, maxChars }: { from: string; to: string; maxChars: number }): Promise<Diff> {
  const plain = ['diff', '--no-ext-diff', '--no-textconv', '--no-color', '--find-renames', '--src-prefix=a/', '--dst-prefix=b/']
  const stat = await git([...plain, '--stat=120', from, to, '--'], { maxOutput: maxChars })
  const { stdout, truncated } = await git([...plain, from, to, '--'], { maxOutput: 2 * maxChars })
  const tooLong = truncated || stdout.length > maxChars
  const cut = stdout.slice(0, maxChars)
  return { patch: tooLong ? cut.slice(0, cut.lastIndexOf('\n') + 1) : stdout, stat: stat.stdout, truncated: tooLong }
}

/**
 * Back to a commit, on the ticket's branch: tracked files as committed, untracked ones gone, ignored ones kept. Ends what runs
 * there first, and throws WORKTREE_BROKEN when the result is not clean.
 */
export async function resetTo(place: Place, commit: string, clock: Clock): Promise<void> {
  await endProcessesIn(place.path, clock)
  await forgetUnfinished(place)
  await showHiddenChanges(place)
  await place.git(['symbolic-ref', 'HEAD', `refs/heads/${place.branch}`])
  await hardReset(place, commit)
  for (const name of await submodulesAmong(place, await changedPaths(place))) await emptySubmodule(place, name)
  const left = await changedPaths(place)
  if (left.length > 0)
    throw fail('WORKTREE_BROKEN', {
      ticketId: place.branch,
      problem: `after a reset these are not as committed: ${left.slice(0, 10).join(', ')}`,
    })
}

/** Back to what `treeState` saw: its commit, and what was not committed then. */
export async function restoreState(place: Place, state: string, clock: Clock): Promise<void> {
  const [head = '', tree = ''] = state.split(':')
  await resetTo(place, head, clock)
  await place.git(['read-tree', '-u', '--reset', tree])
  await place.git(['reset', '--quiet', '--mixed'])
}

async function hardReset(place: Place, commit: string): Promise<void> {
  const run = async (): Promise<void> => {
    await place.git(['reset', '--hard', '--quiet', commit])
    // Twice -f: nested repositories too. No -x: ignored files stay.
    await place.git(['clean', '-ffdq'])
  }
  try {
    await run()
  } catch {
    // As a rule a folder without write permission; once opened, a further failure is the real one.
    await openFolders(place.path)
    await run()
  }
}

/** A merge, rebase or lock that a killed git left, which would make the next one refuse. */
async function forgetUnfinished(place: Place): Promise<void> {
  const traces = [
    'index.lock',
    'HEAD.lock',
    'rebase-merge',
    'rebase-apply',
    'sequencer',
    'MERGE_HEAD',
    'CHERRY_PICK_HEAD',
    'REVERT_HEAD',
    'BISECT_LOG',
  ]
  for (const name of traces) await rm(path.join(place.gitDir, name), { recursive: true, force: true })
}

/** Flags by which a change can be hidden from git (assume-unchanged, and skip-worktree where no sparse checkout asks for it). */
async function showHiddenChanges(place: Place): Promise<void> {
  const files = splitNul((await place.git(['ls-files', '-v', '-z'])).stdout)
  const assumed = files.filter((line) => /^[a-z] /.test(line)).map((line) => line.slice(2))
  if (assumed.length > 0) await place.git(['update-index', '--no-assume-unchanged', '-z', '--stdin'], { input: assumed.join('\0') })
  const skipped = files.filter((line) => /^[Ss] /.test(line)).map((line) => line.slice(2))
  if (skipped.length === 0) return
  const sparse = await place.git(['config', '--get', '--type=bool', 'core.sparseCheckout'], { codes: [0, 1] })
  if (sparse.stdout.trim() !== 'true')
    await place.git(['update-index', '--no-skip-worktree', '-z', '--stdin'], { input: skipped.join('\0') })
}

const untracked = async (place: Place): Promise<readonly string[]> =>
  splitNul((await place.git(['ls-files', '-z', '--others', '--exclude-standard'])).stdout)

async function submodulesAmong(place: Place, names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return []
  const entries = splitNul((await place.git(['ls-files', '-z', '--stage'])).stdout)
  const links = new Set(entries.filter((entry) => entry.startsWith('160000 ')).map((entry) => entry.slice(entry.indexOf('\t') + 1)))
  return names.filter((name) => links.has(name))
}

/** As right after a checkout: an empty folder. Only for a submodule that is not at its commit or not clean. */
async function emptySubmodule(place: Place, name: string): Promise<void> {
  await removeFolder(path.join(place.path, name))
  await mkdir(path.join(place.path, name), { recursive: true })
}
