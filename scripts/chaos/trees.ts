/**
 * The worktrees, seen from outside: when a conversation begins, its tree is clean and at the base or at a commit of LoopTroop;
 * and so is, after a kill, that of a ticket in whose phase no model may write.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { systemClock } from '#core'
import type { ScriptedRequest } from '../scripted-model.ts'

export interface Trees {
  /** The first request of a session, before the model has said anything. */
  lookAtFresh(request: ScriptedRequest): Promise<void>
  /** Of the ticket's branch, while the server is dead. `mayWrite`: its model may be in the middle of something. */
  lookAtDeath(place: { readonly repo: string; readonly branch: string; readonly mayWrite: boolean }): Promise<void>
  readonly looks: Readonly<Record<'fresh' | 'death', number>>
  readonly problems: readonly string[]
}

/** A git that the dead server had started goes on to its end. */
const SETTLE_MS = 3_000
const STEP_MS = 100

export function watchTrees(): Trees {
  const looks = { fresh: 0, death: 0 }
  const problems: string[] = []
  return {
    looks,
    problems,
    lookAtFresh: async (request) => {
      const folder = folderOf(request)
      const begins = request.toolResults.length === 0 && request.messages.filter((m) => m.role === 'user').length === 1
      if (folder === null || !begins) return
      looks.fresh += 1
      const problem = await problemOf(folder, { mayWrite: false })
      if (problem !== null) problems.push(`${folder} when ${request.sessionId} began: ${problem}`)
    },
    lookAtDeath: async ({ repo, branch, mayWrite }) => {
      const folder = await worktreeOf(repo, branch)
      if (folder === null) return
      looks.death += 1
      const end = systemClock.monotonic() + SETTLE_MS
      let problem = await problemOf(folder, { mayWrite })
      while (problem !== null && systemClock.monotonic() < end) {
        await systemClock.sleep(STEP_MS)
        problem = await problemOf(folder, { mayWrite })
      }
      if (problem !== null) problems.push(`${folder} after a kill: ${problem}`)
    },
  }
}

/** As OpenCode tells the model. */
function folderOf({ messages }: ScriptedRequest): string | null {
  const [system] = messages
  return /^\s*Working directory: (.+)$/m.exec(typeof system?.content === 'string' ? system.content : '')?.[1]?.trim() ?? null
}

async function problemOf(folder: string, { mayWrite }: { mayWrite: boolean }): Promise<string | null> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', ['--no-optional-locks', ...args], { cwd: folder })).stdout.trim()
  try {
    const changed = mayWrite ? '' : await git('status', '--porcelain', '--untracked-files=all')
    if (changed !== '') return `not clean: ${changed.replaceAll('\n', ', ')}`
    const [author, message] = (await git('log', '-1', '--format=%an%x1f%B')).split('\x1f')
    const atBase = (await git('rev-parse', 'HEAD')) === (await git('rev-parse', 'refs/heads/main'))
    return atBase || (author === 'LoopTroop' && message?.includes('LoopTroop-Step: ')) ? null : `at a commit of ${author}: ${message}`
  } catch (error) {
    return `git says ${String(error)}`
  }
}

async function worktreeOf(repo: string, branch: string): Promise<string | null> {
  const { stdout } = await promisify(execFile)('git', ['worktree', 'list', '--porcelain'], { cwd: repo })
  const found = stdout.split('\n\n').find((entry) => entry.includes(`branch refs/heads/${branch}`))
  return found?.split('\n')[0]?.replace('worktree ', '') ?? null
}
