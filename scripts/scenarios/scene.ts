/** A cell before the blow: its project, its script, LoopTroop's process, and which session the aimed turn is in. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ScriptedRequest } from '../scripted-model.ts'
import type { ChildConfig, Ended, FromChild } from './child.ts'
import type { Lane } from './lane.ts'
import { PLAYS } from './plays.ts'
import type { PlayName, Played } from './plays.ts'
import { POINTS } from './points.ts'
import type { Point } from './points.ts'

export interface Scene {
  readonly lane: Lane
  readonly play: PlayName
  readonly point: Point
  readonly config: ChildConfig
  /** Requests of the model before it. */
  readonly before: number
  /** The sessions that the aimed turn was asked in; null: all are. */
  readonly aimed: ReadonlySet<string> | null
  readonly children: Child[]
}
export interface Child {
  readonly process: ChildProcess
  readonly standing: Promise<void>
  readonly ended: Promise<Ended>
  /** It is gone when this resolves. */
  kill(): Promise<void>
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))
let scenes = 0

export async function setScene(lane: Lane, play: PlayName, cell: Played): Promise<Scene> {
  const point: Point = POINTS[cell.point]
  const folder = path.join(lane.folder, `cell-${(scenes += 1)}`)
  const repo = path.join(folder, 'project')
  await PLAYS[play].makeRepository(repo)
  lane.model.use(PLAYS[play].script(cell))
  const config: ChildConfig = {
    dataDir: folder,
    repo,
    baseUrl: lane.proxy.url,
    password: lane.password,
    startedAtFile: lane.startedAtFile,
    play,
    cell: { point: cell.point, place: cell.place },
    standAt: 'store' in point.at ? point.at.store : null,
  }
  return { lane, play, point, config, before: lane.model.requests.length, aimed: watchAimed(lane, play, cell), children: [] }
}

interface Posted {
  readonly model?: { readonly modelID?: string }
  readonly parts?: readonly { readonly text?: string }[]
}

function watchAimed(lane: Lane, play: PlayName, cell: Played): ReadonlySet<string> | null {
  const place = PLAYS[play].place(cell)
  if (!place) return null
  const sessions = new Set<string>()
  lane.proxy.watch((sessionId, body) => {
    const { model, parts = [] } = JSON.parse(body) as Posted
    const text = parts.map((part) => part.text ?? '').join('')
    if (place.fits({ text, model: model?.modelID ?? '' })) sessions.add(sessionId)
  })
  return sessions
}

/** What the model got since the cell began. */
export const requestsOf = ({ lane, before }: Scene): readonly ScriptedRequest[] => lane.model.requests.slice(before)

export const isAimed = ({ aimed }: Scene, { sessionId }: { readonly sessionId: string }): boolean => aimed === null || aimed.has(sessionId)

export function startChild({ config, children }: Scene): Child {
  const bin = path.join(config.dataDir, 'bin')
  const process = fork(CHILD, [JSON.stringify(config)], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...globalThis.process.env, PATH: `${bin}${path.delimiter}${globalThis.process.env['PATH'] ?? ''}` },
  })
  const gone = new Promise<void>((resolve) => process.once('exit', () => resolve()))
  let stand = (): void => {}
  const standing = new Promise<void>((resolve) => (stand = resolve))
  const ended = new Promise<Ended>((resolve, reject) => {
    process.on('message', (message: FromChild) => {
      if (message.type === 'standing') stand()
      if (message.type === 'ended') resolve(message)
      if (message.type === 'failed') reject(new Error(`LoopTroop failed: ${message.problem}`))
    })
    void gone.then(() => reject(new Error('LoopTroop ended without a word')))
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
