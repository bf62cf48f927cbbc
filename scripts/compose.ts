/** The composition root: OpenCode, kernel and server put together, and taken apart again. */
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import {
  announceProcess,
  createFileStores,
  createKernel,
  createOpencode,
  fail,
  hideSecret,
  isCode,
  laterOpencode,
  logLine,
  messageOf,
  parsePatch,
  SETTING_NAMES,
  systemChance,
  systemClock,
} from '#core'
import type { Kernel, LaterOpencode, OpencodeHandle, OpencodeOptions } from '#core'
import { loadPlugins } from '#plugins'
import { phases, pipelines } from '#phases'
import { parseLimits, startServer } from '#router'
import { dataFolder } from './data-folder.ts'

export interface ComposeOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `looptroop.config.ts` is looked for. */
  readonly folder: string
  /** Default: LOOPTROOP_DATA_DIR, else the user's data folder. */
  readonly dataDir?: string
  readonly host?: string
  readonly port?: number
  readonly opencode?: Pick<OpencodeOptions, 'use' | 'managed'>
  readonly log: (line: string) => void
}

export interface LoopTroop {
  readonly kernel: Kernel
  readonly url: string
  readonly token: string
  readonly tokenFile: string | null
  readonly configFile: string | null
  /** Resolves when OpenCode is there; rejects when the chosen one cannot be used. Listening does not wait for it. */
  readonly opencode: Promise<OpencodeHandle>
  /** What the server left running, in words; null when nothing. */
  stop(): Promise<string | null>
}

/** Listens first: clients and health are answered while OpenCode starts, and while it is away. */
export async function startLoopTroop(given: ComposeOptions): Promise<LoopTroop> {
  const { env } = given
  for (const name of ['LOOPTROOP_TOKEN', 'OPENCODE_SERVER_PASSWORD']) hideSecret(env[name])
  const log = (line: string): void => given.log(logLine(line))
  const options = { ...given, log }
  const dataDir = options.dataDir ?? dataFolder(env)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const withdraw = announceProcess(dataDir, 'server')
  try {
    return await begin(options, { dataDir, withdraw })
  } catch (error) {
    withdraw()
    throw error
  }
}

interface Begun {
  readonly dataDir: string
  /** This process uses the data folder no longer. */
  readonly withdraw: () => void
}

async function begin(options: ComposeOptions, { dataDir, withdraw }: Begun): Promise<LoopTroop> {
  const { env, log } = options
  const registry = await loadRegistry(options.folder)
  const later = laterOpencode()
  const kernel = await openKernel(options, { dataDir, registry, opencode: later.opencode })
  const token = env['LOOPTROOP_TOKEN'] ? { value: env['LOOPTROOP_TOKEN'] } : { file: path.join(dataDir, 'token') }
  const host = options.host ?? env['LOOPTROOP_HOST'] ?? '127.0.0.1'
  const door = { tlsInFront: env['LOOPTROOP_TLS_IN_FRONT'] === '1', limits: parseLimits(env['LOOPTROOP_LIMITS']), ...namesOf(env) }
  const server = await startServer({ kernel, host, port: options.port ?? portOf(env), token, onError: log, ...door }).catch(
    async (error: unknown) => {
      await kernel.stop()
      throw error
    },
  )
  const stopping = new AbortController()
  const opencode = arrival({ ...options, dataDir, later, signal: stopping.signal })
  opencode.catch(() => undefined) // the caller awaits it; a stop may come first
  const looping = kernel.loop().catch((error: unknown) => log(`the worker stopped: ${messageOf(error)}`))
  const stop = async (): Promise<string | null> => {
    stopping.abort()
    await server.close()
    const { openTurns } = await kernel.stop()
    await looping
    withdraw()
    const arrived = await opencode.catch(() => null)
    return arrived && stopOpencode(arrived, openTurns)
  }
  const tokenFile = 'file' in token ? token.file : null
  return { kernel, opencode, url: server.url, token: server.token, tokenFile, configFile: registry.file, stop }
}

interface Arriving extends ComposeOptions {
  readonly dataDir: string
  readonly later: LaterOpencode
  readonly signal: AbortSignal
}
const ARRIVAL_RETRY_MS = 2_000

/** One that does not answer may come; one that cannot be used (a stranger, the wrong password, too old) will not by waiting. */
async function arrival({ env, dataDir, log, later, signal, opencode }: Arriving): Promise<OpencodeHandle> {
  for (;;) {
    try {
      const handle = await createOpencode({ env, clock: systemClock, chance: systemChance, dataDir, onDiagnostic: log, ...opencode })
      later.arrive(handle)
      return handle
    } catch (error) {
      later.failed(messageOf(error))
      if (signal.aborted || !isCode(error, 'OPENCODE_UNREACHABLE', 'OPENCODE_TIMEOUT')) throw error
      log(`${messageOf(error)} Trying again.`)
      await systemClock.sleep(ARRIVAL_RETRY_MS, signal)
    }
  }
}

interface Parts {
  readonly dataDir: string
  readonly registry: Awaited<ReturnType<typeof loadRegistry>>
  readonly opencode: LaterOpencode['opencode']
}

async function openKernel({ env, log }: ComposeOptions, { dataDir, registry, opencode }: Parts): Promise<Kernel> {
  return createKernel({
    version: await ownVersion(),
    databaseUrl: env['LOOPTROOP_DATABASE_URL'] ?? `file:${path.join(dataDir, 'looptroop.db')}`,
    stores: createFileStores({ clock: systemClock, chance: systemChance, onListenerError: (error) => log(messageOf(error)) }),
    registry,
    configSettings: parsePatch(registry.settings),
    opencode,
    log,
  })
}

/** A managed OpenCode in mid-turn goes on alone: the next start rejoins it, and nothing is paid for twice. */
async function stopOpencode(opencode: OpencodeHandle, openTurns: number): Promise<string | null> {
  const { managed } = opencode
  if (openTurns === 0 || !managed) {
    await opencode.stop()
    return null
  }
  await opencode.hub.close()
  await opencode.adapter.close()
  managed.release()
  return `${openTurns} turns go on in OpenCode (process ${managed.pid}); the next start takes them up`
}

export async function loadRegistry(folder: string): ReturnType<typeof loadPlugins> {
  try {
    return await loadPlugins({ folder, builtIn: { phases, pipelines }, settingNames: SETTING_NAMES })
  } catch (error) {
    throw error instanceof Error && 'problems' in error
      ? fail('CONFIG_INVALID', { problems: (error.problems as readonly string[]).map((p) => `- ${p}`).join('\n') }, error)
      : error
  }
}

export async function ownVersion(): Promise<string> {
  const file = new URL(import.meta.url.includes('/dist/') ? '../../package.json' : '../package.json', import.meta.url)
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}

/** Under which other names the server may be addressed, and pages of which other origins may call it. */
function namesOf(env: ComposeOptions['env']): { allowedHosts: readonly string[]; allowedOrigins: readonly string[] } {
  const list = (name: string): readonly string[] =>
    (env[name] ?? '').split(',').flatMap((text) => (text.trim() === '' ? [] : [text.trim()]))
  return { allowedHosts: list('LOOPTROOP_ALLOWED_HOSTS'), allowedOrigins: list('LOOPTROOP_ALLOWED_ORIGINS') }
}

function portOf(env: ComposeOptions['env']): number {
  const text = env['LOOPTROOP_PORT'] ?? '4747'
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw fail('INVALID_INPUT', { field: 'LOOPTROOP_PORT', problem: `must be a port number, not ${text}` })
  return port
}
