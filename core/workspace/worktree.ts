/**
 * A ticket's own worktree and branch. The person's checkout, index, configuration and hooks are never touched. Every call can
 * be made again after a crash: it finds what an earlier one did.
 */
import type { ExecResult, HookCheck, HookPolicy, RemoteBranchEnd, Survey, WorkspaceInput } from '#plugins/contract'
import type { Clock } from '../ports.ts'
import { candidateFiles, type Candidates } from './candidates.ts'
import { runCommand, type CommandRequest } from './commands.ts'
import { commitChanges, squashBranch, type CommitOptions, type Squashed, type SquashOptions } from './worktree-commits.ts'
import { githubForge, type Forge } from './forge.ts'
import { lookAtInputs } from './inputs.ts'
import { pushBranch, removePushed, type Pushed } from './remote-branch.ts'
import { openRepository, type OpenRepository } from './repository.ts'
import { checkHooks, type HookRequest } from './run-hooks.ts'
import { effectsSince, markEffects, type Beside, type Marks } from './side-effects.ts'
import { surveyOf } from './survey.ts'
import { mergeBase, type Updated } from './worktree-merge.ts'
import { endProcessesIn } from './processes.ts'
import { ensurePlace, openPlace, removePlace, type PlaceOptions } from './worktree-place.ts'
import { changedPaths, diffTrees, resetTo, restoreState, treeState, type Diff } from './worktree-tree.ts'

export interface WorkspaceOptions extends PlaceOptions {
  readonly clock: Clock
}
export interface Workspace {
  readonly path: string
  readonly branch: string
  /** Creates branch and worktree, adopts them, or mends a half-made one. */
  ensure(): Promise<void>
  /** Commit of HEAD in the worktree. */
  head(): Promise<string>
  /** Paths that differ from `since` (default HEAD), untracked ones included, ignored ones not. */
  changed(since?: string): Promise<readonly string[]>
  /** Ends processes there, then tracked files as committed, untracked gone, ignored kept. Throws WORKTREE_BROKEN if not clean. */
  reset(commit: string): Promise<void>
  commit(options: CommitOptions): Promise<string | null>
  squash(options: SquashOptions): Promise<Squashed>
  /** Merges the base branch when it moved on; with conflicts nothing changes. */
  update(options: { readonly baseBranch: string; readonly key: string; readonly look?: boolean }): Promise<Updated>
  hooks(request: HookRequest): Promise<HookCheck>
  candidates(since?: string): Promise<Candidates>
  survey(options: { readonly policy: HookPolicy }): Promise<Survey>
  inputs(paths: readonly string[], options: { readonly bring: boolean }): Promise<readonly WorkspaceInput[]>
  /** What changes beside the files that a commit would take: marked before, told after. */
  readonly effects: {
    mark(name: string, options: { readonly keep: boolean }): Promise<Marks>
    since(marks: Marks): Promise<Beside>
  }
  /** `from` defaults to the base commit; without `to` it is the worktree as it stands. */
  diff(options?: { readonly from?: string; readonly to?: string; readonly maxChars?: number }): Promise<Diff>
  push(options?: { readonly remote?: string }): Promise<Pushed>
  /** Removes the branch at the remote while it is what we pushed. */
  removePushed(): Promise<RemoteBranchEnd>
  /** A command line in the worktree. A command that fails is a result. */
  run(options: Omit<CommandRequest, 'cwd' | 'maxOutput'> & { readonly maxOutput?: number }): Promise<ExecResult>
  /** Equal before and after means that nothing was written or committed. Ignored files are not looked at. */
  treeState(): Promise<string>
  /** Back to a `treeState`: its commit on the ticket's branch, and what was not committed then. */
  restore(state: string): Promise<void>
  readonly forge: Forge
  /** Removes the worktree, keeps the branch. */
  remove(): Promise<void>
}

const DIFF_CHARS = 200_000
const OUTPUT_BYTES = 200_000

export function createWorkspace(wanted: WorkspaceOptions): Workspace {
  const options = { ...wanted, opened: openedOnce(wanted) }
  const { clock, branch, worktreePath, baseCommit, repoPath } = options
  const place = () => openPlace(options)
  return {
    path: worktreePath,
    branch,
    ensure: async () => void (await ensurePlace(options)),
    head: async () => (await (await place()).git(['rev-parse', '--verify', 'HEAD^{commit}'])).stdout.trim(),
    changed: async (since) => changedPaths(await place(), since),
    reset: async (commit) => resetTo(await place(), commit, clock),
    commit: async (wanted) => commitChanges(await place(), wanted, clock),
    squash: async (wanted) => squashBranch(await place(), wanted, clock),
    update: async (wanted) => mergeBase(await place(), wanted, clock),
    hooks: async (request) => checkHooks(await place(), request),
    candidates: async (since) => candidateFiles(await place(), since),
    survey: async ({ policy }) => surveyOf(await place(), { repoPath, policy }),
    inputs: async (paths, { bring }) => lookAtInputs(await place(), { repoPath, paths, bring }),
    effects: {
      mark: async (name, wanted) => markEffects(await place(), name, wanted),
      since: async (marks) => effectsSince(await place(), marks),
    },
    forge: githubForge(options),
    diff: async ({ from = baseCommit, to, maxChars = DIFF_CHARS } = {}) => diffTrees(await place(), { from, to, maxChars }),
    push: async (wanted = {}) => pushBranch(await place(), wanted),
    removePushed: async () => removePushed(await place()),
    run: (wanted) => runCommand({ maxOutput: OUTPUT_BYTES, ...wanted, cwd: worktreePath }),
    treeState: async () => treeState(await place()),
    restore: async (state) => restoreState(await place(), state, clock),
    remove: async () => {
      await endProcessesIn(worktreePath, clock)
      await removePlace(options)
    },
  }
}

/** A repository that cannot be opened is asked for again the next time. */
function openedOnce({ repoPath, signal }: WorkspaceOptions): () => Promise<OpenRepository> {
  let opened: Promise<OpenRepository> | null = null
  const open = async (): Promise<OpenRepository> => {
    try {
      return await openRepository(repoPath, signal)
    } catch (error) {
      opened = null
      throw error
    }
  }
  return () => (opened ??= open())
}

/** Removes a ticket's worktree from outside the kernel (doctor); its branch stays. */
export const removeWorktree = (place: { repoPath: string; worktreePath: string; branch: string }): Promise<void> =>
  removePlace({ ...place, baseCommit: '' })
