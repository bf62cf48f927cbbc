/** Puts the kernel together from its parts; the parts do the work. */
import path from 'node:path'
import { ticketCalls } from './calls/tickets.ts'
import { evidenceCalls } from './calls/evidence.ts'
import type { ClearEnv } from './clear-ticket.ts'
import type { Opencode } from './driving.ts'
import { inboxCalls } from './calls/inbox.ts'
import { EvidenceFiles } from './evidence/evidence-files.ts'
import { HouseKeeping } from './house-keeping.ts'
import type { Kernel } from './kernel-api.ts'
import { Leases, thisProcess } from './leases.ts'
import { StartUp } from './start-up.ts'
import type { RecoveryReport } from './recovery.ts'
import { createModelList } from './opencode/models.ts'
import { deliver as deliverNudge } from './notify/deliver.ts'
import type { Deliver } from './notify/deliver.ts'
import { Nudges } from './notify/nudges.ts'
import type { Registry } from './pipeline.ts'
import { systemChance, systemClock } from './ports.ts'
import type { Chance, Clock } from './ports.ts'
import { projectCalls } from './calls/projects.ts'
import { Projects, worktreePath } from './projects.ts'
import type { OpenProject } from './projects.ts'
import { createHealth } from './calls/health.ts'
import { eventCalls } from './calls/events.ts'
import { projectCosts } from './calls/costs.ts'
import { projectPauses, serverCalls } from './calls/pauses.ts'
import { settingCalls } from './calls/settings.ts'
import type { Settings } from './settings.ts'
import { pathOfUrl } from './store/copies.ts'
import type { StoreOpener } from './store/app-store.ts'
import { Pauses } from './pauses.ts'
import { pipelineViews } from './views.ts'
import { Worker } from './worker.ts'
import type { WorkerEnv } from './worker.ts'
import type { OpencodeAdapter } from './opencode/adapter.ts'
import { createWorkspace } from './workspace/index.ts'

export interface KernelOptions {
  readonly version: string
  /** URL of the app database: `file:/…`. */
  readonly databaseUrl: string
  readonly stores: StoreOpener
  readonly registry: Registry
  /** Where people's attached files are kept; default: beside the app database. */
  readonly evidenceFolder?: string
  /** Settings from `looptroop.config.ts`: weaker than the app's own. */
  readonly configSettings?: Partial<Settings>
  readonly opencode: Opencode
  readonly clock?: Clock
  readonly chance?: Chance
  readonly log?: (line: string) => void
  /** How nudges leave; default: HTTP, or a command. */
  readonly deliver?: Deliver
}

/** Opens the databases and looks at what an earlier process left; starts no work: `loop()` or `tick()` does. */
export async function createKernel(options: KernelOptions): Promise<Kernel> {
  const { opencode, registry, clock = systemClock, chance = systemChance, log = () => {} } = options
  const parts = await openParts({ ...options, clock, chance })
  const { projects, settings, models, startUp, worker, house, nudges, clear, pauses, evidence } = parts
  const { adapter } = opencode
  const stopping = new AbortController()
  return {
    version: options.version,
    health: createHealth({ version: options.version, opencode, projects, startUp }),
    models: { list: ({ scope }) => models.list(scope), refresh: (input) => models.refresh(input?.scope) },
    projects: {
      ...projectCalls(projects),
      ...projectPauses({ projects, worker, pauses, clock }),
      costs: projectCosts(projects, settings.forProject),
    },
    server: serverCalls({ projects, worker, pauses, log }),
    settings: settings.calls,
    phases: () => pipelineViews(registry),
    tickets: ticketCalls({
      projects,
      registry,
      models,
      worker,
      adapter,
      clock,
      chance,
      clear,
      pauses,
      evidence,
      settingsFor: settings.forTicket,
    }),
    evidence: evidenceCalls({ projects, files: evidence, clock }),
    ...inboxCalls({ projects, worker, adapter, clock }),
    events: eventCalls(projects),
    recovery: () => startUp.report,
    tick: () => worker.tick(),
    idle: () => worker.idle(),
    tidy: () => house.round(),
    nudge: () => nudges.round(),
    loop: async () => void (await Promise.all([worker.loop(), house.loop(stopping.signal), nudges.loop()])),
    stop: once(() => {
      stopping.abort()
      return close(parts)
    }),
  }
}

type Parts = Awaited<ReturnType<typeof openParts>>

async function openParts(options: KernelOptions & { clock: Clock; chance: Chance }) {
  const { opencode, registry, stores, clock, chance, log = () => {} } = options
  const app = await stores.openApp(options.databaseUrl)
  const projects = new Projects({ app, stores, clock, chance })
  await projects.openAll()
  const settings = await settingCalls({ app, projects, clock, config: options.configSettings ?? {} })
  const models = createModelList(opencode.adapter, clock)
  const me = thisProcess(chance)
  const leases = new Leases(me, clock)
  const save = (report: RecoveryReport): Promise<void> => app.putMeta('recovery', JSON.stringify(report))
  const startUp = await StartUp.observe({ projects, opencode, leases, clock, me, save })
  const workspaceOf = workspaces(clock, opencode.adapter)
  const shared = { projects, clock, log, appSettings: settings.app, projectSettings: settings.forProject }
  const pauses = new Pauses({ app, clock })
  const evidence = new EvidenceFiles(options.evidenceFolder ?? path.join(path.dirname(pathOfUrl(options.databaseUrl)), 'evidence'))
  const worker = new Worker({ ...shared, pauses, evidence, leases, startUp, registry, opencode, models, chance, workspaceOf })
  const clear: ClearEnv = {
    adapter: opencode.adapter,
    evidence,
    removeWorktree: (project, ticket) => workspaceOf(project, ticket).remove(),
  }
  const house = new HouseKeeping({ ...shared, worker, clear, ready: () => startUp.done })
  const targetOf = async (project: OpenProject): Promise<Settings['notify']> => (await settings.forProject(project)).notify
  const nudges = new Nudges({ ...shared, targetOf, deliver: options.deliver ?? deliverNudge })
  return { app, projects, settings, models, startUp, worker, house, nudges, clear, pauses, evidence }
}

/** Runs end first, then the databases close, whatever the runs' end brought. */
async function close({ worker, projects, app, house, nudges }: Parts): Promise<{ openTurns: number }> {
  try {
    await Promise.all([house.stop(), nudges.stop()])
    await worker.stop()
    const open = await Promise.all(projects.open().map((p) => p.store.openTurns()))
    return { openTurns: open.flat().filter((t) => t.posts > 0).length }
  } finally {
    await projects.close()
    await app.close()
  }
}

/** A second stop is the first one. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined
  return () => (done ??= work())
}

/** A ticket's worktree. Its removal frees the directory at OpenCode too: threads and some 34 MB. */
const workspaces =
  (clock: Clock, adapter: OpencodeAdapter): WorkerEnv['workspaceOf'] =>
  (project, { id, branch, baseCommit }) => {
    const { path: repoPath } = project.record
    const place = createWorkspace({ repoPath, worktreePath: worktreePath(project.record, id), branch, baseCommit, clock })
    const remove = async (): Promise<void> => {
      await adapter.disposeDirectory(place.path).catch(() => undefined) // an OpenCode that is away holds nothing that a later start does not free
      await place.remove()
    }
    return { ...place, remove }
  }
