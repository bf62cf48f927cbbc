/** What a ticket made, less what no two runs have in common: times, ids, hashes of commits, and the seed of a vote with what follows from it. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import type { Followed } from './person.ts'
import type { Stage } from './stage.ts'
import { remoteOf } from './stage.ts'

export interface Portrait {
  /** By kind: the hash of each revision, oldest first. */
  readonly artifacts: Readonly<Record<string, readonly string[]>>
  /** Tree and message of each commit: those of the beads, the one that is left, and what the remote's main became. */
  readonly commits: readonly string[]
}

/** Names of fields that hold times, ids and hashes of one run. */
const OF_ONE_RUN = new Set([
  ...['durationMs', 'output', 'at', 'updatedAt', 'number', 'url'],
  // Names the try: one that a kill cut off is not counted, and has its number.
  'session',
  // Of a vote: the order follows from the seed, and what is listed in that order.
  ...['seed', 'order', 'totals', 'scores', 'corrected'],
])

interface Compared {
  /** Played without a kill. */
  readonly reference: Followed
  readonly others: readonly Followed[]
  readonly say: (line: string) => void
}

/** Says what the reference made and how many made the same; returns what differs. */
export async function compareAll(stage: Stage, { reference, others, say }: Compared): Promise<readonly string[]> {
  const one = await portraitOf(stage, reference)
  const problems: string[] = []
  const completed = others.filter(({ ticketId, view }) => ticketId !== reference.ticketId && view.status === 'completed')
  const portraits: Portrait[] = []
  for (const other of completed) {
    const made = await portraitOf(stage, other)
    portraits.push(made)
    problems.push(...differences(one, made).map((difference) => `${other.ticketId} differs: ${difference}`))
  }
  const same = (test: (made: Portrait) => boolean): string => `the same in ${portraits.filter(test).length} of ${portraits.length}`
  say(`made without kills, and with them (${completed.map(({ ticketId }) => ticketId).join(', ')}):`)
  for (const [kind, hashes] of Object.entries(one.artifacts))
    say(`  ${kind}  ${shown(hashes)}  ${same((made) => shown(made.artifacts[kind]) === shown(hashes))}`)
  for (const commit of one.commits) say(`  commit ${commit}  ${same(({ commits }) => commits.includes(commit))}`)
  return problems
}

async function portraitOf({ client }: Stage, { ticketId, repo, view }: Followed): Promise<Portrait> {
  const all = await client.tickets.artifacts.query({ ticketId })
  const artifacts = await Promise.all(all.map(({ kind, revision }) => client.tickets.artifact.query({ ticketId, kind, revision })))
  return portrait({ ticketId, branch: view.branch ?? '', repo, remote: remoteOf(repo), artifacts })
}

interface Made {
  readonly ticketId: string
  readonly branch: string
  readonly repo: string
  readonly remote: string
  readonly artifacts: readonly { readonly kind: string; readonly revision: number; readonly content: string }[]
}

export async function portrait({ ticketId, branch, repo, remote, artifacts }: Made): Promise<Portrait> {
  const named = (text: string): string => text.replaceAll(ticketId, 'TICKET').replaceAll(ticketId.toLowerCase(), 'TICKET')
  const plain = (text: string): string => named(text).replaceAll(/\b[0-9a-f]{40}\b/g, 'COMMIT')
  const kinds: Record<string, string[]> = {}
  for (const { kind, content } of artifacts.toSorted((a, b) => a.revision - b.revision))
    (kinds[kind] ??= []).push(hashOf(JSON.stringify(common(parse(plain(content))))))
  const commits = await commitsOf({ repo, branch, remote })
  return { artifacts: kinds, commits: commits.map((line) => named(line)) }
}

/** Empty: both made the same. */
export function differences(one: Portrait, other: Portrait): readonly string[] {
  const kinds = new Set([...Object.keys(one.artifacts), ...Object.keys(other.artifacts)])
  return [
    ...[...kinds].flatMap((kind) => {
      const [a, b] = [shown(one.artifacts[kind]), shown(other.artifacts[kind])]
      return a === b ? [] : [`${kind}: ${a} without kills, ${b} with`]
    }),
    ...one.commits.filter((commit) => !other.commits.includes(commit)).map((commit) => `missing commit ${commit}`),
    ...other.commits.filter((commit) => !one.commits.includes(commit)).map((commit) => `another commit ${commit}`),
  ]
}

const shown = (hashes: readonly string[] | undefined): string => hashes?.map((hash) => hash.slice(0, 7)).join(' ') ?? 'none'

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')

function common(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => common(one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !OF_ONE_RUN.has(name))
      .map(([name, field]) => [name, common(field)]),
  )
}

async function commitsOf({ repo, branch, remote }: Pick<Made, 'repo' | 'branch' | 'remote'>): Promise<readonly string[]> {
  const git = async (cwd: string, ...args: string[]): Promise<string> => (await promisify(execFile)('git', args, { cwd })).stdout
  const heads = [...new Set((await git(repo, 'reflog', '--format=%H', branch)).trim().split('\n'))].toReversed()
  const lines: string[] = []
  for (const head of heads) lines.push(await git(repo, 'log', '-1', '--format=%T %B', head))
  const main = await git(remote, 'log', '-1', '--format=%T', 'main')
  return [...lines.map(withoutStep), `${main.trim()} the remote's main`]
}

/** The key by which a step finds its commit names the try. */
const withoutStep = (line: string): string =>
  line
    .split('\n')
    .filter((one) => one !== '' && !one.startsWith('LoopTroop-Step'))
    .join(' / ')
