/**
 * A server to be killed: database, feed and router on the given ticket, which it writes to by itself, a thousand events and a
 * hundred deltas per second. Told to stop, it says how far the log goes. Started by specs.
 */
import { setTimeout as after } from 'node:timers/promises'
import { systemChance, systemClock } from '../../../core/ports.ts'
import { createFileStores } from '../../../core/store/sql-store.ts'
import type { Fence } from '../../../core/store/store.ts'
import { IDENTITY } from '../store/home.ts'
import { started } from './source.ts'

export interface ServerPlan {
  readonly projectUrl: string
  readonly baseDir: string
  readonly fence: Fence
  readonly port: number
}
export type ServerSays = { readonly port: number } | { readonly lastSeq: number }

const EVERY_MS = 10
const PER_BATCH = 10

async function main({ projectUrl, baseDir, fence, port }: ServerPlan): Promise<void> {
  const opener = createFileStores({ clock: systemClock, chance: systemChance })
  const store = await opener.openProject(projectUrl, { ...IDENTITY, baseDir })
  const { feed, server } = await started(store, port)
  const stopping = new AbortController()
  process.once('message', () => stopping.abort())
  process.once('disconnect', () => process.exit())
  process.send?.({ port: server.port } satisfies ServerSays)
  const partId = `prt_${process.pid}`
  const from = performance.now()
  for (let batch = 0; !stopping.signal.aborted; batch++) {
    await after(Math.max(0, from + batch * EVERY_MS - performance.now()))
    const events = Array.from({ length: PER_BATCH }, (_, n) => ({
      type: 'file.edited' as const,
      data: { file: `${process.pid} ${batch} ${n}` },
    }))
    await store.appendEvents(fence, { events, at: 1 })
    feed.delta(fence.ticketId, { turnId: 'msg_1', partId, kind: 'text', text: `${batch} ✓ ` })
  }
  process.send?.({ lastSeq: await store.lastSeq(fence.ticketId) } satisfies ServerSays)
}

await main(JSON.parse(process.argv[2] ?? '{}') as ServerPlan)
