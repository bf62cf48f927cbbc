/** How a managed server is started: which executable, with which configuration and environment. */
import { createHash } from 'node:crypto'
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readSync, realpathSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fail } from '../errors.ts'
import type { ServerFolder } from './server-record.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type ConfigContent = Readonly<Record<string, unknown>>

export interface ServerSettings {
  readonly env: Environment
  /** Own HOME and XDG folders below it: nothing of the person is read. For specs and the demo. */
  readonly isolateHome?: string | undefined
  /** Merged over LoopTroop's own part of the configuration. */
  readonly extraConfig?: ConfigContent | undefined
  readonly extraEnv?: Readonly<Record<string, string>> | undefined
  /** The worktrees may bring their own `.opencode/`, whose plugins run inside the server. Default false. */
  readonly trusted?: boolean | undefined
}

/** Carried by the server and everything it starts: how orphans are found. */
export const MARK = 'LOOPTROOP_OPENCODE_ID'

/** Throws OPENCODE_BINARY_MISSING with the places that were looked at. `from`: where node_modules is looked for, upwards. */
export function findOpencodeBinary(env: Environment, from: string): string {
  const wish = env['LOOPTROOP_OPENCODE_BIN']
  if (wish) {
    if (isExecutable(wish)) return realpathSync(wish)
    throw fail('OPENCODE_BINARY_MISSING', { looked: `LOOPTROOP_OPENCODE_BIN=${wish} is not executable` })
  }
  const local = upwards(from).map((dir) => join(dir, 'node_modules', '.bin', 'opencode'))
  const global = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, 'opencode'))
  const found = [...local, ...global].find(isExecutable)
  if (found === undefined) throw fail('OPENCODE_BINARY_MISSING', { looked: 'LOOPTROOP_OPENCODE_BIN, node_modules/.bin, PATH' })
  return platformBinary(realpathSync(found))
}

/** `bin/opencode` may be a script that starts the real one as a child: one process more to lose. */
function platformBinary(path: string): string {
  if (!startsWithShebang(path)) return path
  const packages = dirname(dirname(dirname(path)))
  const real = join(packages, `opencode-${process.platform}-${process.arch}`, 'bin', 'opencode')
  return isExecutable(real) ? real : path
}

export function configContent(settings: ServerSettings): ConfigContent {
  const ours = {
    snapshot: false, // git is ours, and turns run twice as fast
    autoupdate: false,
    compaction: { auto: false }, // compaction moves the answer to a message that is not ours
  }
  const persons = parseObject(settings.isolateHome === undefined ? settings.env['OPENCODE_CONFIG_CONTENT'] : undefined)
  return withTimeouts(mergeDeep(mergeDeep(persons, ours), settings.extraConfig ?? {}))
}

/** A model that never answers would keep a turn busy for 31 minutes (measured); OpenCode retries after these. */
const PROVIDER_TIMEOUTS = { headerTimeout: 120_000, chunkTimeout: 120_000 }

/** Only for providers that are declared here; the person's own configuration is left as it is. */
function withTimeouts(config: ConfigContent): ConfigContent {
  const providers = config['provider']
  if (!isObject(providers)) return config
  const timed = Object.entries(providers).map(([id, provider]) => {
    const options = isObject(provider) && isObject(provider['options']) ? provider['options'] : {}
    return [id, { ...(isObject(provider) ? provider : {}), options: { ...PROVIDER_TIMEOUTS, ...options } }]
  })
  return { ...config, provider: Object.fromEntries(timed) as ConfigContent }
}

/** Names that would change what a managed server is, or that must not reach it (LoopTroop's own token). */
const NOT_INHERITED =
  /^(LOOPTROOP_|OPENCODE_(SERVER_|DB$|CONFIG_CONTENT$|CLIENT$|PID$|ROUTE$|WORKSPACE_ID$|PERMISSION$|DISABLE_PROJECT_CONFIG$|DISABLE_CHANNEL_DB$))/

export function serverEnvironment(settings: ServerSettings, folder: ServerFolder): Record<string, string> {
  return {
    ...(settings.isolateHome === undefined ? inherited(settings.env) : isolated(settings.env, settings.isolateHome)),
    OPENCODE_DB: folder.database,
    OPENCODE_CONFIG_CONTENT: JSON.stringify(configContent(settings)),
    OPENCODE_SERVER_USERNAME: 'opencode',
    OPENCODE_SERVER_PASSWORD: folder.password,
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_CLIENT: 'cli', // with another client the model is not offered the question tool
    ...(settings.trusted ? {} : { OPENCODE_DISABLE_PROJECT_CONFIG: '1' }),
    SHELL: cleanShell(folder.path),
    [MARK]: folder.opencodeId,
    ...settings.extraEnv,
  }
}

const inherited = (env: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && !NOT_INHERITED.test(entry[0])),
  )

const ISOLATED_KEEPS = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'USER', 'LOGNAME']

function isolated(env: Environment, home: string): Record<string, string> {
  const kept = ISOLATED_KEEPS.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))
  const folders = { HOME: 'home', XDG_DATA_HOME: 'data', XDG_CONFIG_HOME: 'config', XDG_CACHE_HOME: 'cache', XDG_STATE_HOME: 'state' }
  const own = Object.entries(folders).map(([name, folder]) => {
    mkdirSync(join(home, folder), { recursive: true })
    return [name, join(home, folder)]
  })
  withoutPluginInstall(join(home, 'config', 'opencode'))
  return { ...(Object.fromEntries([...kept, ...own]) as Record<string, string>), OPENCODE_DISABLE_MODELS_FETCH: '1' }
}

/**
 * OpenCode installs its plugin package (63 MB) into a fresh configuration folder in the background, and swallows a TERM
 * meanwhile. It does not when the folder looks installed.
 */
export function withoutPluginInstall(config: string): void {
  mkdirSync(join(config, 'node_modules'), { recursive: true })
  const lock = { lockfileVersion: 3, packages: { '': { dependencies: { '@opencode-ai/plugin': '*' } } } }
  writeFileSync(join(config, 'package-lock.json'), JSON.stringify(lock))
}

/**
 * The agent's commands start through $SHELL. This one takes the server's password and configuration (which may hold
 * keys) out of their environment first. No sandbox: the same user can still read them elsewhere.
 */
function cleanShell(folder: string): string {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true, mode: 0o700 })
  const path = join(bin, 'bash')
  const shell = ['/bin/bash', '/usr/bin/bash'].find(existsSync) ?? '/bin/sh'
  const hidden = 'OPENCODE_SERVER_USERNAME OPENCODE_SERVER_PASSWORD OPENCODE_CONFIG_CONTENT OPENCODE_DB OPENCODE_CLIENT'
  writeFileSync(path, `#!/bin/sh\nunset ${hidden}\nSHELL=${shell} exec ${shell} "$@"\n`, { mode: 0o700 })
  return path
}

/** Two servers with equal hashes are the same to their sessions. */
export const settingsHash = (binary: string, environment: Readonly<Record<string, string>>): string =>
  createHash('sha256')
    .update(
      JSON.stringify([binary, environment['OPENCODE_CONFIG_CONTENT'], environment['HOME'], environment['OPENCODE_DISABLE_PROJECT_CONFIG']]),
    )
    .digest('hex')

// -------------------------------------------------------------------------------------------------- helpers

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

export function mergeDeep(base: ConfigContent, over: ConfigContent): ConfigContent {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const old = merged[key]
    merged[key] = isObject(old) && isObject(value) ? mergeDeep(old, value) : value
  }
  return merged
}

function parseObject(text: string | undefined): ConfigContent {
  if (!text) return {}
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch (error) {
    throw fail('INVALID_INPUT', { field: 'OPENCODE_CONFIG_CONTENT', problem: 'is no JSON' }, error)
  }
}

const upwards = (dir: string): readonly string[] => (dirname(dir) === dir ? [dir] : [dir, ...upwards(dirname(dir))])

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Missing or not for us: the same to a search.
    return false
  }
}

function startsWithShebang(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(2)
    readSync(file, head, 0, 2, 0)
    return head.toString() === '#!'
  } finally {
    closeSync(file)
  }
}
