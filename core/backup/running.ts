/**
 * Which processes use a data folder: each leaves a file there while it runs. A restore and a server exclude each other:
 * both write their own file first and look for the other's then, so that of two that start at once at least one stops.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fail } from '../errors.ts'
import { isAlive, startTokenOf } from '../opencode/process-table.ts'

export type ProcessKind = 'server' | 'restore'
interface Mark {
  readonly kind: ProcessKind
  readonly pid: number
  readonly startToken: string | null
}

/** Throws DATA_FOLDER_IN_USE. What it returns takes the mark away again. */
export function announceProcess(dataDir: string, kind: ProcessKind): () => void {
  const folder = path.join(dataDir, 'processes')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const mine = path.join(folder, `${kind}-${process.pid}.json`)
  const mark: Mark = { kind, pid: process.pid, startToken: startTokenOf(process.pid) }
  writeFileSync(`${mine}.new`, JSON.stringify(mark), { mode: 0o600 })
  renameSync(`${mine}.new`, mine) // whole, for those who look at this moment
  const withdraw = (): void => rmSync(mine, { force: true })
  const other = marksIn(folder).find((found) => found.pid !== process.pid && (found.kind === 'restore' || kind === 'restore'))
  if (!other) return withdraw
  withdraw()
  throw fail('DATA_FOLDER_IN_USE', { dataDir, what: other.kind === 'server' ? 'a LoopTroop server' : 'a restore', pid: other.pid })
}

/** Of living processes; what dead ones left behind is cleared away. */
function marksIn(folder: string): readonly Mark[] {
  const found: Mark[] = []
  for (const name of readdirSync(folder).filter((found) => found.endsWith('.json'))) {
    const file = path.join(folder, name)
    const mark = readMark(file)
    if (mark && isAlive(mark.pid, mark.startToken)) found.push(mark)
    else rmSync(file, { force: true })
  }
  return found
}

function readMark(file: string): Mark | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Mark
  } catch {
    return null // just taken away by its process
  }
}
