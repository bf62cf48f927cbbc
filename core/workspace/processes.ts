/** Processes that an agent left in a folder: a dev server or a watcher would write into the next iteration's tree. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../ports.ts'

const TERM_GRACE_MS = 1_000
const POLL_MS = 25

/**
 * Ends every process whose working directory is inside `dir`, and returns their ids. Linux only; elsewhere nothing is known
 * and nothing is done. A process with a terminal is spared: that is a person's shell or editor, not an agent's.
 */
export async function endProcessesIn(dir: string, clock: Clock): Promise<readonly number[]> {
  if (process.platform !== 'linux') return []
  const found = await processesIn(dir)
  for (const pid of found) signal(pid, 'SIGTERM')
  const until = clock.monotonic() + TERM_GRACE_MS
  let left = found.length === 0 ? [] : await processesIn(dir)
  while (left.length > 0 && clock.monotonic() < until) {
    await clock.sleep(POLL_MS)
    left = await processesIn(dir)
  }
  for (const pid of left) signal(pid, 'SIGKILL')
  return [...new Set([...found, ...left])]
}

async function processesIn(dir: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const inside = await Promise.all(pids.map(async (pid) => pid !== process.pid && (await isInside(pid, dir))))
  return pids.filter((_, index) => inside[index])
}

async function isInside(pid: number, dir: string): Promise<boolean> {
  try {
    const cwd = (await readlink(`/proc/${pid}/cwd`)).replace(/ \(deleted\)$/, '')
    if (cwd !== dir && !cwd.startsWith(dir + path.sep)) return false
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const [state, , , , terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return terminal === '0' && state !== 'Z'
  } catch {
    // Ended meanwhile, or another user's: not ours to end.
    return false
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself, which is what was wanted.
  }
}
