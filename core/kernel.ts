/** Puts the kernel together from its parts; the parts do the work. */
import { ticketCalls } from './calls/tickets.ts'
import type { Opencode } from './driving.ts'
import { inboxCalls } from './calls/inbox.ts'
import type { Kernel } from './kernel-api.ts'
import { Leases, thisProcess } from './leases.ts'
import { StartUp } from './start-up.ts'
import { createModelList } from './opencode/models.ts'
import type { Registry } from './pipeline.ts'
import { systemChance, systemClock } from './ports.ts'
import type { Chance, Clock } from './ports.ts'
import { projectCalls } from './calls/projects.ts'
import { Projects, worktreePath } from './projects.ts'
import { createHealth } from './calls/health.ts'
import { eventCalls } from './calls/events.ts'
import { settingCalls } from './calls/settings.ts'
import type { Settings } from './settings.ts'
import type { AppStore, StoreOpener } from './store/app-store.ts'
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
  /** Settings from `looptroop.config.ts`: weaker than the app's own. */
  readonly configSettings?: Partial<Settings>
  readonly opencode: Opencode
  readonly clock?: Clock
  readonly chance?: Chance
  readonly log?: (line: string) => void
}

/** Opens the databases and looks at what an earlier process left; starts no work: `loop()` or `tick()` does. */
export async function createKernel(options: KernelOptions): Promise<Kernel> {
  const { opencode, registry, stores, clock = systemClock, chance = systemChance, log = () => {} } = options
  const app = await stores.openApp(options.databaseUrl)
  const projects = new Projects({ app, stores, clock, chance })
  await projects.openAll()
  const settings = await settingCalls({ app, projects, clock, config: options.configSettings ?? {} })
  const models = createModelList(opencode.adapter, clock)
  const me = thisProcess(chance)
  const leases = new Leases(me, clock)
  const startUp = await StartUp.observe({
    projects,
    opencode,
    leases,
    clock,
    me,
    save: (report) => app.putMeta('recovery', JSON.stringify(report)),
  })
  const worker = new Worker({
    leases,
    startUp,
    projects,
    registry,
    opencode,
    models,
    clock,
    chance,
    log,
    appSettings: settings.app,
    workspaceOf: workspaces(clock, opencode.adapter),
  })
  return {
    version: options.version,
    health: createHealth({ version: options.version, opencode, projects, startUp }),
    models: { list: ({ scope }) => models.list(scope), refresh: () => models.refresh() },
    projects: projectCalls(projects),
    settings: settings.calls,
    phases: () => pipelineViews(registry),
    tickets: ticketCalls({ projects, registry, models, worker, adapter: opencode.adapter, clock, chance, settingsFor: settings.forTicket }),
    ...inboxCalls({ projects, worker, adapter: opencode.adapter, clock }),
    events: eventCalls(projects),
    recovery: () => startUp.report,
    tick: () => worker.tick(),
    idle: () => worker.idle(),
    loop: () => worker.loop(),
    stop: once(() => close({ worker, projects, app })),
  }
}

/** Runs end first, then the databases close, whatever the runs' end brought. */
async function close({ worker, projects, app }: { worker: Worker; projects: Projects; app: AppStore }): Promise<{ openTurns: number }> {
  try {
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
