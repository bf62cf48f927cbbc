/**
 * Pull requests through the GitHub command line tool. It runs in the person's repository with the person's own login and
 * touches no file there. Every call looks first, so that one whose reply was lost is recognised and nothing is made twice.
 */
import path from 'node:path'
import * as v from 'valibot'
import type { PullRequest } from '#plugins/contract'
import { RetryAfter } from '#plugins/errors'
import { fail } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { cleanEnvironment } from './environment.ts'
import { openGit } from './git.ts'
import { OutputBuffer, runProcess } from './process.ts'

export interface ForgePlace {
  readonly repoPath: string
  readonly branch: string
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}
export interface Forge {
  available(): Promise<{ ok: boolean; reason?: string }>
  /** The newest pull request of the branch, in whatever state. */
  find(): Promise<PullRequest | null>
  /** Opens one, or gives the open one this title and body. One that is over and was at `head` already is an answer. */
  open(options: { title: string; body: string; base: string; draft: boolean; head: string }): Promise<PullRequest>
  /** Merges when its head is still `head`; one that is merged already is an answer. */
  merge(head: string): Promise<PullRequest>
  close(): Promise<PullRequest>
}

const TIMEOUT_MS = 120_000
const FIELDS = 'number,url,state,isDraft,headRefOid,baseRefName,updatedAt'
const OWN = ['GH_TOKEN', 'GITHUB_TOKEN', 'GH_HOST', 'GH_CONFIG_DIR', 'GH_ENTERPRISE_TOKEN']
const Found = v.array(
  v.object({
    number: v.number(),
    url: v.string(),
    state: v.string(),
    isDraft: v.boolean(),
    headRefOid: v.string(),
    baseRefName: v.string(),
    updatedAt: v.optional(v.string()),
  }),
)

export function githubForge(place: ForgePlace): Forge {
  const gh = async (args: readonly string[], input?: string): Promise<Ended> => withinLimit(place, await runGh(place, args, input))
  const find = async (): Promise<PullRequest | null> => {
    const { stdout } = must(await gh(['pr', 'list', '--head', place.branch, '--state', 'all', '--limit', '1', '--json', FIELDS]))
    return pullRequestIn(stdout)
  }
  const known = async (): Promise<PullRequest> => (await find()) ?? missing(place.branch)
  return {
    available: () => available(place),
    find,
    open: async ({ title, body, base, draft, head }) => {
      const before = await find()
      if (before !== null && before.state !== 'open' && before.head === head) return before
      const text = ['--title', title, '--body-file', '-']
      if (before?.state === 'open') must(await gh(['pr', 'edit', String(before.number), ...text], body))
      else must(await gh(['pr', 'create', '--head', place.branch, '--base', base, ...text, ...(draft ? ['--draft'] : [])], body))
      return known()
    },
    merge: async (head) => {
      const before = await known()
      if (before.state !== 'open') return before
      if (before.head !== head)
        throw fail('FORGE_FAILED', { args: 'pr merge', problem: `the pull request is at ${before.head}, what was reviewed is ${head}` })
      if (before.draft) must(await gh(['pr', 'ready', String(before.number)]))
      const merged = await gh(['pr', 'merge', String(before.number), '--merge', '--match-head-commit', head])
      const after = await known()
      return after.state === 'merged' ? after : (must(merged), after)
    },
    close: async () => {
      const before = await known()
      if (before.state === 'open') must(await gh(['pr', 'close', String(before.number)]))
      return known()
    },
  }
}

const missing = (branch: string): never => {
  throw fail('FORGE_FAILED', { args: 'pr list', problem: `there is no pull request of ${branch}` })
}

async function available(place: ForgePlace): Promise<{ ok: boolean; reason?: string }> {
  const git = openGit({ gitDir: path.join(place.repoPath, '.git'), signal: place.signal })
  const remote = await git(['remote', 'get-url', 'origin'], { codes: [0, 2, 128] })
  if (remote.code !== 0) return { ok: false, reason: 'the repository has no remote origin' }
  const status = await runGh(place, ['auth', 'status']).catch(() => null)
  if (status === null) return { ok: false, reason: 'the command gh is not installed' }
  return status.code === 0 ? { ok: true } : { ok: false, reason: `gh is not logged in: ${status.stderr.trim().slice(0, 300)}` }
}

function pullRequestIn(stdout: string): PullRequest | null {
  const [found] = v.parse(Found, JSON.parse(stdout || '[]'))
  if (!found) return null
  const state = found.state.toLowerCase()
  return {
    ...{ number: found.number, url: found.url, draft: found.isDraft, head: found.headRefOid, base: found.baseRefName },
    state: state === 'merged' || state === 'closed' ? state : 'open',
    updatedAt: found.updatedAt === undefined ? null : Date.parse(found.updatedAt),
  }
}

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly args: readonly string[]
}

function must(end: Ended): Ended {
  if (end.code === 0) return end
  throw fail('FORGE_FAILED', {
    args: end.args.slice(0, 3).join(' '),
    problem: (end.stderr || end.stdout).trim().slice(-1_000) || `exit code ${end.code}`,
  })
}

/** GitHub's two refusals of too many calls. What it says of the time is asked for; that call is free of the limit. */
const TOO_MANY = /rate limit|abuse detection|HTTP 429/i
const AGAIN_MS = 300_000
const MOST_MS = 3_600_000
const Limits = v.object({ resources: v.record(v.string(), v.object({ remaining: v.number(), reset: v.number() })) })

/** Throws RetryAfter instead, with the time that the forge names. */
async function withinLimit(place: ForgePlace, end: Ended): Promise<Ended> {
  if (end.code === 0 || !TOO_MANY.test(end.stderr)) return end
  throw new RetryAfter(`the forge takes no more calls now: ${end.stderr.trim().slice(0, 300)}`, await waitNamed(place))
}

async function waitNamed(place: ForgePlace): Promise<number> {
  const { stdout } = await runGh(place, ['api', 'rate_limit'])
  const limits = v.safeParse(v.pipe(v.string(), v.parseJson(), Limits), stdout)
  if (!limits.success) return AGAIN_MS
  const resets = Object.values(limits.output.resources).flatMap(({ remaining, reset }) => (remaining === 0 ? [reset * 1_000] : []))
  // None is used up: the other limit, on calls in a short time, names no end.
  const wait = resets.length === 0 ? AGAIN_MS : Math.max(...resets) - place.clock.now()
  return Math.min(MOST_MS, Math.max(1_000, wait))
}

async function runGh({ repoPath, signal }: ForgePlace, args: readonly string[], input?: string): Promise<Ended> {
  const stdout = new OutputBuffer(1024 * 1024)
  const stderr = new OutputBuffer(16 * 1024)
  const own = OWN.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]] as const]))
  const env = cleanEnvironment({ ...Object.fromEntries(own), GH_PROMPT_DISABLED: '1', NO_COLOR: '1', GIT_TERMINAL_PROMPT: '0' })
  const end = await runProcess({
    ...{ file: 'gh', args, cwd: repoPath, env, timeoutMs: TIMEOUT_MS, signal, input },
    onOutput: (stream, chunk) => (stream === 'stdout' ? stdout : stderr).add(chunk),
  })
  return { code: end.timedOut ? null : end.exitCode, stdout: stdout.text(), stderr: stderr.text(), args }
}
