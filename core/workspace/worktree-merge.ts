/** The base branch merged into the ticket's, when it moved on meanwhile: made of trees alone, so a conflict changes nothing. */
import { isCode } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { resolveCommit } from './repository.ts'
import { branchHead, findByKey, keyed, moveBranch, remoteBase, writeCommit } from './worktree-commits.ts'
import type { Place } from './worktree-place.ts'
import { resetTo } from './worktree-tree.ts'

export interface Updated {
  /** The base branch had commits that the ticket's did not. */
  readonly moved: boolean
  /** Newest commit of the base branch. */
  readonly base: string
  /** Paths that both sides changed; then nothing was merged. */
  readonly conflicts: readonly string[]
}

interface MergeOptions {
  readonly baseBranch: string
  readonly key: string
  /** Only says whether it moved. */
  readonly look?: boolean
}
type Merging = MergeOptions & { readonly clock: Clock }

const FETCH_TIMEOUT_MS = 60_000

/** The base branch as it is here, then as it is at the remote: a pull request goes there. */
export async function mergeBase(place: Place, options: MergeOptions, clock: Clock): Promise<Updated> {
  const tips = [await resolveCommit(place.git, options.baseBranch)]
  const remote = await fetchBase(place, options.baseBranch)
  if (remote !== null && !(await holds(place, remote, tips[0] ?? ''))) tips.push(remote)
  const ends: Updated[] = []
  for (const [i, tip] of tips.entries()) {
    const end = await mergeTip(place, tip, { ...options, key: i === 0 ? options.key : `${options.key}#remote`, clock })
    ends.push(end)
    if (end.conflicts.length > 0) break
  }
  return { moved: ends.some((end) => end.moved), base: tips.at(-1) ?? '', conflicts: ends.flatMap((end) => end.conflicts) }
}

/**
 * Its newest commit at the remote, kept under a ref of ours: the person's own remote-tracking branches and FETCH_HEAD stay as they
 * are. Null without such a branch, and when the remote cannot be asked now: then what is known here counts.
 */
async function fetchBase(place: Place, baseBranch: string): Promise<string | null> {
  if (!(await place.git(['remote'])).stdout.split('\n').includes('origin')) return null
  const ref = remoteBase(baseBranch)
  const args = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--refmap=',
    '--no-write-fetch-head',
    '--no-recurse-submodules',
    '--no-auto-maintenance',
    'origin',
  ]
  try {
    await place.git([...args, `+refs/heads/${baseBranch}:${ref}`], { timeoutMs: FETCH_TIMEOUT_MS })
    return (await place.git(['rev-parse', '--verify', ref])).stdout.trim()
  } catch (error) {
    if (isCode(error, 'GIT_FAILED', 'GIT_TIMEOUT')) return null
    throw error
  }
}

const holds = async (place: Place, commit: string, head: string): Promise<boolean> =>
  (await place.git(['merge-base', '--is-ancestor', commit, head], { codes: [0, 1] })).code === 0

async function mergeTip(place: Place, base: string, { baseBranch, key, look, clock }: Merging): Promise<Updated> {
  const merged = look === true ? undefined : await findByKey(place, key, place.baseCommit)
  if (merged !== undefined) {
    await resetTo(place, merged, clock)
    return { moved: true, base, conflicts: [] }
  }
  const head = await branchHead(place)
  if (await holds(place, base, head)) return { moved: false, base, conflicts: [] }
  const { code, stdout } = await place.git(['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', head, base], {
    codes: [0, 1],
  })
  const [tree = '', ...conflicts] = stdout.split('\0').filter((name) => name !== '')
  if (code === 1 || look === true) return { moved: true, base, conflicts: code === 1 ? conflicts : [] }
  const text = keyed(`Merge ${baseBranch} into ${place.branch}`, key)
  const commit = await writeCommit(place, { tree, parents: [head, base], text, clock })
  await moveBranch(place, commit, head)
  await resetTo(place, commit, clock)
  return { moved: true, base, conflicts: [] }
}
