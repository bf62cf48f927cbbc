/** The ticket's branch at the remote: pushed there, and taken away again. Only what is ours is ever replaced or removed. */
import type { RemoteBranchEnd } from '#plugins/contract'
import { branchHead } from './worktree-commits.ts'
import type { Place } from './worktree-place.ts'

export interface Pushed {
  readonly pushed: boolean
  readonly reason?: string
}
const PUSH_TIMEOUT_MS = 180_000

/** Replaces on the remote only what we pushed there ourselves, or nothing. A refusal is an answer, not an error. */
export async function pushBranch(place: Place, { remote = 'origin' }: { remote?: string }): Promise<Pushed> {
  const remotes = (await place.git(['remote'])).stdout.split('\n')
  if (!remotes.includes(remote)) return { pushed: false, reason: `The repository has no remote ${remote}.` }
  const ref = `refs/heads/${place.branch}`
  const mark = markOf(place, remote)
  const head = await branchHead(place)
  const ours = await ownAt(place, { remote, ref, mark })
  // Noted first: a push whose reply is lost is known by it, also when the branch has moved on since.
  await place.git(['update-ref', pushing(mark), head])
  const args = [
    'push',
    '--no-verify',
    '--porcelain',
    '--recurse-submodules=no',
    '--no-follow-tags',
    '--no-signed',
    `--force-with-lease=${ref}:${ours}`,
    remote,
    `${head}:${ref}`,
  ]
  const result = await place.git(args, { codes: [0, 1, 128], timeoutMs: PUSH_TIMEOUT_MS })
  if (result.code !== 0) return { pushed: false, reason: `${result.stdout}\n${result.stderr}`.trim().slice(-1_000) }
  await place.git(['update-ref', mark, head])
  return { pushed: true }
}

/**
 * Removes it there while it is what we pushed; one that is gone already is an answer, so a removal whose reply was lost is recognised.
 */
export async function removePushed(place: Place, { remote = 'origin' }: { remote?: string } = {}): Promise<RemoteBranchEnd> {
  const ref = `refs/heads/${place.branch}`
  const ours = await commitAt(place, markOf(place, remote))
  if (ours === '') return { end: 'kept', reason: 'it is not known to be ours' }
  const there = await atRemote(place, { remote, ref })
  if (there === null) return { end: 'kept', reason: `the remote ${remote} does not answer` }
  if (there === '') return { end: 'gone' }
  if (there !== ours) return { end: 'kept', reason: `it is at ${there.slice(0, 10)} there, and ${ours.slice(0, 10)} is what was pushed` }
  const args = ['push', '--no-verify', '--porcelain', '--no-signed', `--force-with-lease=${ref}:${ours}`, remote, `:${ref}`]
  const result = await place.git(args, { codes: [0, 1, 128], timeoutMs: PUSH_TIMEOUT_MS })
  return result.code === 0 ? { end: 'removed' } : { end: 'kept', reason: `${result.stdout}\n${result.stderr}`.trim().slice(-500) }
}

/** Its commit; empty when it is not there, null when the remote does not say. */
async function atRemote(place: Place, { remote, ref }: { remote: string; ref: string }): Promise<string | null> {
  const there = await place.git(['ls-remote', '--', remote, ref], { codes: [0, 128], timeoutMs: PUSH_TIMEOUT_MS })
  return there.code === 0 ? (there.stdout.split('\t')[0] ?? '').trim() : null
}

const commitAt = async (place: Place, name: string): Promise<string> =>
  (await place.git(['rev-parse', '--verify', '--quiet', name], { codes: [0, 1] })).stdout.trim()

/** What we last pushed there. */
const markOf = ({ branch }: Place, remote: string): string => `refs/looptroop/pushed/${remote}/${branch}`
const pushing = (mark: string): string => mark.replace('/pushed/', '/pushing/')

/** What the remote branch must still be: what we last pushed there, or began to push when it is that by now. Empty: nothing of ours. */
async function ownAt(place: Place, { remote, ref, mark }: { remote: string; ref: string; mark: string }): Promise<string> {
  const [done, begun] = [await commitAt(place, mark), await commitAt(place, pushing(mark))]
  if (begun === '' || begun === done) return done
  return (await atRemote(place, { remote, ref })) === begun ? begun : done
}
