/** What appending and reading one event costs in a short log and in a long one, side by side. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createFileStores, systemChance, systemClock } from '#core'
import { median, printRows, round } from './numbers.ts'

type Store = Awaited<ReturnType<ReturnType<typeof createFileStores>['openProject']>>
interface Log {
  readonly store: Store
  readonly fence: { readonly ticketId: string; readonly generation: number }
}
export interface EventCosts {
  readonly events: readonly [number, number]
  readonly appendMs: readonly [number, number]
  readonly appendRatio: number
  readonly listMs: readonly [number, number]
  readonly listRatio: number
}

const BATCH = 1_000
const ROUNDS = 300
const PAGE = 100

export async function benchEvents(sizes: readonly [number, number] = [1_000, 1_000_000]): Promise<EventCosts> {
  const folder = await mkdtemp(path.join(tmpdir(), 'looptroop-bench-events-'))
  try {
    const logs = [await fill(folder, sizes[0]), await fill(folder, sizes[1])] as const
    const appends: [number[], number[]] = [[], []]
    const lists: [number[], number[]] = [[], []]
    for (let n = 0; n < ROUNDS; n += 1) {
      for (const i of n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        appends[i].push(await timed(() => append(logs[i], { from: n, count: 1, prefix: 'measured' })))
        lists[i].push(await timed(() => logs[i].store.events(logs[i].fence.ticketId, sizes[i] - PAGE, PAGE)))
      }
    }
    for (const { store } of logs) await store.close()
    return report({ sizes, appends, lists })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function report({
  sizes,
  appends,
  lists,
}: {
  sizes: readonly [number, number]
  appends: [number[], number[]]
  lists: [number[], number[]]
}): EventCosts {
  const ms = (pair: [number[], number[]]): [number, number] => [round(median(pair[0]), 3), round(median(pair[1]), 3)]
  const [appendMs, listMs] = [ms(appends), ms(lists)]
  const [appendRatio, listRatio] = [round(appendMs[1] / appendMs[0], 2), round(listMs[1] / listMs[0], 2)]
  console.log('\nEvents (median ms of one append, and of reading the newest hundred)')
  printRows(
    ['events in the log', ...sizes.map(String), 'ratio'],
    [
      ['append', ...appendMs, appendRatio],
      ['read 100', ...listMs, listRatio],
    ],
  )
  return { events: sizes, appendMs, appendRatio, listMs, listRatio }
}

async function fill(folder: string, count: number): Promise<Log> {
  const stores = createFileStores({ clock: systemClock, chance: systemChance })
  const store = await stores.openProject(`file:${path.join(folder, `${count}.db`)}`, {
    projectId: `p${count}`,
    projectKey: 'BENCH',
    baseDir: folder,
  })
  const at = systemClock.now()
  const { id: ticketId } = await store.createTicket({ title: 'Long', description: '', priority: 1, pipeline: 'quick', models: null, at })
  const { generation } = await store.claimLease({ ticketId, owner: 'bench', host: 'here', pid: 1, startToken: '', ttlMs: 3_600_000, at })
  const log = { store, fence: { ticketId, generation } }
  for (let from = 0; from < count - 1; from += BATCH)
    await append(log, { from, count: Math.min(BATCH, count - 1 - from), prefix: 'filled' })
  return log
}

/** With a key, as what the stream of OpenCode tells has one. */
function append({ store, fence }: Log, { from, count, prefix }: { from: number; count: number; prefix: string }): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => ({
    type: 'plugin' as const,
    data: { phase: 'BENCH', attempt: 1, name: 'note', data: { n: from + i, text: 'what a model says in one part of its answer' } },
    key: `${prefix}:${from + i}`,
  }))
  return store.appendEvents(fence, { events, at: systemClock.now() })
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}
