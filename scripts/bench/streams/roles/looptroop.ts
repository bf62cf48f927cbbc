/** The server under measurement: kernel, store, feed and router as they ship. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import * as v from 'valibot'
import { createFileStores, createKernel, createOpencode, SETTING_NAMES, systemChance, systemClock } from '#core'
import type { Kernel } from '#core'
import { definePhase, definePipeline, loadPlugins } from '#plugins'
import type { PhasePlugin } from '#plugins'
import { startServer } from '#router'
import { makeRepository } from '../../world.ts'
import { playRole, stamp, steady, usage } from '../role.ts'

type Store = Awaited<ReturnType<ReturnType<typeof createFileStores>['openProject']>>
const TOKEN = 'a-token-for-benches-only'
/** More than any reader of a bench needs: what is measured is the stream, not the door. */
const OPEN_DOOR = { connections: 5_000, streams: 5_000, reads: 100_000, readBurst: 100_000, writes: 100_000, writeBurst: 100_000 }
const Said = v.object({ said: v.string() })
const MANY = 1_000

const folder = mkdtempSync(path.join(tmpdir(), 'looptroop-bench-streams-'))
const stores: Store[] = []
let kernel: Kernel
let projectId = ''
let stop = (): Promise<unknown> => Promise.resolve()

/** `opencodeUrl`: none for the mock. */
async function open({ opencodeUrl }: { opencodeUrl: string | null }): Promise<{ url: string; port: number; token: string }> {
  const env = opencodeUrl === null ? { LOOPTROOP_OPENCODE_MODE: 'mock' } : { LOOPTROOP_OPENCODE_BASE_URL: opencodeUrl }
  const opencode = await createOpencode({ env, clock: systemClock, chance: systemChance, dataDir: folder })
  await opencode.hub.ready()
  const opener = createFileStores({ clock: systemClock, chance: systemChance })
  const builtIn = {
    phases: [answering as PhasePlugin],
    pipelines: [definePipeline({ name: 'bench', label: 'Bench', rows: [{ phase: answering.id, group: 'all' }] })],
  }
  kernel = await createKernel({
    version: 'bench',
    databaseUrl: `file:${path.join(folder, 'app.db')}`,
    stores: { ...opener, openProject: async (...given) => keep(await opener.openProject(...given)) },
    registry: await loadPlugins({ folder, config: {}, builtIn, settingNames: SETTING_NAMES }),
    configSettings: { 'models.main': { provider: 'fake', model: 'm1' }, 'limits.tickets': MANY, 'limits.turns': MANY },
    opencode: { adapter: opencode.adapter, hub: opencode.hub, startedAt: null },
  })
  projectId = (await kernel.projects.attach({ path: await makeRepository(path.join(folder, 'repo')), key: 'BENCH' })).id
  const server = await startServer({ kernel, host: '127.0.0.1', port: 0, token: { value: TOKEN }, limits: OPEN_DOOR })
  const looping = kernel.loop()
  stop = async () => {
    await server.close()
    await kernel.stop()
    await looping
    await opencode.stop()
  }
  return { url: server.url, port: server.port, token: TOKEN }
}

const answering = definePhase<{ said: string }>({
  ...{ id: 'BENCH_ANSWER', label: 'Bench', tools: 'disabled' },
  output: { schema: Said, format: 'json', tag: 'SAID', example: { said: 'something' } },
})

function keep(store: Store): Store {
  stores.push(store)
  return store
}
function storeOf(): Store {
  const store = stores.at(-1)
  if (!store) throw new Error('no project is open')
  return store
}

/** A ticket whose log is written by the bench itself: a draft, which no worker touches. */
async function openLog(): Promise<{ ticketId: string; generation: number }> {
  const { id: ticketId } = await kernel.tickets.create({ projectId, title: 'Log', pipeline: 'bench' })
  const owner = { owner: 'own_bench', host: 'elsewhere', pid: 1, startToken: '', ttlMs: 3_600_000 }
  const { generation } = await storeOf().claimLease({ ...owner, ticketId, at: systemClock.now() })
  return { ticketId, generation }
}

export interface Publishing {
  readonly ticketId: string
  readonly generation: number
  readonly batches: number
  readonly perBatch: number
  /** 0: as fast as they are stored. */
  readonly everyMs: number
  readonly chars: number
  /** In the last event. */
  readonly mark: string
}
async function publish({
  ticketId,
  generation,
  batches,
  perBatch,
  everyMs,
  chars,
  mark,
}: Publishing): Promise<{ from: number; to: number }> {
  const from = steady()
  for (let batch = 0; batch < batches; batch++) {
    if (everyMs > 0) await systemClock.sleep(Math.max(0, from + batch * everyMs - steady()))
    const events = Array.from({ length: perBatch }, (_, n) => {
      const last = batch === batches - 1 && n === perBatch - 1
      const data = { n, text: `sent:${stamp()} ${'x'.repeat(chars)}`, ...(last ? { mark } : {}) }
      return { type: 'plugin' as const, data: { phase: 'BENCH', attempt: 1, name: 'note', data } }
    })
    await storeOf().appendEvents({ ticketId, generation }, { events, at: systemClock.now() })
  }
  return { from, to: steady() }
}

async function startTurns({ count }: { count: number }): Promise<readonly string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    const { id: ticketId } = await kernel.tickets.create({ projectId, title: 'Turn', pipeline: 'bench' })
    await kernel.tickets.start({ ticketId })
    ids.push(ticketId)
  }
  return ids
}

async function settled({ ids }: { ids: readonly string[] }): Promise<void> {
  for (const id of ids)
    for (;;) {
      const { status, blocked } = await kernel.tickets.get(id)
      if (status === 'completed') break
      if (blocked) throw new Error(blocked.message)
      await systemClock.sleep(50)
    }
}

/** Tickets that each wait for a person at a gate. */
async function fill({ count }: { count: number }): Promise<void> {
  const store = storeOf()
  const { values: settings } = await kernel.settings.get({ scope: 'app' })
  const pinned = { name: 'bench', rows: [{ phase: answering.id, group: 'all', version: 1, label: 'Bench' }] }
  const at = systemClock.now()
  for (let n = 0; n < count; n++) {
    const { id: ticketId } = await store.createTicket({
      ...{ title: `Ticket ${n}`, description: 'What is to be done. '.repeat(20), priority: 1, pipeline: 'bench', models: null, at },
    })
    const owner = { owner: 'own_gone', host: 'elsewhere', pid: 1, startToken: '', ttlMs: 3_600_000 }
    const fence = { ticketId, generation: (await store.claimLease({ ...owner, ticketId, at })).generation }
    const branch = { branch: `looptroop/${ticketId}`, baseBranch: 'main', baseCommit: 'base' }
    await store.startTicket(fence, { phase: answering.id, pinned, settings, ...branch, at })
    const where = { phase: answering.id, attempt: 1 }
    const form = { title: 'Approve?', kind: 'document', artifact: 'plan', sha256: null, actions: ['approve', 'reject'] }
    await store.openGate(fence, {
      ...{ ...where, gateId: `gate_${n}`, name: 'approve', inputHash: 'h', payload: { form }, actions: form.actions, at },
      opened: { type: 'gate.opened', data: { ...where, gateId: `gate_${n}`, ...form } },
    })
    await store.park(fence, { waitingFor: 'person', until: null, awaiting: { ...where, names: ['approve'] }, at })
  }
}

const delays = monitorEventLoopDelay({ resolution: 1 })
playRole(
  {
    ...{ open, openLog, publish, startTurns, settled, fill },
    usage: () => {
      globalThis.gc?.()
      return usage()
    },
    /** Of the event loop since the last call, beyond the timer's own millisecond. */
    delay: () => {
      const seen = { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 }
      delays.enable()
      delays.reset()
      return seen
    },
  },
  async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  },
)

export type LoopTroopRole = {
  readonly open: typeof open
  readonly openLog: typeof openLog
  readonly publish: typeof publish
  readonly startTurns: typeof startTurns
  readonly settled: typeof settled
  readonly fill: typeof fill
  readonly usage: () => ReturnType<typeof usage>
  readonly delay: () => { p99: number; max: number }
}
