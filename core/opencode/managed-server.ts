/**
 * An OpenCode server of our own: started detached, so that it (and the turns it runs) outlives a killed LoopTroop, and
 * rejoined by the next one. Stopped as TERM, TERM again, KILL, with everything it started.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fail, messageOf } from '../errors.ts'
import type { Chance, Clock } from '../ports.ts'
import type { Health } from './adapter.ts'
import { checkHealth, OLDEST_OPENCODE, type Credentials } from './health.ts'
import { isAlive, processesWith, signal, startTokenOf, waitUntil } from './process-table.ts'
import { openServerFolder, type ServerFolder, type ServerRecord } from './server-record.ts'
import { findOpencodeBinary, MARK, serverEnvironment, settingsHash, type ServerSettings } from './server-settings.ts'

export interface ManagedServerOptions extends ServerSettings {
  /** The server's own folder: database, id, password, record, lock, log. */
  readonly folder: string
  readonly clock: Clock
  readonly chance: Chance
  /** Default: found by LOOPTROOP_OPENCODE_BIN, node_modules/.bin, PATH. */
  readonly binary?: string | undefined
  /** Default: that of the last time when free, else any. */
  readonly port?: number | undefined
  readonly startTimeoutMs?: number | undefined
  readonly onDiagnostic?: ((message: string) => void) | undefined
  /** It ended though nobody stopped it. */
  readonly onExit?: ((reason: string) => void) | undefined
}

export interface ManagedServer {
  readonly baseUrl: string
  readonly opencodeId: string
  readonly auth: Credentials
  readonly pid: number
  readonly version: string
  /** Epoch milliseconds when its process started: what was posted before and is absent now will not come. */
  readonly startedAt: number
  /** It ran already, from an earlier LoopTroop process, perhaps in mid-turn. */
  readonly rejoined: boolean
  /** Resolves with the reason when the process is gone, stopped or not. */
  readonly exited: Promise<string>
  /** Ends it and everything it started. Abort its sessions first: a stopped turn is an interrupted turn. */
  stop(): Promise<void>
  /** Lets it run on and gives up the folder, for the next LoopTroop process to rejoin. */
  release(): void
  /** Stops it and starts a new one: same id, database, password and port. */
  restart(): Promise<ManagedServer>
}

const START_TIMEOUT_MS = 30_000
const USERNAME = 'opencode'

/** Throws OPENCODE_BINARY_MISSING, OPENCODE_LOCKED, OPENCODE_START_FAILED, OPENCODE_TOO_OLD. */
export async function startManagedServer(options: ManagedServerOptions): Promise<ManagedServer> {
  const binary = options.binary ?? findOpencodeBinary(options.env, process.cwd())
  const folder = openServerFolder(options.folder, options.chance)
  folder.lock()
  try {
    const environment = serverEnvironment(options, folder)
    const plan: Plan = { options, folder, binary, environment, settings: settingsHash(binary, environment) }
    return (await rejoin(plan)) ?? (await startFresh(plan))
  } catch (error) {
    folder.unlock()
    throw error
  }
}

/** Is there a live managed server to rejoin in this folder? Looks only. */
export function hasLiveServer(folder: string, chance: Chance): boolean {
  const record = openServerFolder(folder, chance).readRecord()
  return record !== null && isAlive(record.pid, record.startToken)
}

interface Plan {
  readonly options: ManagedServerOptions
  readonly folder: ServerFolder
  readonly binary: string
  readonly environment: Readonly<Record<string, string>>
  readonly settings: string
}

// ------------------------------------------------------------------------------------------------- rejoining

async function rejoin(plan: Plan): Promise<ManagedServer | null> {
  const { folder, options } = plan
  const record = folder.readRecord()
  if (record === null) return null
  if (isAlive(record.pid, record.startToken)) {
    const health = await healthOf(plan, record.port)
    const same = record.settings === plan.settings && record.opencodeId === folder.opencodeId
    if (health.reachable && same) return handle(plan, { record, child: null })
    options.onDiagnostic?.(
      health.reachable
        ? 'The managed OpenCode has other settings; it is replaced.'
        : `The managed OpenCode is alive but unusable (${health.message}); it is replaced.`,
    )
    // Without a start token only its answering to our password proves that this pid is still our server.
    if (record.startToken !== null || health.reachable) await endProcess(plan, record)
  }
  folder.dropRecord()
  return null
}

// ------------------------------------------------------------------------------------------------- starting

async function startFresh(plan: Plan): Promise<ManagedServer> {
  await endOrphans(plan)
  const problems: string[] = []
  for (let tries = 0; tries < 3; tries++) {
    const port = plan.options.port ?? (await freePort())
    const started = await tryStart(plan, port)
    if ('record' in started) return handle(plan, started)
    problems.push(started.problem)
    if (plan.options.port !== undefined) break
  }
  throw fail('OPENCODE_START_FAILED', { problem: problems.at(-1) ?? '', path: plan.folder.log })
}

type Started = { readonly record: ServerRecord; readonly child: ChildProcess | null }

async function tryStart(plan: Plan, port: number): Promise<Started | { readonly problem: string }> {
  const { folder, options } = plan
  const startedAt = options.clock.now()
  const child = spawnServer(plan, port)
  const dead = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(messageOf(error)))
    child.once('exit', (code, name) => resolve(`it ended with ${name ?? code}`))
  })
  const giveUp = new AbortController()
  const reason = await Promise.race([dead, whenListening(plan, port, giveUp.signal)])
  giveUp.abort()
  if (typeof reason === 'string' || child.pid === undefined) {
    if (child.pid !== undefined) await endGroup(plan, child.pid, () => child.exitCode === null && child.signalCode === null)
    return { problem: `${typeof reason === 'string' ? reason : 'it has no pid'}${tail(folder.log)}` }
  }
  const version = reason.version ?? ''
  const record = {
    pid: child.pid,
    startToken: startTokenOf(child.pid),
    port,
    opencodeId: folder.opencodeId,
    version,
    startedAt,
    settings: plan.settings,
  }
  folder.writeRecord(record)
  if (reason.code === 'OPENCODE_TOO_OLD') {
    await endProcess(plan, record)
    throw fail('OPENCODE_TOO_OLD', { version, needs: OLDEST_OPENCODE })
  }
  return { record, child }
}

/** Output goes to a file: a pipe would break when LoopTroop is killed, and the server with it. */
function spawnServer(plan: Plan, port: number): ChildProcess {
  const log = openSync(plan.folder.log, 'w', 0o600)
  try {
    const child = spawn(plan.binary, ['serve', '--hostname', '127.0.0.1', '--port', String(port)], {
      cwd: plan.folder.cwd,
      env: plan.environment,
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

/** Its own line names the port; then it must let us in with our password, which no stranger on that port would. */
async function whenListening(plan: Plan, port: number, signal: AbortSignal): Promise<Health | string> {
  const { clock, startTimeoutMs = START_TIMEOUT_MS } = plan.options
  const end = clock.monotonic() + startTimeoutMs
  let problem = 'it printed no address'
  while (clock.monotonic() < end && !signal.aborted) {
    await clock.sleep(50, signal)
    const said = /listening on http:\/\/[^:\s]+:(\d+)/.exec(readFileSync(plan.folder.log, 'utf8'))?.[1]
    if (said === undefined) continue
    const health = await healthOf(plan, Number(said))
    if (Number(said) === port && (health.reachable || health.code === 'OPENCODE_TOO_OLD')) return health
    problem = health.message ?? `it listens on ${said} instead of ${port}`
  }
  return `${problem} within ${startTimeoutMs} ms`
}

const healthOf = (plan: Plan, port: number): Promise<Health> =>
  checkHealth({ baseUrl: `http://127.0.0.1:${port}`, auth: authOf(plan), clock: plan.options.clock })

const authOf = (plan: Plan): Credentials => ({ username: USERNAME, password: plan.folder.password })

/** Chosen by us, because OpenCode's own choice prefers 4096, where the person's server may want to be. */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

const tail = (path: string): string => {
  const text = readFileSync(path, 'utf8').trim()
  return text === '' ? '' : `; its last words: ${text.slice(-600)}`
}

// --------------------------------------------------------------------------------------------------- running

function handle(plan: Plan, { record, child }: Started): ManagedServer {
  const { folder, options } = plan
  const watching = new AbortController()
  let stopping = false
  const exited = (child === null ? polledExit(plan, record, watching.signal) : childExit(child)).then((reason) => {
    if (!stopping && !watching.signal.aborted) options.onExit?.(reason)
    return reason
  })
  const stop = async (): Promise<void> => {
    stopping = true
    await endProcess(plan, record)
    watching.abort()
    folder.dropRecord()
    folder.unlock()
  }
  const release = (): void => {
    watching.abort()
    folder.unlock()
  }
  return {
    baseUrl: `http://127.0.0.1:${record.port}`,
    opencodeId: record.opencodeId,
    auth: authOf(plan),
    pid: record.pid,
    version: record.version,
    startedAt: record.startedAt,
    rejoined: child === null,
    exited,
    stop,
    release,
    restart: async () => {
      await stop()
      return startManagedServer({ ...options, port: record.port })
    },
  }
}

const childExit = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve(`ended with ${child.signalCode ?? child.exitCode}`)
    child.once('exit', (code, name) => resolve(`ended with ${name ?? code}`))
  })

/** A rejoined server is not our child: nobody tells us when it ends. */
async function polledExit(plan: Plan, record: ServerRecord, signal: AbortSignal): Promise<string> {
  while (!signal.aborted && isAlive(record.pid, record.startToken)) await plan.options.clock.sleep(500, signal)
  return signal.aborted ? 'no longer watched' : 'ended'
}

// ---------------------------------------------------------------------------------------------------- ending

const TERM_MS = 1_500
const KILL_MS = 5_000

async function endProcess(plan: Plan, record: ServerRecord): Promise<void> {
  await endGroup(plan, record.pid, () => isAlive(record.pid, record.startToken))
  await endOrphans(plan)
}

/** The first TERM may be swallowed while OpenCode installs something in the background, so there are two. */
async function endGroup(plan: Plan, pid: number, alive: () => boolean): Promise<void> {
  const { clock, onDiagnostic } = plan.options
  for (const [name, ms] of [
    ['SIGTERM', TERM_MS],
    ['SIGTERM', TERM_MS],
    ['SIGKILL', KILL_MS],
  ] as const) {
    if (!alive()) break
    signal(pid, name)
    if (await waitUntil(clock, ms, () => !alive())) break
  }
  if (alive()) onDiagnostic?.(`The managed OpenCode (process ${pid}) does not end, not even by SIGKILL.`)
  else signal(-pid, 'SIGKILL')
}

/** Commands of the agent outlive their server, even a killed one, and may still write into worktrees. */
async function endOrphans(plan: Plan): Promise<void> {
  const remaining = (): readonly number[] => processesWith(MARK, plan.folder.opencodeId)
  const all = remaining()
  for (const pid of all) signal(pid, 'SIGKILL')
  if (all.length > 0) await waitUntil(plan.options.clock, KILL_MS, () => remaining().length === 0)
}
