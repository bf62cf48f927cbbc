/** What a ticket changed: its worktree as it stands while there is one, else its branch. Looking changes nothing. */
import { openRepository } from './repository.ts'
import { lookForPlace } from './worktree-place.ts'
import { diffCommits, diffTrees, type Diff } from './worktree-tree.ts'

interface Range {
  readonly branch: string
  /** Commit that the ticket began at. */
  readonly base: string
  readonly worktree: string
  readonly maxChars: number
}

export async function diffOfBranch(repoPath: string, { branch, base, worktree, maxChars }: Range): Promise<Diff> {
  const place = await lookForPlace({ repoPath, branch, baseCommit: base, worktreePath: worktree })
  if (place !== undefined) return diffTrees(place, { from: base, maxChars })
  const { git } = await openRepository(repoPath)
  // A ticket that was just started has no branch yet, one that was cleaned up none any more.
  const found = await git(['show-ref', '--verify', '--quiet', `refs/heads/${branch}`], { codes: [0, 1] })
  if (found.code !== 0) return { patch: '', stat: '', truncated: false }
  return diffCommits(git, { from: base, to: `refs/heads/${branch}`, maxChars })
}
