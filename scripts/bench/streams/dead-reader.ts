/** What the server holds for readers that never read, while events go on. */
import { printRows, round } from '../numbers.ts'
import { subscriptionTo, TRANSPORTS, type Transport } from './frames.ts'
import { startRole } from './role.ts'
import type { LoopTroopRole } from './roles/looptroop.ts'
import type { ReadersRole } from './roles/readers.ts'

export interface DeadReader {
  readonly transport: Transport
  readonly readers: number
  readonly writtenMiB: number
  /** Beyond what it held before, after a half and after all of it: heap and buffers. */
  readonly halfMiB: number
  readonly heldMiB: number
  readonly perReaderMiB: number
}

const MIB = 2 ** 20
const BATCHES = 250
const PER_BATCH = 20
const CHARS = 4_000

export async function benchDeadReaders(readers: number): Promise<readonly DeadReader[]> {
  const all: DeadReader[] = []
  for (const transport of TRANSPORTS) all.push(await measure(transport, readers))
  console.log('\nReaders that never read, while events go on: MiB that the server holds beyond before')
  printRows(
    ['', 'readers', 'events MiB', 'after a half', 'after all', 'each'],
    all.map((a) => [a.transport, a.readers, a.writtenMiB, a.halfMiB, a.heldMiB, a.perReaderMiB]),
  )
  return all
}

async function measure(transport: Transport, count: number): Promise<DeadReader> {
  await using ours = startRole<LoopTroopRole>('looptroop', ['--expose-gc'])
  await using dead = startRole<ReadersRole>('readers')
  const at = await ours.call('open', { opencodeUrl: null })
  const log = await ours.call('openLog')
  const publishing = { ...log, batches: BATCHES, perBatch: PER_BATCH, everyMs: 0, chars: CHARS, mark: '' }
  // What the store and the feed keep once they have worked is no reader's.
  await ours.call('publish', { ...publishing, ...(await ours.call('openLog')) })
  const held = async (): Promise<number> => {
    const { heap, arrayBuffers } = await ours.call('usage')
    return (heap + arrayBuffers) / MIB
  }
  const before = await held()
  const subscription = subscriptionTo(transport, log.ticketId)
  await dead.call('open', { ...at, ...subscription, transport, count, opened: 'ticket.created', sampled: 1, dead: true })
  await ours.call('publish', publishing)
  const half = (await held()) - before
  await ours.call('publish', publishing)
  const after = (await held()) - before
  const writtenMiB = round((2 * BATCHES * PER_BATCH * CHARS) / MIB)
  return { transport, readers: count, writtenMiB, halfMiB: round(half), heldMiB: round(after), perReaderMiB: round(after / count, 2) }
}
