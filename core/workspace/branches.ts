/** Branches of tickets that are over: which there are, and letting go of one. */
import type { BranchEnd } from '../ticket.ts'
import { openRepository } from './repository.ts'

interface Removal {
  readonly branch: string
  readonly baseBranch: string
  /** Without it a branch goes only when the base branch, here or at origin, holds its commits. */
  readonly unmerged: boolean
}

/** A branch that somebody has checked out is kept, as git wants it. */
export async function removeBranch(repoPath: string, { branch, baseBranch, unmerged }: Removal): Promise<BranchEnd> {
  const { git } = await openRepository(repoPath)
  const ref = `refs/heads/${branch}`
  const there = async (name: string): Promise<boolean> =>
    (await git(['rev-parse', '--verify', '--quiet', `${name}^{commit}`], { codes: [0, 1] })).code === 0
  if (!(await there(ref))) return 'none'
  let free = unmerged
  for (const base of [`refs/heads/${baseBranch}`, `refs/remotes/origin/${baseBranch}`])
    free ||= (await there(base)) && (await git(['merge-base', '--is-ancestor', ref, base], { codes: [0, 1] })).code === 0
  if (!free) return 'kept'
  const gone = (await git(['branch', '--quiet', '-D', '--', branch], { codes: [0, 1] })).code === 0
  if (!gone) return 'kept'
  const marks = (await git(['for-each-ref', '--format=%(refname)', `refs/looptroop/*/*/${branch}`])).stdout.split('\n')
  for (const mark of marks) if (mark !== '') await git(['update-ref', '-d', mark])
  return 'deleted'
}

/** Those that LoopTroop made, by their names. */
export async function ticketBranches(repoPath: string): Promise<readonly string[]> {
  const { git } = await openRepository(repoPath)
  const { stdout } = await git(['for-each-ref', '--format=%(refname:lstrip=2)', 'refs/heads/looptroop/'])
  return stdout.split('\n').filter((name) => name !== '')
}
