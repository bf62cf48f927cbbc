/**
 * Commits of LoopTroop, made of trees and refs alone: no hook, no editor, no signature, and the branch moves in one atomic
 * step at the very end, so an error before it changes nothing. Each carries its step's key and is found again by it.
 */
import { fail, isCode, messageOf } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { resolveCommit } from './repository.ts'
import { changedPaths, resetTo, treeWithout, writeTree } from './worktree-tree.ts'
import type { Place } from './worktree-place.ts'

export interface CommitOptions {
  readonly message: string
  /** Literal; a folder stands for what changed in it. Without it: everything that changed. */
  readonly paths?: readonly string[]
  /** The step's key: the commit carries it as trailer `LoopTroop-Step`, and a second call finds it. */
  readonly key: string
}
export interface SquashOptions {
  readonly message: string
  readonly key: string
  readonly baseBranch: string
  /** Paths that stay as they are at the base. */
  readonly without?: readonly string[]
}
export interface Squashed {
  readonly commit: string
  readonly base: string
  readonly commits: number
}

const AUTHOR = { name: 'LoopTroop', email: 'looptroop@localhost' }
const STEP = 'LoopTroop-Step'
const COUNT = 'LoopTroop-Commits'

/** Null when there is nothing to commit. */
export async function commitChanges(place: Place, options: CommitOptions, clock: Clock): Promise<string | null> {
  const earlier = await findByKey(place, options.key, place.baseCommit)
  if (earlier !== undefined) return earlier
  const head = await branchHead(place)
  const changed = (await changedPaths(place, head)).filter((name) => !name.endsWith('/'))
  const paths =
    options.paths === undefined
      ? changed
      : changed.filter((name) => options.paths?.some((wanted) => name === wanted || name.startsWith(`${wanted.replace(/\/$/, '')}/`)))
  if (paths.length === 0) return null
  const tree = await writeTree(place, head, paths)
  if (tree === (await resolveTree(place, head))) return null
  const commit = await writeCommit(place, { tree, parents: [head], text: withTrailers(options.message, { [STEP]: options.key }), clock })
  await place.git(['symbolic-ref', 'HEAD', `refs/heads/${place.branch}`])
  await moveBranch(place, commit, head)
  // The index still describes the old head; the files are right already.
  await place.git(['reset', '--quiet', '--mixed'])
  return commit
}

/** The branch as one commit on its merge base with the base branch. On any error the branch is as it was. */
export async function squashBranch(place: Place, options: SquashOptions, clock: Clock): Promise<Squashed> {
  try {
    return await squash(place, options, clock)
  } catch (error) {
    if (isCode(error, 'GIT_FAILED', 'GIT_TIMEOUT', 'BRANCH_UNKNOWN'))
      throw fail('SQUASH_CONFLICT', { ticketId: place.branch, problem: messageOf(error) }, error)
    throw error
  }
}

async function squash(place: Place, { message, key, baseBranch, without = [] }: SquashOptions, clock: Clock): Promise<Squashed> {
  const head = await branchHead(place)
  const base = await newestBase(place, head, baseBranch)
  if ((await findByKey(place, key, base)) === head) {
    if (without.length > 0) await resetTo(place, head, clock)
    return { commit: head, base, commits: await countOf(place, head) }
  }
  const commits = Number((await place.git(['rev-list', '--count', `${base}..${head}`])).stdout.trim())
  if (commits === 0) throw fail('SQUASH_CONFLICT', { ticketId: place.branch, problem: `it has no commit beyond ${baseBranch}` })
  const text = withTrailers(message, { [COUNT]: String(commits), [STEP]: key })
  const tree = without.length === 0 ? await resolveTree(place, head) : await treeWithout(place, { head, base, paths: without })
  const commit = await writeCommit(place, { tree, parents: [base], text, clock })
  await moveBranch(place, commit, head)
  if (without.length > 0) await resetTo(place, commit, clock)
  return { commit, base, commits }
}

/** Where the base branch's newest commit at the remote is kept, when it was asked for. */
export const remoteBase = (baseBranch: string): string => `refs/looptroop/base/${baseBranch}`

/** What the branch shares with the base branch, here or at the remote: the later of the two, and the remote's when they went apart. */
async function newestBase(place: Place, head: string, baseBranch: string): Promise<string> {
  const shared = async (tip: string): Promise<string> => (await place.git(['merge-base', head, tip])).stdout.trim()
  const here = await shared(await resolveCommit(place.git, baseBranch))
  const known = await place.git(['rev-parse', '--verify', '--quiet', remoteBase(baseBranch)], { codes: [0, 1] })
  if (known.code !== 0) return here
  const there = await shared(known.stdout.trim())
  return (await place.git(['merge-base', '--is-ancestor', there, here], { codes: [0, 1] })).code === 0 ? here : there
}

/** The newest commit after `since` that carries the key. */
export async function findByKey(place: Place, key: string, since: string): Promise<string | undefined> {
  const format = `--format=%H%x1f%(trailers:key=${STEP},valueonly,separator=%x1e)`
  const lines = (await place.git(['log', format, `${since}..refs/heads/${place.branch}`])).stdout.split('\n')
  const rows = lines.map((line) => line.split('\x1f'))
  return rows.find(([, keys = '']) => keys.split('\x1e').some((found) => found.trim() === key))?.[0]
}

async function countOf(place: Place, commit: string): Promise<number> {
  const { stdout } = await place.git(['log', '-1', `--format=%(trailers:key=${COUNT},valueonly)`, commit])
  return Number(stdout.trim() || 1)
}

export const branchHead = (place: Place): Promise<string> => resolveCommit(place.git, place.branch)

const resolveTree = async (place: Place, commit: string): Promise<string> =>
  (await place.git(['rev-parse', `${commit}^{tree}`])).stdout.trim()

export const moveBranch = (place: Place, to: string, from: string): Promise<unknown> =>
  place.git(['update-ref', '-m', 'looptroop', `refs/heads/${place.branch}`, to, from])

interface NewCommit {
  readonly tree: string
  readonly parents: readonly string[]
  readonly text: string
  readonly clock: Clock
}

export async function writeCommit(place: Place, { tree, parents, text, clock }: NewCommit): Promise<string> {
  const date = `${Math.floor(clock.now() / 1000)} +0000`
  const env = {
    ...{ GIT_AUTHOR_NAME: AUTHOR.name, GIT_AUTHOR_EMAIL: AUTHOR.email, GIT_AUTHOR_DATE: date },
    ...{ GIT_COMMITTER_NAME: AUTHOR.name, GIT_COMMITTER_EMAIL: AUTHOR.email, GIT_COMMITTER_DATE: date },
  }
  return (
    await place.git(['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent]), '-F', '-'], { env, input: text })
  ).stdout.trim()
}

/** A message that its step finds again. */
export const keyed = (message: string, key: string): string => withTrailers(message, { [STEP]: key })

/** At the end of the trailers that a message has (a hook may want its own in the last block), or as a block of its own: else git reads them as text. */
function withTrailers(message: string, trailers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${value.replaceAll(/\s+/g, ' ')}`)
  const blocks = message.trim().split(/\n[ \t]*\n/)
  const joins = blocks.length > 1 && (blocks.at(-1) ?? '').split('\n').every((line) => /^[A-Za-z0-9-]+: \S/.test(line))
  return `${message.trim()}${joins ? '\n' : '\n\n'}${lines.join('\n')}\n`
}
