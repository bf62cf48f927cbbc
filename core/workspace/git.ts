/**
 * How git is run. The executable is the one on the server's own PATH, by absolute path and without a shell. Repository and
 * work tree are always given, so git never looks for them and never finds a `.git` that an agent planted. Hooks, fsmonitor,
 * pagers, prompts and path patterns are off; the environment is clean.
 */
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { fail, messageOf } from '../errors.ts'
import { cleanEnvironment, searchPath } from './environment.ts'
import { OutputBuffer, runProcess } from './process.ts'

export interface GitPlace {
  /** The repository's own folder, or a worktree's administrative folder in it. Also the working directory of git. */
  readonly gitDir: string
  readonly workTree?: string
  readonly signal?: AbortSignal | undefined
}
export interface GitOptions {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** Exit codes that are answers. Default: 0 only. */
  readonly codes?: readonly number[]
  readonly maxOutput?: number
}
export interface GitResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Output was longer than the limit; head and tail are there. */
  readonly truncated: boolean
}
/** Throws GIT_FAILED, GIT_TIMEOUT or GIT_MISSING. */
export type Git = (args: readonly string[], options?: GitOptions) => Promise<GitResult>

const TIMEOUT_MS = 60_000
const MAX_OUTPUT = 64 * 1024 * 1024
const HARMLESS = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.untrackedCache=false', 'core.pager=cat', 'core.quotePath=false'],
  ...[
    'gc.auto=0',
    'maintenance.auto=false',
    'submodule.recurse=false',
    'protocol.ext.allow=never',
    'advice.detachedHead=false',
    'color.ui=false',
  ],
  // What a person may have set and our reading of the output would stumble over.
  ...[
    'log.showSignature=false',
    'diff.autoRefreshIndex=true',
    'core.ignoreStat=false',
    'i18n.commitEncoding=UTF-8',
    'i18n.logOutputEncoding=UTF-8',
  ],
].flatMap((setting) => ['-c', setting])

export function openGit(place: GitPlace): Git {
  return async (args, options = {}) => {
    const stdout = new OutputBuffer(options.maxOutput ?? MAX_OUTPUT)
    const stderr = new OutputBuffer(16 * 1024)
    const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    const end = await start({
      ...{ file: findGit(), args: [...HARMLESS, ...args], cwd: place.gitDir, timeoutMs, input: options.input, signal: place.signal },
      env: { ...environment(place), ...options.env },
      onOutput: (stream, chunk) => (stream === 'stdout' ? stdout : stderr).add(chunk),
    })
    const shown = args.join(' ').slice(0, 200)
    if (end.timedOut) throw fail('GIT_TIMEOUT', { args: shown, ms: timeoutMs })
    const code = end.exitCode ?? -1
    if (!(options.codes ?? [0]).includes(code))
      throw fail('GIT_FAILED', { args: shown, exit: code, output: (stderr.text() || stdout.text()).trim().slice(-2_000) })
    return { code, stdout: stdout.text(), stderr: stderr.text(), truncated: stdout.truncated }
  }
}

/** The names in a NUL-separated list. */
export const splitNul = (text: string): readonly string[] => text.split('\0').filter((name) => name !== '')

async function start(request: Parameters<typeof runProcess>[0]): ReturnType<typeof runProcess> {
  try {
    return await runProcess(request)
  } catch (error) {
    request.signal?.throwIfAborted()
    throw fail('GIT_FAILED', { args: request.args.join(' ').slice(0, 200), exit: 'no start', output: messageOf(error) }, error)
  }
}

function environment({ gitDir, workTree }: GitPlace): Readonly<Record<string, string>> {
  return cleanEnvironment({
    GIT_DIR: gitDir,
    ...(workTree === undefined ? {} : { GIT_WORK_TREE: workTree }),
    GIT_LITERAL_PATHSPECS: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_EDITOR: ':',
    SSH_ASKPASS_REQUIRE: 'never',
    ...(process.env['SSH_AUTH_SOCK'] === undefined ? {} : { SSH_AUTH_SOCK: process.env['SSH_AUTH_SOCK'] }),
    LC_ALL: 'C.UTF-8',
  })
}

let gitFile: string | undefined

function findGit(): string {
  gitFile ??= searchPath()
    .map((folder) => path.join(folder, process.platform === 'win32' ? 'git.exe' : 'git'))
    .find(isExecutable)
  if (gitFile === undefined) throw fail('GIT_MISSING')
  return gitFile
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    // Not there, or not ours to run: the next folder may have it.
    return false
  }
}
