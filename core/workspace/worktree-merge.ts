/** The base branch merged into the ticket's, when it moved on meanwhile: made of trees alone, so a conflict changes nothing. */
import type { Clock } from '../ports.ts'
import { resolveCommit } from './repository.ts'
import { branchHead, findByKey, keyed, moveBranch, writeCommit } from './worktree-commits.ts'
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

export async function mergeBase(place: Place, { baseBranch, key }: { baseBranch: string; key: string }, clock: Clock): Promise<Updated> {
  const base = await resolveCommit(place.git, baseBranch)
  const merged = await findByKey(place, key, place.baseCommit)
  if (merged !== undefined) {
    await resetTo(place, merged, clock)
    return { moved: true, base, conflicts: [] }
  }
  const head = await branchHead(place)
  if ((await place.git(['merge-base', '--is-ancestor', base, head], { codes: [0, 1] })).code === 0)
    return { moved: false, base, conflicts: [] }
  const { code, stdout } = await place.git(['merge-tree', '--write-tree', '--name-only', '--no-messages', '-z', head, base], {
    codes: [0, 1],
  })
  const [tree = '', ...conflicts] = stdout.split('\0').filter((name) => name !== '')
  if (code === 1) return { moved: true, base, conflicts }
  const text = keyed(`Merge ${baseBranch} into ${place.branch}`, key)
  const commit = await writeCommit(place, { tree, parents: [head, base], text, clock })
  await moveBranch(place, commit, head)
  await resetTo(place, commit, clock)
  return { moved: true, base, conflicts: [] }
}
