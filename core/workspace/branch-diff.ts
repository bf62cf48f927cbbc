/** What a ticket changed: its worktree as it stands while there is one, else its branch. Looking changes nothing. */
import { openRepository } from './repository.ts'
import { lookForPlace, type PlaceOptions } from './worktree-place.ts'
import { diffCommits, diffTrees, type Diff } from './worktree-tree.ts'

export async function diffOfBranch({ maxChars, ...options }: PlaceOptions & { readonly maxChars: number }): Promise<Diff> {
  const from = options.baseCommit
  const place = await lookForPlace(options)
  if (place !== undefined) return diffTrees(place, { from, maxChars })
  const { git } = await openRepository(options.repoPath, options.signal)
  return diffCommits(git, { from, to: `refs/heads/${options.branch}`, maxChars })
}
