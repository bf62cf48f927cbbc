/** Looks at a managed OpenCode from outside, for doctor: its record, its process, what it left. Starts and stops nothing. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../ports.ts'
import { checkHealth } from './health.ts'
import { isAlive, processesWith, signal } from './process-table.ts'
import type { ServerRecord } from './server-record.ts'
import { MARK } from './server-settings.ts'

export interface ManagedInspection {
  /** Null: none was ever started here, or the last one was stopped in order. */
  readonly record: Pick<ServerRecord, 'pid' | 'port' | 'version' | 'startedAt'> | null
  readonly alive: boolean
  /** Alive, but does not answer: frozen or overloaded. */
  readonly stuck: string | null
  /** Processes that carry this server's mark while the server itself is gone: commands of an agent. */
  readonly orphans: readonly number[]
  readonly databaseBytes: number
}

export async function inspectManaged(dataDir: string, clock: Clock): Promise<ManagedInspection> {
  const folder = join(dataDir, 'opencode')
  const id = readText(join(folder, 'id'))
  const record = readRecord(join(folder, 'server.json'))
  const alive = record !== null && isAlive(record.pid, record.startToken)
  const password = readText(join(folder, 'password')) ?? ''
  const health = alive
    ? await checkHealth({ baseUrl: `http://127.0.0.1:${record.port}`, auth: { username: 'opencode', password }, clock })
    : null
  return {
    record,
    alive,
    stuck: health && !health.reachable ? (health.message ?? 'it does not answer') : null,
    orphans: alive || id === null ? [] : processesWith(MARK, id),
    databaseBytes: sizeOf(join(folder, 'opencode.db')),
  }
}

/** Ends what an ended server's agents left running. */
export function endOrphans(pids: readonly number[]): void {
  for (const pid of pids) signal(pid, 'SIGKILL')
}

const readText = (file: string): string | null => (existsSync(file) ? readFileSync(file, 'utf8').trim() : null)
const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0)
function readRecord(file: string): ServerRecord | null {
  const text = readText(file)
  return text === null ? null : (JSON.parse(text) as ServerRecord)
}
