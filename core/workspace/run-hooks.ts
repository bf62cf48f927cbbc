/**
 * The repository's hooks over a change, as git would run them, but beside it: HEAD and index are those of a scratch folder, so that
 * a hook sees exactly the change as staged and can move neither the ticket's branch nor its index. Files are the worktree's own.
 */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { HookCheck, HookOptions, HookPolicy } from '#plugins/contract'
import { cleanEnvironment } from './environment.ts'
import { findHooks, type FoundHook } from './find-hooks.ts'
import { splitNul } from './git.ts'
import { OutputBuffer, runProcess } from './process.ts'
import { resolveCommit } from './repository.ts'
import { mendLink, type Place } from './worktree-place.ts'
import { writeTree } from './worktree-tree.ts'

export interface HookRequest extends HookOptions {
  readonly policy: HookPolicy
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}
type Ran = HookCheck['ran'][number]

const STAGES = { commit: ['pre-commit', 'commit-msg'], push: ['pre-push'] } as const
const MAX_OUTPUT = 20_000
const NOTHING = '0'.repeat(40)

export async function checkHooks(place: Place, request: HookRequest): Promise<HookCheck> {
  const { policy, stage } = request
  // Without a message there is nothing to ask about one.
  const wanted: readonly string[] = STAGES[stage].filter((name) => name !== 'commit-msg' || request.message !== undefined)
  const { hooks, hints } = await findHooks(place, request.since)
  const found = hooks.filter((hook) => wanted.includes(hook.name))
  const why = (hook: FoundHook): string | null => hook.whyNot ?? (policy === 'skip' ? 'git.hooks is skip' : null)
  // What was meant to be there and is not is said as well.
  const missing = found.length > 0 ? [] : hints.map((hint) => ({ hook: wanted.join(', '), why: hint }))
  const left = [...found.flatMap((hook) => (why(hook) === null ? [] : [{ hook: hook.name, why: why(hook) ?? '' }])), ...missing]
  const runnable = found.filter((hook) => why(hook) === null).toSorted((a, b) => wanted.indexOf(a.name) - wanted.indexOf(b.name))
  if (runnable.length === 0) return { policy, ran: [], left, passed: true, changed: [] }
  // Over a whole change the commit counts, not what an earlier run of a hook, cut off by a crash, has left in the files.
  const ofWork = stage === 'commit' && request.since === undefined
  const before = ofWork ? await writeTree(place) : (await place.git(['rev-parse', 'HEAD^{tree}'])).stdout.trim()
  const { ran, ...words } = await (stage === 'commit' ? overCommit : overPush)(place, request, { hooks: runnable, tree: before })
  const after = await writeTree(place)
  const changed = await namesBetween(place, before, after)
  return { policy, ran, left, passed: ran.every((run) => run.exitCode === 0), changed, ...words }
}
interface Done {
  readonly ran: readonly Ran[]
  readonly message?: string
}

interface Over {
  readonly hooks: readonly FoundHook[]
  /** The worktree as it stands. */
  readonly tree: string
}

async function overCommit(place: Place, request: HookRequest, { hooks, tree }: Over): Promise<Done> {
  const scratch = await mkdtemp(path.join(place.gitDir, 'looptroop-hooks-'))
  try {
    await fillScratch(place, scratch, { head: await resolveCommit(place.git, request.since ?? 'HEAD'), tree })
    const message = path.join(scratch, 'COMMIT_EDITMSG')
    const asked = (request.message ?? '').trim()
    await writeFile(message, `${asked}\n`)
    const env = { GIT_DIR: scratch, GIT_INDEX_FILE: path.join(scratch, 'index') }
    // For tools that take GIT_DIR out of their environment and look for themselves (lint-staged). Every use of the worktree mends it.
    await mendLink({ path: place.path, gitDir: scratch })
    const ran = await inOrder(hooks, (hook) => run(place, request, { hook, env, args: hook.name === 'commit-msg' ? [message] : [] }))
    // One that took it away, or emptied it, has said nothing that could be used.
    const left = (await readFile(message, 'utf8').catch(() => '')).slice(0, MAX_OUTPUT).trim()
    return { ran, ...(left === '' || left === asked ? {} : { message: left }) }
  } finally {
    await mendLink(place)
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What git needs to take a folder for a worktree's own: the shared one, a HEAD, an index. */
async function fillScratch(place: Place, scratch: string, { head, tree }: { head: string; tree: string }): Promise<void> {
  await writeFile(path.join(scratch, 'commondir'), `${path.resolve(place.gitDir, '../..')}\n`)
  await writeFile(path.join(scratch, 'HEAD'), `${head}\n`)
  await mkdir(path.join(scratch, 'info'))
  for (const name of ['config.worktree', 'info/sparse-checkout'])
    await copyFile(path.join(place.gitDir, name), path.join(scratch, name)).catch(() => undefined) // most worktrees have none
  const env = { GIT_DIR: scratch, GIT_INDEX_FILE: path.join(scratch, 'index') }
  await place.git(['read-tree', tree], { env })
  await place.git(['update-index', '-q', '--refresh'], { env, codes: [0, 1] })
}

async function overPush(place: Place, request: HookRequest, { hooks }: Over): Promise<Done> {
  const ref = `refs/heads/${place.branch}`
  const head = await resolveCommit(place.git, place.branch)
  const mark = await place.git(['rev-parse', '--verify', '--quiet', `refs/looptroop/pushed/origin/${place.branch}`], { codes: [0, 1] })
  const url = await place.git(['remote', 'get-url', 'origin'], { codes: [0, 2, 128] })
  const input = `${ref} ${head} ${ref} ${mark.stdout.trim() || NOTHING}\n`
  const args = ['origin', url.stdout.trim() || 'origin']
  return { ran: await inOrder(hooks, (hook) => run(place, request, { hook, env: { GIT_DIR: place.gitDir }, args, input })) }
}

/** As git does: one that fails ends it. */
async function inOrder(hooks: readonly FoundHook[], work: (hook: FoundHook) => Promise<Ran>): Promise<readonly Ran[]> {
  const ran: Ran[] = []
  for (const hook of hooks) {
    const end = await work(hook)
    ran.push(end)
    if (end.exitCode !== 0) break
  }
  return ran
}

interface OneRun {
  readonly hook: FoundHook
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly input?: string
}

/** Without a terminal, in a clean environment, in a process group of its own that its time limit ends. */
async function run(place: Place, { timeoutMs, signal }: HookRequest, { hook, args, env, input }: OneRun): Promise<Ran> {
  const output = new OutputBuffer(MAX_OUTPUT)
  const own = { GIT_WORK_TREE: place.path, GIT_PREFIX: '', GIT_EDITOR: ':', GIT_TERMINAL_PROMPT: '0', SSH_ASKPASS_REQUIRE: 'never' }
  const end = await runProcess({
    // Through the shell, which also runs a script that names no interpreter, as git does.
    ...{ file: '/bin/sh', args: ['-c', 'exec "$0" "$@"', hook.file, ...args] },
    ...{ cwd: place.path, env: cleanEnvironment({ ...own, ...env }), timeoutMs, signal, input },
    onOutput: (_, chunk) => output.add(chunk),
  })
  const { timedOut, durationMs } = end
  return { hook: hook.name, exitCode: timedOut ? null : end.exitCode, timedOut, durationMs, output: output.text() }
}

async function namesBetween(place: Place, from: string, to: string): Promise<readonly string[]> {
  if (from === to) return []
  return splitNul((await place.git(['diff-tree', '-r', '-z', '--name-only', '--no-renames', from, to])).stdout)
}
