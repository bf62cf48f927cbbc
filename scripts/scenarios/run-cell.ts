/** One cell: a ticket is led to the point, the blow falls, and what came of it is compared with what the table promises. */
import { execFile, fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemClock } from '#core'
import type { ChildConfig, Ended, FromChild } from './child.ts'
import { waitUntil } from './lane.ts'
import type { Lane } from './lane.ts'
import { POINTS, TALKS } from './points.ts'
import type { Point } from './points.ts'
import { isPromised, outcomeText, promisedText } from './table.ts'
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
}

const MESSAGES = /^\/session\/[^/]+\/message$/
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))
let cells = 0

export async function runCell(lane: Lane, cell: Cell, options: CellOptions): Promise<CellResult> {
  const started = systemClock.monotonic()
  const scene = await setScene(lane, cell)
  const problems: string[] = []
  let seen: Outcome | null = null
  try {
    const ended = await bounded(play(scene, options), options.limitMs ?? 180_000)
    seen = outcomeOf(scene, ended)
    problems.push(...judge(scene, { ended, seen }))
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error))
  } finally {
    lane.proxy.disarm()
    for (const child of scene.children) child.process.kill('SIGKILL')
  }
  return { cell, seen, problems, ms: systemClock.monotonic() - started }
}

interface Scene {
  readonly lane: Lane
  readonly cell: Cell
  readonly point: Point
  readonly config: ChildConfig
  readonly before: number
  readonly children: Child[]
}

async function setScene(lane: Lane, cell: Cell): Promise<Scene> {
  const point: Point = POINTS[cell.point]
  const folder = path.join(lane.folder, `cell-${(cells += 1)}`)
  const repo = path.join(folder, 'project')
  await makeRepository(repo)
  lane.model.use(TALKS[point.talk]())
  const config: ChildConfig = {
    dataDir: folder,
    repo,
    baseUrl: lane.proxy.url,
    password: lane.password,
    startedAtFile: lane.startedAtFile,
    talk: point.talk,
    standAt: 'store' in point.at ? point.at.store : null,
  }
  return { lane, cell, point, config, before: lane.model.requests.length, children: [] }
}

async function makeRepository(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'README.md'), 'hello\n')
  const git = (...args: string[]): Promise<unknown> =>
    promisify(execFile)('git', ['-c', 'user.name=Cell', '-c', 'user.email=cell@localhost', ...args], { cwd: folder })
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '-m', 'base')
}

// -------------------------------------------------------------------------------------------- LoopTroop's side

interface Child {
  readonly process: ChildProcess
  readonly standing: Promise<void>
  readonly ended: Promise<Ended>
  /** It is gone when this resolves. */
  kill(): Promise<void>
}

function startChild({ config, children }: Scene): Child {
  const process = fork(CHILD, [JSON.stringify(config)], { execArgv: ['--import', 'tsx'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const gone = new Promise<void>((resolve) => process.once('exit', () => resolve()))
  let stand = (): void => {}
  const standing = new Promise<void>((resolve) => (stand = resolve))
  const ended = new Promise<Ended>((resolve, reject) => {
    process.on('message', (message: FromChild) => {
      if (message.type === 'standing') stand()
      if (message.type === 'ended') resolve(message)
      if (message.type === 'failed') reject(new Error(`LoopTroop failed: ${message.problem}`))
    })
  })
  ended.catch(() => undefined) // looked at by whoever waits for it; one that is killed is waited for by nobody
  const kill = async (): Promise<void> => {
    process.kill('SIGKILL')
    await gone
  }
  const child = { process, standing, ended, kill }
  children.push(child)
  return child
}

// ------------------------------------------------------------------------------------------------- the blow

/** The way on after the blow: what was held is let go or cut. */
type GoOn = (how: 'pass' | 'drop') => void

async function play(scene: Scene, options: CellOptions): Promise<Ended> {
  const { at } = scene.point
  const met = 'wire' in at ? scene.lane.proxy.arm({ ...at.wire, act: 'hold' }) : null
  const child = startChild(scene)
  const goOn = await atPoint(child, met)
  await waitUntil(() => scene.lane.model.requests.length - scene.before >= scene.point.asked, 'the model was asked')
  return strike(scene, { child, goOn, options })
}

async function atPoint(child: Child, met: ReturnType<Lane['proxy']['arm']> | null): Promise<GoOn> {
  const early = child.ended.then(() => Promise.reject(new Error('the ticket was over before the point was reached')))
  if (met) return (await Promise.race([met, early])).release
  await Promise.race([child.standing, early])
  return () => void child.process.send('go')
}

interface Strike {
  readonly child: Child
  readonly goOn: GoOn
  readonly options: CellOptions
}

async function strike(scene: Scene, { child, goOn, options }: Strike): Promise<Ended> {
  const { lane, cell } = scene
  switch (cell.blow) {
    case 'LoopTroop killed':
      await child.kill()
      goOnWithout(scene, goOn, 'pass')
      return restarted(scene)
    case 'OpenCode killed': {
      const up = lane.killOpencode()
      if ('wire' in scene.point.at) goOn('drop')
      await up
      if ('store' in scene.point.at) goOn('pass')
      return child.ended
    }
    case 'both killed': {
      const up = lane.killOpencode()
      await child.kill()
      goOnWithout(scene, goOn, 'drop')
      await up
      return restarted(scene)
    }
    case 'OpenCode stopped':
      lane.freeze()
      goOn('pass')
      await systemClock.sleep(options.stoppedMs)
      lane.thaw()
      return child.ended
    case 'reply lost':
      void lane.proxy.arm(
        'wire' in scene.point.at ? { on: 'reply', method: 'GET', path: MESSAGES, act: 'drop' } : { on: 'reply', act: 'drop' },
      )
      goOn('wire' in scene.point.at ? 'drop' : 'pass')
      return child.ended
  }
}

/** A killed LoopTroop cannot be told to go on; bytes that it had sent are on their way all the same. */
const goOnWithout = (scene: Scene, goOn: GoOn, how: 'pass' | 'drop'): void => {
  if ('wire' in scene.point.at) goOn(how)
}

function restarted(scene: Scene): Promise<Ended> {
  return startChild({ ...scene, config: { ...scene.config, standAt: null } }).ended
}

// ----------------------------------------------------------------------------------------------- the verdict

function outcomeOf({ lane, before }: Scene, { turns, events }: Ended): Outcome {
  return {
    rows: events.flatMap((e) => (e.type === 'turn.settled' ? [e.data.row ?? 0] : [])),
    requests: lane.model.requests.length - before,
    posts: Math.max(0, ...turns.map((turn) => turn.posts)),
  }
}

function judge({ cell }: Scene, { ended, seen }: { ended: Ended; seen: Outcome }): readonly string[] {
  const { ticket, events, said, waiting, turns } = ended
  const checks: readonly (readonly [boolean, string])[] = [
    [ticket.status === 'completed', `it is ${ticket.status}: ${ticket.blocked?.message ?? ''}`],
    [isPromised(cell, seen), `${outcomeText(seen)} (${sendsOf(ended)}), promised is ${promisedText(cell)}`],
    [(said ?? '').includes('all of it'), `the answer is ${said}`],
    [events.every((e, i) => e.seq === i + 1), 'its events have a gap'],
    [!events.some((e) => e.type === 'turn.ran_twice'), 'a turn ran twice'],
    [turns.every((turn) => turn.receipt === 'settled'), 'a turn is not settled'],
    [waiting === 0, `${waiting} entries still wait for a person`],
  ]
  return checks.flatMap(([holds, problem]) => (holds ? [] : [problem]))
}

/** Why it was posted: the rows of the verdict table, and when. */
const sendsOf = ({ events }: Ended): string =>
  events
    .flatMap((e) => (e.type === 'turn.sent' ? [`post ${e.data.post} by row ${e.data.row} at ${e.at - (events[0]?.at ?? 0)} ms`] : []))
    .join(', ')

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
