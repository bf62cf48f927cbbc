/** The remote and the forge, from outside: each branch was pushed once, and its pull request opened once and merged once. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Findings } from './audit.ts'
import type { Followed } from './person.ts'

type Delivered = Pick<Followed, 'ticketId' | 'view'>

interface PullRequest {
  readonly number: number
  readonly branch: string
  readonly state: string
}

/** Of one remote and all tickets that deliver to it. */
export async function auditForge(remote: string, tickets: readonly Delivered[], { lost, twice }: Findings): Promise<void> {
  const moves = async (branch: string): Promise<number> =>
    (await promisify(execFile)('git', ['reflog', '--format=%H', branch], { cwd: remote })).stdout.split('\n').length - 1
  const opened = JSON.parse(await readFile(path.join(remote, 'gh.json'), 'utf8').catch(nothing('[]'))) as readonly PullRequest[]
  const journal = await readFile(path.join(remote, 'gh.log'), 'utf8').catch(nothing(''))
  const done = tickets.filter(({ view }) => view.status === 'completed')
  for (const { ticketId, view } of done) {
    const branch = view.branch ?? ''
    const own = opened.filter((pr) => pr.branch === branch)
    if (own.length === 0) lost.push(`${ticketId}: no pull request`)
    if (own.length > 1) twice.push(`${ticketId}: ${own.length} pull requests`)
    for (const { number, state } of own) if (state !== 'MERGED') lost.push(`${ticketId}: pull request ${number} is ${state}`)
    const pushes = own.length === 0 ? 0 : await moves(branch)
    if (pushes > 1) twice.push(`${ticketId}: its branch was pushed ${pushes} times`)
  }
  const calls = (action: string): number => journal.split('\n').filter((line) => line.startsWith(`pr ${action}`)).length
  if (calls('create') > opened.length) twice.push(`${remote}: ${calls('create')} times \`gh pr create\` for ${opened.length} pull requests`)
  const merges = (await moves('main')) - 1
  const merged = opened.filter((pr) => pr.state === 'MERGED').length
  if (merges > merged) twice.push(`${remote}: main moved ${merges} times for ${merged} merges`)
}

/** No pull request was ever opened there. */
const nothing =
  (empty: string) =>
  (error: unknown): string => {
    if ((error as { code?: string }).code === 'ENOENT') return empty
    throw error
  }
