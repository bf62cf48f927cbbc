/**
 * What a phase can do in the ticket's worktree and with its pull request. Part of the contract; `contract.ts` hands it on.
 */
export interface ExecResult {
  readonly command: string
  readonly exitCode: number | null
  readonly output: string
  readonly durationMs: number
  readonly timedOut: boolean
  readonly truncated: boolean
}
export interface ExecOptions {
  /** A command line for `/bin/sh -c`, run in the worktree in a process group of its own. */
  readonly command: string
  readonly timeoutMs?: number
}

/**
 * What becomes of the repository's own git hooks when LoopTroop commits and pushes (setting `git.hooks`). `skip`: none runs, and
 * which ones that were is said. `report`: they run over the whole change before it is integrated or pushed, and what they say is shown.
 * `require`: the same, and they must pass. `run`: moreover they run over each commit of a work item, as they would for a person.
 */
export const HOOK_POLICIES = ['skip', 'report', 'require', 'run'] as const
export type HookPolicy = (typeof HOOK_POLICIES)[number]
export interface HookOptions {
  /** `commit`: pre-commit and commit-msg over the worktree as it stands. `push`: pre-push over the branch. */
  readonly stage: 'commit' | 'push'
  /** Of the commit; without it commit-msg is left out. */
  readonly message?: string
  /** The commit that the change is held against; default: HEAD. */
  readonly since?: string
}
/** What the hooks said. A hook that fails or runs out of time is a result. */
export type HookCheck = {
  readonly policy: HookPolicy
  /** In git's order, up to the first that failed. */
  readonly ran: readonly {
    readonly hook: string
    readonly exitCode: number | null
    readonly timedOut: boolean
    readonly durationMs: number
    readonly output: string
  }[]
  /** Hooks of this stage that are there and did not run. */
  readonly left: readonly { readonly hook: string; readonly why: string }[]
  readonly passed: boolean
  /** Files that they changed in the worktree. */
  readonly changed: readonly string[]
  /** The message as commit-msg left it, when it is another one than was asked about. */
  readonly message?: string
}

/** A file that the change adds, changes or takes away. */
export type CandidateFile = {
  readonly path: string
  readonly status: 'added' | 'modified' | 'deleted'
  /** Git knows it at HEAD. */
  readonly tracked: boolean
  readonly kind: 'file' | 'link' | 'submodule'
  /** Null when it is gone. */
  readonly bytes: number | null
  readonly binary: boolean
  /** Lines (of the new file) that look like a key, a private key or a password in an address; never their content. */
  readonly secrets: readonly number[]
}

/** What a fresh worktree is made for: what the project's files say about its tools, and what only the person's checkout has. */
export type Survey = {
  readonly manifests: readonly string[]
  readonly lock_files: readonly { readonly path: string; readonly sha256: string }[]
  /** Version null: it is not installed here. */
  readonly tools: readonly { readonly name: string; readonly version: string | null }[]
  /** What git ignores there and the worktree does not have. */
  readonly ignored: readonly string[]
  readonly hooks: {
    readonly policy: HookPolicy
    readonly found: readonly {
      readonly name: string
      readonly path: string
      readonly manager: string | null
      readonly why_not: string | null
    }[]
    readonly hints: readonly string[]
  }
}
/** A file or folder of the person's checkout that the worktree needs. */
export type WorkspaceInput = {
  readonly path: string
  readonly kind: 'file' | 'directory' | null
  /** What it holds, as a fingerprint. Null when it cannot be used. */
  readonly sha256: string | null
  readonly bytes: number
  /** Why it cannot be used. */
  readonly problem: string | null
}

/** `gone`: it was not there any more. */
export type RemoteBranchEnd = { readonly end: 'removed' | 'gone' } | { readonly end: 'kept'; readonly reason: string }

/** Git and commands in the ticket's worktree. Every call is recorded under its name, and replayed. */
export interface WorkspaceVerbs {
  /** Current commit. */
  head(name: string): Promise<string>
  /** Paths that differ from `since` (default HEAD), untracked ones included, ignored ones not. */
  changed(name: string, since?: string): Promise<readonly string[]>
  /** Back to a commit; ignored files stay; processes whose working directory is in the worktree are ended first. */
  reset(name: string, commit: string): Promise<void>
  /** Null when there is nothing to commit. Without `paths`: everything `changed`. Looks for its own earlier commit first. */
  commit(name: string, options: { message: string; paths?: readonly string[] }): Promise<string | null>
  /** One commit on the merge base with the base branch; `without` are paths that stay as they are there. Restores the head on any error. */
  squash(
    name: string,
    options: { message: string; without?: readonly string[] },
  ): Promise<{ commit: string; base: string; commits: number }>
  /**
   * Merges the base branch, here and at the remote, into the ticket's when it moved on meanwhile. With conflicts (paths) nothing is
   * changed. `look`: only says whether it moved.
   */
  update(name: string, options?: { look?: boolean }): Promise<{ moved: boolean; base: string; conflicts: readonly string[] }>
  /** The repository's hooks over what would be committed or pushed, by the policy of the project. What they change stays in the worktree. */
  hooks(name: string, options: HookOptions): Promise<HookCheck>
  /** What differs from `since` (default HEAD), file by file. */
  candidates(name: string, since?: string): Promise<{ files: readonly CandidateFile[]; more: number }>
  survey(name: string): Promise<Survey>
  /** What those paths are in the person's checkout; with `bring` the usable ones are copied into the worktree (never linked). */
  inputs(name: string, paths: readonly string[], options?: { bring?: boolean }): Promise<readonly WorkspaceInput[]>
  diff(
    name: string,
    options?: { from?: string; to?: string; maxChars?: number },
  ): Promise<{ patch: string; stat: string; truncated: boolean }>
  push(name: string, options?: { remote?: string }): Promise<{ pushed: boolean; reason?: string }>
  /** Removes the branch at the remote, when it is what was pushed there and nothing newer. What cannot be removed is a result. */
  removePushed(name: string): Promise<RemoteBranchEnd>
  exec(name: string, options: ExecOptions): Promise<ExecResult>
  /** Text files of the worktree, together at most `maxChars`; one that is missing, binary or outside has no content. */
  files(
    name: string,
    paths: readonly string[],
    options: { maxChars: number },
  ): Promise<readonly { path: string; content: string | null; truncated: boolean }[]>
  /** Removes the worktree and keeps the branch. */
  remove(name: string): Promise<void>
}

/** A pull request of the ticket's branch. */
export type PullRequest = {
  readonly number: number
  readonly url: string
  readonly state: 'open' | 'merged' | 'closed'
  readonly draft: boolean
  /** Newest commit that the forge has of it. */
  readonly head: string
  readonly base: string
  /** When anything about it last changed (epoch milliseconds); null when the forge does not say. */
  readonly updatedAt: number | null
}
/** Pull requests: a port. Without a remote `available` says why. Each looks first and makes nothing twice. */
export interface ForgeVerbs {
  available(name: string): Promise<{ ok: boolean; reason?: string }>
  openPullRequest(name: string, options: { title: string; body: string; draft?: boolean }): Promise<PullRequest>
  pullRequest(name: string): Promise<PullRequest | null>
  /** Only while its head is `head`: what was reviewed. */
  merge(name: string, options: { head: string }): Promise<PullRequest>
  close(name: string): Promise<PullRequest>
  /** Not recorded: for `Poll.look` alone. */
  look(): Promise<PullRequest | null>
}
