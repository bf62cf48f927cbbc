/**
 * A process that waits for its moment: it takes the write lock of the project databases again and again, and when it finds
 * a turn in the wished state it kills while it holds the lock, so that nothing moves on. Moments of less than a millisecond
 * are met like this; a look from outside would come too late.
 */
import Libsql from 'libsql'
import { pathToFileURL } from 'node:url'

export interface Order {
  readonly databases: readonly string[]
  /** True or not. */
  readonly when: string
  /** In this order. */
  readonly kill: readonly number[]
  readonly limitMs: number
}
export interface Met {
  readonly met: boolean
}

/** How long it spins before it lets others run. */
const BURST_MS = 20

async function waitAtTheDoor({ databases, when, kill, limitMs }: Order): Promise<Met> {
  const doors = databases.map((file) => new Libsql(file))
  const end = performance.now() + limitMs
  try {
    while (performance.now() < end) {
      if (spin(doors, { when, kill })) return { met: true }
      await new Promise((resolve) => setImmediate(resolve))
    }
    return { met: false }
  } finally {
    for (const door of doors) door.close()
  }
}

function spin(doors: readonly Libsql.Database[], order: Pick<Order, 'when' | 'kill'>): boolean {
  const rest = performance.now() + BURST_MS
  while (performance.now() < rest) if (doors.some((door) => metAt(door, order))) return true
  return false
}

function metAt(door: Libsql.Database, { when, kill }: Pick<Order, 'when' | 'kill'>): boolean {
  try {
    door.exec('BEGIN IMMEDIATE')
  } catch {
    return false // somebody writes: the next look comes after that
  }
  const met = (door.prepare(`SELECT (${when}) AS met`).get() as { met: number | null } | undefined)?.met === 1
  if (met) for (const pid of kill) killed(pid)
  door.exec('ROLLBACK')
  return met
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It was dead already, by a kill before.
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  process.on('message', (order: Order) => {
    void waitAtTheDoor(order).then((met) => process.send?.(met))
  })
