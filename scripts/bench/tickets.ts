/** Tickets that an earlier process left: each waits for a person, with one active session at OpenCode. */
import path from 'node:path'
import { createFileStores, createKernel, createOpencode, SETTING_NAMES, systemChance, systemClock } from '#core'
import type { Settings } from '#core'
import { loadPlugins } from '#plugins'
import { phases, pipelines } from '#phases'
import { makeRepository } from './world.ts'

export interface Left {
  readonly dataDir: string
  readonly count: number
}
export interface LeaveOptions {
  readonly folder: string
  readonly count: number
  /** Ids of sessions that exist at OpenCode, one for each ticket, and where they live. */
  readonly sessions: readonly string[]
  readonly directory: string
  readonly opencodeId: string
}

type Store = Awaited<ReturnType<ReturnType<typeof createFileStores>['openProject']>>

const PHASE = 'BENCH'
const AT = { phase: PHASE, attempt: 1 }
const PINNED = { name: 'quick', rows: [{ phase: PHASE, group: 'all', version: 1, label: 'Bench' }] }
const OWNER = { owner: 'own_bench', host: 'elsewhere', pid: 1, startToken: '', ttlMs: 1 }

export async function leaveTickets(options: LeaveOptions): Promise<Left> {
  const dataDir = path.join(options.folder, `data-${options.count}`)
  const repo = await makeRepository(path.join(options.folder, `repo-${options.count}`))
  const stores = createFileStores({ clock: systemClock, chance: systemChance })
  const { settings, projectId } = await attach(dataDir, repo)
  const store = await stores.openProject(`file:${path.join(repo, '.looptroop', 'looptroop.db')}`, {
    projectId,
    projectKey: 'BENCH',
    baseDir: repo,
  })
  for (let i = 0; i < options.count; i += 1) await leaveOne(store, { ...options, settings, sessionId: options.sessions[i] ?? '' })
  await store.close()
  return { dataDir, count: options.count }
}

async function attach(dataDir: string, repo: string): Promise<{ settings: Settings; projectId: string }> {
  const env = { LOOPTROOP_OPENCODE_MODE: 'mock' }
  const opencode = await createOpencode({ env, clock: systemClock, chance: systemChance, dataDir })
  const kernel = await createKernel({
    version: 'bench',
    databaseUrl: `file:${path.join(dataDir, 'looptroop.db')}`,
    stores: createFileStores({ clock: systemClock, chance: systemChance }),
    registry: await loadPlugins({ folder: dataDir, config: {}, builtIn: { phases, pipelines }, settingNames: SETTING_NAMES }),
    opencode: { ...opencode, startedAt: null },
  })
  const { id } = await kernel.projects.attach({ path: repo, key: 'BENCH' })
  const { values } = await kernel.settings.get({ scope: 'app' })
  await kernel.stop()
  await opencode.stop()
  return { settings: values, projectId: id }
}

async function leaveOne(store: Store, input: LeaveOptions & { settings: Settings; sessionId: string }): Promise<void> {
  const at = systemClock.now()
  const { id: ticketId } = await store.createTicket({ title: 'Left', description: '', priority: 1, pipeline: 'quick', models: null, at })
  const { generation } = await store.claimLease({ ...OWNER, ticketId, at: at - 1_000 })
  const fence = { ticketId, generation }
  await store.startTicket(fence, {
    phase: PHASE,
    pinned: PINNED,
    settings: input.settings,
    branch: `looptroop/${ticketId}`,
    baseBranch: 'main',
    baseCommit: 'base',
    at,
  })
  const slot = { ticketId, phase: PHASE, phaseAttempt: 1, memberId: null, beadId: null, iteration: null, step: 'answer' }
  const nonce = systemChance.hex(8)
  const { directory, opencodeId, sessionId } = input
  const model = { provider: 'scripted', model: 'm1' }
  await store.claimSlot(fence, { nonce, slot, opencodeId, directory, model, prompt: { name: 'answer', inputHash: 'h' }, at })
  await store.activateSession(fence, { nonce, sessionId, directory, at })
  await store.park(fence, { waitingFor: 'person', until: null, awaiting: { ...AT, names: [] }, at })
}
