/** Owning sessions on the SDK adapter: a real store, the SDK, and behind msw the stateful fake of an OpenCode server. */
import { http, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import type { Driving } from '../../core/driving.ts'
import { createFakeHandler } from '../../core/opencode/fake/handler.ts'
import { createSdkAdapter } from '../../core/opencode/sdk-adapter.ts'
import { createEventFeed } from '../../core/events/feed.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { ownSession } from '../../core/sessions/session-manager.ts'
import type { Owned } from '../../core/sessions/session-manager.ts'
import type { SessionRecord } from '../../core/store/records.ts'
import { makeDirectory, startFakeOpencode, type FakeOpencode } from '../helpers/opencode.ts'
import { openFileHome } from '../store/file-home.ts'
import { startedWorld, type World } from '../suites/store/home.ts'

export interface Owning extends AsyncDisposable {
  readonly world: World
  /** Its adapter is the SDK's, over msw. */
  readonly fake: Omit<FakeOpencode, keyof AsyncDisposable>
  readonly driving: Driving
  /** Waits that were asked for, in milliseconds; none is waited for. */
  readonly slept: readonly number[]
  /** Its row is active, as its first turn makes it. */
  own(options?: { forceFresh?: boolean }): Promise<Owned>
  row(): Promise<SessionRecord>
  /** The same on other parts. */
  with(parts: Partial<Driving>): Driving
}

const baseUrl = 'http://opencode.test'

export async function startOwning(): Promise<Owning> {
  const world = await startedWorld(openFileHome)
  const { server, hub, dir, ...started } = await startFakeOpencode()
  const handle = createFakeHandler({ server })
  const network = setupServer(http.all(`${baseUrl}/*`, ({ request }) => handle(request).catch(() => HttpResponse.error())))
  network.listen({ onUnhandledRequest: 'error' })
  const fake: Owning['fake'] = { server, hub, dir, adapter: createSdkAdapter({ baseUrl, opencodeId: 'fake', mode: 'attached' }) }
  const slept: number[] = []
  let waited = 0
  const clock: Driving['clock'] = {
    now: () => systemClock.now() + waited,
    monotonic: () => systemClock.monotonic() + waited,
    sleep: (ms) => {
      slept.push(ms)
      waited += ms
      return Promise.resolve()
    },
  }
  const opencode = { adapter: fake.adapter, hub: fake.hub, startedAt: null }
  const signal = new AbortController().signal
  const feed = createEventFeed(world.store, clock)
  const driving: Driving = { store: world.store, fence: world.fence, opencode, clock, chance: systemChance, feed, signal }
  const directory = await makeDirectory(fake.dir, 'work')
  const model = { provider: 'fake', model: 'm1' }
  return {
    world,
    fake,
    driving,
    slept,
    own: async (options) =>
      activated(
        driving,
        await ownSession(driving, {
          slot: world.slot,
          prompt: { name: 'answer', inputHash: 'h' },
          directory,
          model,
          rules: [],
          ...options,
        }),
      ),
    row: async () => (await world.store.sessionInSlot(world.slot)) as SessionRecord,
    with: (parts) => ({ ...driving, ...parts }),
    [Symbol.asyncDispose]: async () => {
      feed.close()
      await fake.adapter.close()
      network.close()
      await started[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

export async function activated({ store, fence }: Driving, owned: Owned): Promise<Owned> {
  const { nonce, sessionId, directory, state } = owned.session
  if (state !== 'creating') return owned
  return { ...owned, session: { ...(await store.activateSession(fence, { nonce, sessionId, directory, at: 1 })), sessionId } }
}

export const states = async ({ world }: Owning): Promise<readonly string[]> =>
  (await world.store.sessions(world.ticketId)).map((s) => s.state)
export const remotes = async ({ fake }: Owning): Promise<readonly string[]> => (await fake.adapter.listSessions()).map((s) => s.id)

/** Sessions are created, and every answer gets lost. */
export function losing(
  owning: Owning,
  more: Partial<FakeOpencode['adapter']>,
): { driving: Driving; options: Parameters<typeof ownSession>[1] } {
  const { adapter, dir } = owning.fake
  const createSession: typeof adapter.createSession = async (input, call) => {
    await adapter.createSession(input, call)
    throw new Error('the answer got lost')
  }
  const driving = owning.with({ opencode: { ...owning.driving.opencode, adapter: { ...adapter, createSession, ...more } } })
  return {
    driving,
    options: {
      slot: owning.world.slot,
      prompt: { name: 'answer', inputHash: 'h' },
      directory: dir,
      model: { provider: 'fake', model: 'm1' },
      rules: [],
    },
  }
}
