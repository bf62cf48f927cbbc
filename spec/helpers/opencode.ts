/** An OpenCode to test against: the real one with a scripted model, or the fake. Gone with everything when the test is. */
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { OpencodeAdapter, OpencodeEvent } from '../../core/opencode/adapter.ts'
import { createEventHub, type EventHub } from '../../core/opencode/event-hub.ts'
import { createOpencode, type OpencodeOptions } from '../../core/opencode/factory.ts'
import { createFakeServer, type FakeServer } from '../../core/opencode/fake/fake-server.ts'
import { createInProcessAdapter } from '../../core/opencode/fake/in-process.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { ManagedServer } from '../../core/opencode/managed-server.ts'
import { systemChance, systemClock, type Clock } from '../../core/ports.ts'
import { scriptedProvider, startScriptedModel, type Script, type ScriptedModel } from '../../scripts/scripted-model.ts'
import { tempFolder } from './temp-folder.ts'

export interface RealOpencode extends AsyncDisposable {
  readonly adapter: OpencodeAdapter
  readonly hub: EventHub
  readonly baseUrl: string
  /** Its model is `scripted/m1`. */
  readonly model: ScriptedModel
  /** Temporary, real path; holds data, home, and whatever a test puts there. */
  readonly dir: string
  /** The one that runs now: another after a supervised restart. */
  readonly managed: ManagedServer
  readonly startedAt: number | null
  readonly reason: string
  readonly diagnostics: readonly string[]
  /** What to hand to `createOpencode` to come again to the same server, as a restarted LoopTroop does. */
  readonly options: OpencodeOptions
}

export const SCRIPTED_MODEL = { provider: 'scripted', model: 'm1' } as const

export interface RealOptions {
  readonly model?: Script
  readonly managed?: OpencodeOptions['managed']
  /** OpenCode's own configuration of its agents. */
  readonly agent?: Readonly<Record<string, unknown>>
  /** Started again when it dies. Default false: a test that kills it says itself what comes next. */
  readonly supervise?: boolean
}

/** Starts in about 2 s. Its HOME and XDG folders are its own, its model is the script: nothing of the person is touched. */
export async function startRealOpencode({
  model: script = () => ({ text: 'ok' }),
  managed,
  agent = {},
  supervise = false,
}: RealOptions = {}): Promise<RealOpencode> {
  await using undo = new Undo()
  const folder = undo.use(await tempFolder('looptroop-oc'))
  const model = undo.use(await startScriptedModel({ script }))
  const diagnostics: string[] = []
  const options: OpencodeOptions = {
    env: process.env,
    clock: systemClock,
    chance: systemChance,
    dataDir: join(folder.path, 'data'),
    use: 'always_managed',
    supervise,
    managed: { isolateHome: join(folder.path, 'home'), extraConfig: { ...scriptedProvider(model.url), agent }, ...managed },
    onDiagnostic: (message) => diagnostics.push(message),
  }
  const opencode = await createOpencode(options)
  const running = (): ManagedServer => opencode.managed as ManagedServer
  const emergency = killAtExit(() => running().pid)
  undo.defer(async () => {
    await opencode.stop()
    emergency()
  })
  const cleanup = undo.move()
  return {
    adapter: opencode.adapter,
    hub: opencode.hub,
    baseUrl: opencode.adapter.baseUrl,
    model,
    dir: folder.path,
    get managed() {
      return running()
    },
    get startedAt() {
      return opencode.startedAt
    },
    reason: opencode.reason,
    diagnostics,
    options,
    [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose](),
  }
}

export interface FakeOpencode extends AsyncDisposable {
  readonly adapter: OpencodeAdapter
  readonly hub: EventHub
  readonly server: FakeServer
  readonly dir: string
}

export async function startFakeOpencode(brain?: FakeBrain, clock: Clock = systemClock): Promise<FakeOpencode> {
  const folder = await tempFolder('looptroop-fake')
  const server = createFakeServer({ clock, chance: systemChance, brain })
  const adapter = createInProcessAdapter({ server, clock })
  const hub = createEventHub({ adapter, clock, chance: systemChance })
  hub.start()
  const dispose = async (): Promise<void> => {
    await hub.close()
    await adapter.close()
    await folder[Symbol.asyncDispose]()
  }
  return { adapter, hub, server, dir: folder.path, [Symbol.asyncDispose]: dispose }
}

/** A new folder below `dir`, as a session's directory; its real path. */
export async function makeDirectory(dir: string, name: string): Promise<string> {
  const path = join(dir, name)
  await mkdir(path, { recursive: true })
  return realpath(path)
}

export interface Recording extends AsyncDisposable {
  readonly events: readonly OpencodeEvent[]
  /** The first event, past or to come, that fits. */
  until(fits: (event: OpencodeEvent) => boolean): Promise<OpencodeEvent>
}

/** One event stream of the adapter from now on; live when this resolves. */
export async function recordEvents(adapter: OpencodeAdapter): Promise<Recording> {
  const events: OpencodeEvent[] = []
  const waiting = new Set<() => void>()
  const stop = new AbortController()
  const pump = (async () => {
    for await (const some of adapter.subscribeToEvents({ signal: stop.signal })) {
      events.push(...some)
      for (const look of waiting) look()
    }
  })()
  const until = (fits: (event: OpencodeEvent) => boolean): Promise<OpencodeEvent> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(fits)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      pump.then(() => reject(new Error('the stream ended before the event came')), reject)
      look()
    })
  await until((event) => event.type === 'stream.connected')
  return {
    events,
    until,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await pump
    },
  }
}

/** Polls a condition that no event announces. */
export async function eventually<T>(look: () => Promise<T | undefined | null | false>, ms = 10_000): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== null && seen !== false) return seen
    if (Date.now() > end) throw new Error(`did not happen in ${ms} ms`)
    await systemClock.sleep(20)
  }
}

/** A spec that is killed by its time limit cannot clean up asynchronously. */
function killAtExit(pid: () => number): () => void {
  const kill = (): void => {
    try {
      process.kill(-pid(), 'SIGKILL')
    } catch {
      // It is gone already, as it should be.
    }
  }
  process.on('exit', kill)
  return () => process.off('exit', kill)
}

/** Node 20 has no AsyncDisposableStack: what was begun is undone when a later step throws. */
class Undo implements AsyncDisposable {
  private undo: (() => PromiseLike<void>)[] = []
  use<T extends AsyncDisposable>(resource: T): T {
    this.undo.push(() => resource[Symbol.asyncDispose]())
    return resource
  }
  defer(undo: () => Promise<void>): void {
    this.undo.push(undo)
  }
  move(): Undo {
    const moved = new Undo()
    moved.undo = this.undo
    this.undo = []
    return moved
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const step of this.undo.toReversed()) await step()
    this.undo = []
  }
}
