/** Which OpenCode is used, and why: the mock, an attached server, or one of our own. */
import { join } from 'node:path'
import { fail, isCode } from '../errors.ts'
import type { Chance, Clock } from '../ports.ts'
import type { OpencodeAdapter } from './adapter.ts'
import { createEventHub, type EventHub } from './event-hub.ts'
import { createFakeServer } from './fake/fake-server.ts'
import { createInProcessAdapter } from './fake/in-process.ts'
import { requireHealth, type Credentials } from './health.ts'
import { hasLiveServer, startManagedServer, type ManagedServer, type ManagedServerOptions } from './managed-server.ts'
import { createSdkAdapter } from './sdk-adapter.ts'
import type { Environment } from './server-settings.ts'
import { superviseServer, type SupervisedServer } from './supervised-server.ts'

export const DEFAULT_BASE_URL = 'http://127.0.0.1:4096'

export interface OpencodeOptions {
  readonly env: Environment
  readonly clock: Clock
  readonly chance: Chance
  /** LoopTroop's own data folder; a managed server lives in `opencode/` below it. */
  readonly dataDir: string
  readonly onDiagnostic?: ((message: string) => void) | undefined
  /** `always`: neither attach nor probe; the environment's mode and base URL do not count. */
  readonly use?: 'by_environment' | 'always_managed' | undefined
  /** Where a running OpenCode is looked for when nothing says which; default `DEFAULT_BASE_URL`. */
  readonly probeUrl?: string | undefined
  readonly managed?: Partial<Omit<ManagedServerOptions, 'env' | 'clock' | 'chance' | 'folder'>> | undefined
  /** A managed server that dies by itself is started again, on the same address. Default true. */
  readonly supervise?: boolean | undefined
  /** Events of other directories are dropped unread. */
  readonly directories?: ((directory: string) => boolean) | undefined
}

export interface Opencode {
  readonly adapter: OpencodeAdapter
  /** Started; `hub.ready()` tells when its stream is live. */
  readonly hub: EventHub
  /** One sentence: which OpenCode, and why. */
  readonly reason: string
  /** The managed server that runs now, or ran last: another one after it was started again by itself. Null: not ours. */
  readonly managed: ManagedServer | null
  /** Epoch milliseconds when the server's process started, when we know it; later after it was started again. */
  readonly startedAt: number | null
  /** Closes hub and adapter; a managed server is stopped with all it started. */
  stop(): Promise<void>
}

/** Throws OPENCODE_* when the chosen one cannot be used; never falls back to another one silently. */
export async function createOpencode(options: OpencodeOptions): Promise<Opencode> {
  if (options.use === 'always_managed') return managedOpencode(options, 'as asked')
  const { env } = options
  if (env['LOOPTROOP_OPENCODE_MODE'] === 'mock') return mockOpencode(options)
  if (env['LOOPTROOP_OPENCODE_MODE']) throw fail('INVALID_INPUT', { field: 'LOOPTROOP_OPENCODE_MODE', problem: 'must be `mock` or unset' })
  const wish = env['LOOPTROOP_OPENCODE_BASE_URL']
  if (wish) return attached(options, readBaseUrl(wish), 'as LOOPTROOP_OPENCODE_BASE_URL says')
  if (hasLiveServer(folderOf(options), options.chance)) return managedOpencode(options, 'it runs from before')
  const probeUrl = options.probeUrl ?? DEFAULT_BASE_URL
  try {
    return await attached(options, probeUrl, 'it was found running there; set LOOPTROOP_OPENCODE_BASE_URL to choose another')
  } catch (error) {
    if (!isCode(error, 'OPENCODE_UNREACHABLE')) throw error
    return managedOpencode(options, `nothing answers at ${probeUrl}`)
  }
}

function mockOpencode({ clock, chance, onDiagnostic }: OpencodeOptions): Opencode {
  const adapter = createInProcessAdapter({ server: createFakeServer({ clock, chance }), clock, opencodeId: `mock_${chance.hex(6)}` })
  return assemble({
    adapter,
    clock,
    chance,
    onDiagnostic,
    reason: 'Using the mock instead of OpenCode, as LOOPTROOP_OPENCODE_MODE says: every answer is the example of its prompt.',
  })
}

async function attached(options: OpencodeOptions, baseUrl: string, why: string): Promise<Opencode> {
  const { clock, chance, onDiagnostic, directories } = options
  const auth = credentialsOf(options.env)
  const health = await requireHealth({ baseUrl, auth, clock })
  const adapter = createSdkAdapter({ baseUrl, opencodeId: new URL(baseUrl).href, mode: 'attached', auth, clock, onDiagnostic, directories })
  return assemble({ adapter, clock, chance, onDiagnostic, reason: `Attached to OpenCode ${health.version} at ${baseUrl}: ${why}.` })
}

async function managedOpencode(options: OpencodeOptions, why: string): Promise<Opencode> {
  const { env, clock, chance, onDiagnostic, directories } = options
  const server = await startServer(options, { onDiagnostic, ...options.managed, env, clock, chance, folder: folderOf(options) })
  const managed = server.current()
  const { baseUrl, opencodeId, auth } = managed
  const adapter = createSdkAdapter({ baseUrl, opencodeId, mode: 'managed', auth, clock, onDiagnostic, directories })
  const verb = managed.rejoined ? 'Rejoined the managed' : 'Started a managed'
  return assemble({ adapter, clock, chance, onDiagnostic, server, reason: `${verb} OpenCode ${managed.version} at ${baseUrl}: ${why}.` })
}

async function startServer({ supervise = true }: OpencodeOptions, settings: ManagedServerOptions): Promise<SupervisedServer> {
  if (supervise) return superviseServer(settings)
  const server = await startManagedServer(settings)
  return { current: () => server, stop: () => server.stop() }
}

interface Parts {
  readonly adapter: OpencodeAdapter
  readonly clock: Clock
  readonly chance: Chance
  readonly reason: string
  readonly server?: SupervisedServer
  readonly onDiagnostic: ((message: string) => void) | undefined
}

function assemble({ adapter, clock, chance, reason, server, onDiagnostic }: Parts): Opencode {
  const hub = createEventHub({ adapter, clock, chance, onDiagnostic })
  hub.start()
  const stop = async (): Promise<void> => {
    await hub.close()
    await adapter.close()
    await server?.stop()
  }
  return {
    adapter,
    hub,
    reason,
    stop,
    get managed() {
      return server?.current() ?? null
    },
    get startedAt() {
      return server?.current().startedAt ?? null
    },
  }
}

const folderOf = (options: OpencodeOptions): string => join(options.dataDir, 'opencode')

/** By OpenCode's own variables, as its own clients read them. */
export function credentialsOf(env: Environment): Credentials | undefined {
  const password = env['OPENCODE_SERVER_PASSWORD']
  return password ? { username: env['OPENCODE_SERVER_USERNAME'] ?? 'opencode', password } : undefined
}

function readBaseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text.replace(/\/+$/, '')
  throw fail('INVALID_INPUT', { field: 'LOOPTROOP_OPENCODE_BASE_URL', problem: `is no http address: ${text}` })
}
