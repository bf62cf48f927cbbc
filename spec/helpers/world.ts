/** A kernel with everything it needs, on a fake or a given OpenCode, with one project. Gone with everything when the test is. */
import { join } from 'node:path'
import type { PhasePlugin, Pipeline } from '../../plugins/contract.ts'
import { createKernel } from '../../core/kernel.ts'
import type { KernelOptions } from '../../core/kernel.ts'
import type { Kernel, TicketView } from '../../core/kernel-api.ts'
import type { Opencode } from '../../core/driving.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { SETTING_NAMES } from '../../core/settings.ts'
import { createFileStores } from '../../core/store/sql-store.ts'
import type { StoreOpener } from '../../core/store/app-store.ts'
import { loadPlugins } from '../../plugins/loader.ts'
import { phases, pipelines } from '../../phases/index.ts'
import { startFakeOpencode } from './opencode.ts'
import type { FakeOpencode } from './opencode.ts'
import { testRepository } from './repository.ts'
import type { TestRepository } from './repository.ts'
import { tempFolder } from './temp-folder.ts'

export interface WorldOptions {
  readonly brain?: FakeBrain
  readonly files?: Readonly<Record<string, string>>
  readonly phases?: readonly PhasePlugin[]
  readonly pipelines?: readonly Pipeline[]
  readonly opencode?: Opencode
  readonly model?: { readonly provider: string; readonly model: string }
  /** Between the kernel and its databases; called for each kernel that is opened. */
  readonly stores?: (opener: StoreOpener) => StoreOpener
  readonly log?: (line: string) => void
  readonly deliver?: KernelOptions['deliver']
}

export interface World extends AsyncDisposable {
  readonly kernel: Kernel
  readonly repo: TestRepository
  readonly fake: FakeOpencode | null
  readonly projectId: string
  readonly dataDir: string
  /** A ticket, started. */
  start(title?: string, pipeline?: string): Promise<TicketView>
  /** Rounds until nothing starts any more and nothing is under way. */
  drive(): Promise<void>
  /** A second kernel on the same data, after this one was stopped or its store died. Later in time by `laterMs`: leases of the first have expired. */
  reopen(laterMs?: number): Promise<Kernel>
}

export const FAKE_MODEL = { provider: 'fake', model: 'm1' } as const

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const folder = await tempFolder('looptroop-world')
  const repo = await testRepository(options.files)
  const fake = options.opencode ? null : await startFakeOpencode(options.brain)
  const opencode = options.opencode ?? { ...(fake as FakeOpencode), startedAt: null }
  await opencode.hub.ready()
  const model = options.model ?? FAKE_MODEL
  const open = async (laterMs: number): Promise<Kernel> => {
    const clock = { ...systemClock, now: () => systemClock.now() + laterMs }
    const opener = createFileStores({ clock, chance: systemChance })
    const builtIn = { phases: [...phases, ...(options.phases ?? [])], pipelines: [...pipelines, ...(options.pipelines ?? [])] }
    const registry = await loadPlugins({ folder: folder.path, config: {}, builtIn, settingNames: SETTING_NAMES })
    return createKernel({
      version: 'spec',
      databaseUrl: `file:${join(folder.path, 'app.db')}`,
      stores: options.stores?.(opener) ?? opener,
      clock,
      registry,
      configSettings: { 'models.main': model },
      opencode,
      log: options.log ?? (() => {}),
      ...(options.deliver ? { deliver: options.deliver } : {}),
    })
  }
  let kernel = await open(0)
  const project = await kernel.projects.attach({ path: repo.path, key: 'SPEC' })
  return {
    get kernel() {
      return kernel
    },
    repo,
    fake,
    projectId: project.id,
    dataDir: folder.path,
    start: async (title = 'Do it', pipeline = 'quick') => {
      const ticket = await kernel.tickets.create({ projectId: project.id, title, pipeline })
      return kernel.tickets.start({ ticketId: ticket.id })
    },
    drive: async () => {
      for (;;) {
        const { started } = await kernel.tick()
        await kernel.idle()
        if (started === 0) return
      }
    },
    reopen: async (laterMs = 0) => {
      kernel = await open(laterMs)
      return kernel
    },
    [Symbol.asyncDispose]: async () => {
      await kernel.stop()
      await fake?.[Symbol.asyncDispose]()
      await repo[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
