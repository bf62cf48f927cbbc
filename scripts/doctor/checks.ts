/** Doctor's checks of the surroundings. Each has a stable id; none changes anything. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { DEFAULT_BASE_URL, checkHealth, credentialsOf, findOpencodeBinary, messageOf, systemClock } from '#core'
import { check } from './check.ts'
import type { Finding } from './check.ts'

type Env = Readonly<Record<string, string | undefined>>

const run = promisify(execFile)
const OLDEST_NODE = [20, 19] as const
const OLDEST_GIT = [2, 31] as const
const LOW_DISK_BYTES = 2_000_000_000

export async function checkSurroundings(env: Env, dataDir: string): Promise<readonly Finding[]> {
  const [git, server, disk] = await Promise.all([checkGit(), checkServer(env), checkDisk(dataDir)])
  return [checkNode(), git, checkBinary(env), server, disk, checkData(dataDir)]
}

function checkNode(): Finding {
  const enough = atLeast(process.versions.node, OLDEST_NODE)
  return check('node.version', enough ? 'ok' : 'fail', `Node ${process.versions.node}`, enough ? null : 'Install Node 20.19 or newer.')
}

async function checkGit(): Promise<Finding> {
  try {
    const { stdout } = await run('git', ['--version'], { timeout: 5_000 })
    const version = /\d+\.\d+/.exec(stdout)?.[0] ?? '0.0'
    const enough = atLeast(version, OLDEST_GIT)
    return check('git.version', enough ? 'ok' : 'fail', stdout.trim(), enough ? null : 'Install git 2.31 or newer.')
  } catch (error) {
    return check('git.version', 'fail', `git does not run: ${messageOf(error)}`, 'Install git and put it on PATH.')
  }
}

function checkBinary(env: Env): Finding {
  try {
    return check('opencode.binary', 'ok', `opencode: ${findOpencodeBinary(env, process.cwd())}`)
  } catch (error) {
    const attached = env['LOOPTROOP_OPENCODE_BASE_URL'] !== undefined
    return check('opencode.binary', attached ? 'warn' : 'fail', messageOf(error), 'npm install opencode-ai, or set LOOPTROOP_OPENCODE_BIN.')
  }
}

/** The one that would be attached to; a managed one is looked at by its own record when the server starts. */
async function checkServer(env: Env): Promise<Finding> {
  const wish = env['LOOPTROOP_OPENCODE_BASE_URL']
  const baseUrl = wish ?? DEFAULT_BASE_URL
  const health = await checkHealth({ baseUrl, auth: credentialsOf(env), clock: systemClock })
  if (health.reachable) return check('opencode.server', 'ok', `OpenCode ${health.version} answers at ${baseUrl}`)
  if (wish === undefined && health.code === 'OPENCODE_UNREACHABLE')
    return check('opencode.server', 'ok', `nothing answers at ${baseUrl}: a managed server will be started`)
  return check(
    'opencode.server',
    'fail',
    health.message ?? 'it does not answer',
    'Start it, correct LOOPTROOP_OPENCODE_BASE_URL, or unset it for a managed server.',
  )
}

async function checkDisk(dataDir: string): Promise<Finding> {
  const place = existsSync(dataDir) ? dataDir : path.parse(dataDir).root
  const { bavail, bsize } = await statfs(place)
  const free = bavail * bsize
  const low = free < LOW_DISK_BYTES
  return check(
    'disk.free',
    low ? 'warn' : 'ok',
    `${(free / 1e9).toFixed(1)} GB free where the data is`,
    low ? 'Free some space: worktrees and databases grow.' : null,
  )
}

function checkData(dataDir: string): Finding {
  return existsSync(dataDir)
    ? check('data.folder', 'ok', `data in ${dataDir}`)
    : check('data.folder', 'ok', `no data yet (${dataDir}); the first start makes it`)
}

function atLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a > major || (a === major && b >= minor)
}
