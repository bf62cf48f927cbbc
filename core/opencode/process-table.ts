/**
 * Processes by identity. A pid alone is no identity: it is reused. With its start token (Linux: start time and boot id)
 * it is. Where there is no /proc the token is null, and a caller needs other proof before it signals anything.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { Clock } from '../ports.ts'

/** Null when the process does not exist, is a zombie, or this system has no /proc. */
export function startTokenOf(pid: number): string | null {
  const stat = readProc(`/proc/${pid}/stat`)
  // The name in parentheses may hold anything; the fields that count come after the last one.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields[0] === 'Z' || fields[0] === 'X' || fields[19] === undefined) return null
  return `${readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}:${fields[19]}`
}

export function isAlive(pid: number, startToken: string | null): boolean {
  if (startToken !== null) return startTokenOf(pid) === startToken
  return signal(pid, 0)
}

/** Every process whose environment carries `NAME=value`: also those that left the process group or lost their parent. */
export function processesWith(name: string, value: string): readonly number[] {
  const wanted = `${name}=${value}`
  return pids().filter((pid) => pid !== process.pid && (readProc(`/proc/${pid}/environ`)?.split('\0').includes(wanted) ?? false))
}

/** False when there is no such process (or group, for a negative pid). */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name)
  } catch (error) {
    // EPERM says that it exists and belongs to somebody else; anything else that it is gone.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Polls until `holds`, at most `ms`; the last answer. */
export async function waitUntil(clock: Clock, ms: number, holds: () => boolean): Promise<boolean> {
  const end = clock.monotonic() + ms
  while (!holds()) {
    if (clock.monotonic() >= end) return holds()
    await clock.sleep(25)
  }
  return true
}

function pids(): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    // No /proc on this system: nothing can be listed.
    return []
  }
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process ended meanwhile, belongs to another user, or there is no /proc.
    return null
  }
}
