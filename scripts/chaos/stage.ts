/**
 * Where the kills happen: the shipped server as a process, its managed OpenCode, repositories, a model on loopback. All of
 * it lives in one temporary folder that stands in for the person's home, as a person could set it up.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock, withoutPluginInstall } from '#core'
import { createLoopTroopClient } from '#router'
import type { LoopTroopClient } from '#router'
import { installFakeGh } from '../demo/fake-gh.ts'
import { addRemote } from '../demo/full-stage.ts'
import { makeSample } from '../demo/sample.ts'
import { scriptedProvider, startScriptedModel } from '../scripted-model.ts'
import type { ScriptedModel } from '../scripted-model.ts'
import type { Play } from './plays.ts'
import { watchTrees } from './trees.ts'
import type { Trees } from './trees.ts'

export interface Stage extends AsyncDisposable {
  readonly folder: string
  readonly dataDir: string
  /** Those that were made so far. */
  readonly repos: readonly string[]
  /** A repository with the sample; has one ticket at a time. */
  newProject(): Promise<string>
  readonly model: ScriptedModel
  readonly trees: Trees
  readonly client: LoopTroopClient
  /** Resolves when it answers. */
  startServer(): Promise<void>
  /** Resolves when it is gone: true. `by` kills it instead, at its moment, and says whether it did. */
  killServer(by?: Killer): Promise<boolean>
  serverRuns(): boolean
  /** As a person stops it. */
  stopServer(): Promise<void>
  /** Null when it is not running. */
  opencodePid(): number | null
  /** Processes that live in this folder. */
  processes(): readonly string[]
  /** Sessions that another client of OpenCode deleted: for these OpenCode itself may ask the model once more. */
  readonly deleted: Set<string>
  /** The server ended though nobody killed it. */
  readonly deaths: readonly string[]
}

/** Of the process with this id. */
export type Killer = (pid: number) => Promise<boolean>

export interface StageOptions {
  readonly play: Play
  readonly keep: boolean
}

const SERVE = fileURLToPath(new URL('../serve.ts', import.meta.url))
const TOKEN = 'chaos-token-of-this-run'
const UP_MS = 60_000

export async function openStage({ play, keep }: StageOptions): Promise<Stage> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'looptroop-chaos-')))
  const trees = watchTrees()
  const model = await startScriptedModel({ script: play.script(trees) })
  const repos: string[] = []
  const newProject = async (): Promise<string> => {
    const repo = path.join(folder, `project${lettersOf(repos.length)}`)
    repos.push(repo)
    await makeProject(repo, play)
    return repo
  }
  const env = await homeEnvironment(folder, model.url)
  if (play.delivers) env['PATH'] = await withForge(folder)
  const port = await freePort()
  const dataDir = path.join(folder, 'data', 'looptroop')
  const client = createLoopTroopClient({ url: `http://127.0.0.1:${port}`, token: TOKEN })
  const server = serverProcess({ folder, env: { ...env, LOOPTROOP_PORT: String(port), LOOPTROOP_TOKEN: TOKEN }, client })
  const opencodePid = (): number | null => pidIn(path.join(dataDir, 'opencode', 'server.json'))
  return {
    ...{ folder, dataDir, repos, newProject, model, trees, client, opencodePid, deaths: server.deaths, deleted: new Set<string>() },
    startServer: server.start,
    killServer: (by = at('SIGKILL')) => server.end(by),
    serverRuns: server.runs,
    stopServer: async () => void (await server.end(at('SIGTERM'))),
    processes: () => processesIn(folder),
    [Symbol.asyncDispose]: async () => {
      await client.close()
      await server.end(at('SIGKILL'))
      const pid = opencodePid()
      if (pid !== null) signalGroup(pid)
      await model.close()
      if (keep) console.log(`kept: ${folder}`)
      else await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** Where a project's branches are pushed to. */
export const remoteOf = (repo: string): string => `${repo}.git`

/** a … z, ba … : a project's key is made of the letters of its folder. */
const lettersOf = (n: number): string => (n < 26 ? '' : lettersOf(Math.floor(n / 26))) + String.fromCharCode(97 + (n % 26))

async function makeProject(repo: string, { delivers }: Play): Promise<void> {
  await mkdir(repo)
  await makeSample(repo)
  if (delivers) await addRemote(repo, remoteOf(repo))
}

/** A search path on which the stand-in for the forge's command comes first. */
async function withForge(folder: string): Promise<string> {
  const bin = path.join(folder, 'bin')
  await installFakeGh(bin)
  return `${bin}${path.delimiter}${process.env['PATH'] ?? ''}`
}

const at =
  (signal: NodeJS.Signals): Killer =>
  (pid) =>
    Promise.resolve(process.kill(pid, signal))

/** HOME and XDG folders of its own, with OpenCode's configuration in it: as of a person whose only provider is the model. */
async function homeEnvironment(folder: string, modelUrl: string): Promise<NodeJS.ProcessEnv> {
  const config = path.join(folder, 'config', 'opencode')
  mkdirSync(config, { recursive: true })
  withoutPluginInstall(config)
  await writeFile(path.join(config, 'opencode.json'), JSON.stringify(scriptedProvider(modelUrl)))
  const inherited = Object.entries(process.env).filter(([name]) => !/^(LOOPTROOP|OPENCODE|XDG)_/.test(name))
  const own = { HOME: 'home', XDG_DATA_HOME: 'data', XDG_CONFIG_HOME: 'config', XDG_CACHE_HOME: 'cache', XDG_STATE_HOME: 'state' }
  const folders = Object.entries(own).map(([name, below]) => {
    mkdirSync(path.join(folder, below), { recursive: true })
    return [name, path.join(folder, below)] as const
  })
  return { ...Object.fromEntries([...inherited, ...folders]), OPENCODE_DISABLE_MODELS_FETCH: '1' }
}

interface ServerOptions {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly client: LoopTroopClient
}
interface ServerProcess {
  readonly start: () => Promise<void>
  readonly end: (by: Killer) => Promise<boolean>
  readonly runs: () => boolean
  readonly deaths: readonly string[]
}

function serverProcess({ folder, env, client }: ServerOptions): ServerProcess {
  const deaths: string[] = []
  let child: ChildProcess | null = null
  const start = async (): Promise<void> => {
    const log = openSync(path.join(folder, 'server.log'), 'a')
    const started = spawn(process.execPath, ['--import', 'tsx', SERVE], { cwd: process.cwd(), env, stdio: ['ignore', log, log] })
    closeSync(log)
    child = started
    started.once('exit', (code, signal) => {
      if (child === started) deaths.push(`ended by itself with ${signal ?? code}`)
    })
    await answering(client, () => child !== started || started.exitCode !== null)
    if (started.exitCode !== null) throw new Error(`the server ended with ${started.exitCode} at its start; see server.log`)
  }
  const end = async (by: Killer): Promise<boolean> => {
    const ending = child
    if (!ending?.pid || ending.exitCode !== null || ending.signalCode !== null) return false
    const gone = new Promise((resolve) => ending.once('exit', resolve))
    child = null
    if (await by(ending.pid)) await gone
    else if (ending.exitCode === null && ending.signalCode === null) child = ending
    else deaths.push('ended by itself while a moment to kill it was waited for')
    return child === null
  }
  return { start, end, deaths, runs: () => child !== null }
}

async function answering(client: LoopTroopClient, givenUp: () => boolean): Promise<void> {
  const end = systemClock.monotonic() + UP_MS
  while (!givenUp()) {
    const health = await client.health.check.query().catch(() => null) // not listening yet
    if (health) return
    if (systemClock.monotonic() > end) throw new Error(`the server did not answer within ${UP_MS} ms; see server.log`)
    await systemClock.sleep(50)
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

function pidIn(file: string): number | null {
  try {
    const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
    process.kill(pid, 0)
    return pid
  } catch {
    // No record, or the process that it names is gone.
    return null
  }
}

function signalGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone, as it should be.
  }
}

/** By their environment: whatever the server, OpenCode or the agent's commands started has this folder as its home. */
function processesIn(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const lives = readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${folder}/`)
        return lives ? [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 120)}`] : []
      } catch {
        // It ended meanwhile, or belongs to somebody else.
        return []
      }
    })
}
