/** How long a start takes until it listens, and until every session is classified, with many tickets and whatever OpenCode does. */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#core'
import { createLoopTroopClient } from '#router'
import { openGateway } from './gateway.ts'
import type { Gateway, Mode } from './gateway.ts'
import { printRows, round } from './numbers.ts'
import { leaveTickets } from './tickets.ts'
import type { Left } from './tickets.ts'
import { makeRepository, openWorld } from './world.ts'
import type { BenchWorld } from './world.ts'

export interface StartUp {
  readonly tickets: number
  readonly opencode: Mode
  /** From the start of the process, the interpreter's own start included. */
  readonly listeningMs: number
  /** From OpenCode's answering (up: from listening). */
  readonly classifiedMs: number
  readonly sessions: number
}

const COUNTS = [0, 10, 100, 1_000]
const MODES: readonly Mode[] = ['up', 'refused', 'stalled']
const SERVE = fileURLToPath(new URL('../serve.ts', import.meta.url))
const LIMIT_MS = 120_000
/** How long OpenCode stays away. */
const AWAY_MS = 3_000

export async function benchStartUp(counts: readonly number[] = COUNTS): Promise<readonly StartUp[]> {
  await using world = await openWorld('ok')
  await using gateway = await openGateway(world.opencode.adapter.baseUrl)
  const directory = await makeRepository(path.join(world.folder, 'sessions'))
  const sessions = await makeSessions(world, directory, Math.max(...counts))
  const results: StartUp[] = []
  for (const count of counts) {
    const left = await leaveTickets({ folder: world.folder, count, sessions, directory, opencodeId: new URL(gateway.url).href })
    for (const opencode of MODES) results.push(await startOnce(world, { gateway, left, opencode }))
  }
  const first = results[0]?.listeningMs ?? Number.NaN
  console.log('\nStart-up (ms; listening counts from the start of the process, classified from when OpenCode answers)')
  printRows(
    ['tickets', 'OpenCode', 'listening', '÷ the first', 'classified', 'sessions'],
    results.map((r) => [r.tickets, r.opencode, r.listeningMs, round(r.listeningMs / first, 2), r.classifiedMs, r.sessions]),
  )
  return results
}

async function makeSessions({ opencode }: BenchWorld, directory: string, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i += 1) {
    const session = await opencode.adapter.createSession({ directory, title: `bench ${i}`, metadata: { bench: i }, rules: [] })
    ids.push(session.id)
  }
  return ids
}

interface Once {
  readonly gateway: Gateway
  readonly left: Left
  readonly opencode: Mode
}

async function startOnce(world: BenchWorld, { gateway, left, opencode }: Once): Promise<StartUp> {
  await gateway.set(opencode)
  const port = await freePort()
  const home = path.join(world.folder, 'server-home')
  await mkdir(home, { recursive: true })
  const env = {
    ...{
      PATH: process.env['PATH'],
      HOME: home,
      LOOPTROOP_DATA_DIR: left.dataDir,
      LOOPTROOP_PORT: String(port),
      LOOPTROOP_TOKEN: 'bench-token-of-this-run',
    },
    ...{ LOOPTROOP_OPENCODE_BASE_URL: gateway.url, OPENCODE_SERVER_PASSWORD: world.password },
  }
  const client = createLoopTroopClient({ url: `http://127.0.0.1:${port}`, token: 'bench-token-of-this-run' })
  const started = systemClock.monotonic()
  const child = spawn(process.execPath, ['--import', 'tsx', SERVE], { env, stdio: 'ignore' })
  try {
    await until(() => listens(port))
    const listeningMs = Math.round(systemClock.monotonic() - started)
    if (opencode !== 'up') await systemClock.sleep(AWAY_MS)
    await gateway.set('up')
    const from = systemClock.monotonic()
    await until(async () => (await client.recovery.report.query().catch(() => null))?.opencode === null)
    const classifiedMs = Math.round(systemClock.monotonic() - from)
    const { sessions } = await client.recovery.report.query()
    return { tickets: left.count, opencode, listeningMs, classifiedMs, sessions: sessions.filter((s) => s.found === 'reconnected').length }
  } finally {
    await client.close()
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
}

async function listens(port: number): Promise<boolean> {
  const url = `http://127.0.0.1:${port}/trpc/phases.list`
  return fetch(url, { headers: { authorization: 'Bearer bench-token-of-this-run' } }).then(
    (response) => response.ok,
    () => false, // not yet
  )
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = systemClock.monotonic() + LIMIT_MS
  while (!(await holds())) {
    if (systemClock.monotonic() > end) throw new Error(`not within ${LIMIT_MS} ms`)
    await systemClock.sleep(10)
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}
