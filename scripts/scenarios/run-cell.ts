/** One cell: a ticket is led to the point, the blow falls, and what came of it is compared with what the table promises. */
import { systemClock } from '#core'
import { auditWhole, pictureOf } from './audit-whole.ts'
import type { Picture } from './audit-whole.ts'
import type { Ended } from './child.ts'
import { judge, outcomeOf } from './judge.ts'
import type { Lane } from './lane.ts'
import { setScene, startChild } from './scene.ts'
import type { Scene } from './scene.ts'
import { struck } from './strike.ts'
import type { Cell, Outcome } from './table.ts'

export interface CellResult {
  readonly cell: Cell
  readonly seen: Outcome | null
  /** Empty: it holds. */
  readonly problems: readonly string[]
  readonly ms: number
}
export interface CellOptions {
  /** How long OpenCode stands still. */
  readonly stoppedMs: number
  readonly limitMs?: number
  /** What a whole ticket makes that nothing strikes; needed by cells of the second table. */
  readonly unharmed?: Picture
}

const LIMIT_MS = 240_000

export async function runCell(lane: Lane, cell: Cell, options: CellOptions): Promise<CellResult> {
  const started = systemClock.monotonic()
  const scene = await setScene(lane, cell.place === null ? 'talk' : 'full', cell)
  const problems: string[] = []
  let seen: Outcome | null = null
  try {
    const ended = await over(scene, struck(scene, { cell, stoppedMs: options.stoppedMs }), options.limitMs)
    seen = outcomeOf(scene, ended)
    problems.push(...judge(cell, { ended, seen }))
    if (cell.place !== null) problems.push(...(await auditWhole({ scene, cell, ended }, options.unharmed)))
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  }
  return { cell, seen, problems, ms: systemClock.monotonic() - started }
}

/** A whole ticket, and no blow. */
export async function playUnharmed(lane: Lane): Promise<Picture> {
  const scene = await setScene(lane, 'full', { point: 'completed', place: null })
  const ended = await over(scene, startChild(scene).ended)
  return pictureOf(scene, ended)
}

/** Nothing of it is left running. */
async function over(scene: Scene, work: Promise<Ended>, limitMs = LIMIT_MS): Promise<Ended> {
  try {
    return await bounded(work, limitMs)
  } finally {
    scene.lane.proxy.disarm()
    for (const child of scene.children) child.process.kill('SIGKILL')
  }
}

async function bounded<T>(work: Promise<T>, ms: number): Promise<T> {
  const timer = new AbortController()
  const late = systemClock.sleep(ms, timer.signal).then(() => {
    if (timer.signal.aborted) return new Promise<never>(() => {})
    throw new Error(`not over after ${ms} ms`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}
