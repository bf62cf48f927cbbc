/**
 * A driver that stood still longer than its lease and wakes up while another drives the ticket: it was about to record a POST,
 * and the other's own POST is under way.
 */
import type { OpencodeAdapter } from '../../core/opencode/adapter.ts'
import type { Store } from '../../core/store/store.ts'
import { startFakeOpencode } from '../helpers/opencode.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import { killingAdapter } from './killing-adapter.ts'
import { check, drafting, play, WIDE, wideBrain } from './wide-ticket.ts'

const LATER_MS = 60_000

interface Door {
  readonly reached: Promise<void>
  open(): void
  readonly pass: () => Promise<void>
}
function door(): Door {
  let arrive = (): void => undefined
  let open = (): void => undefined
  const reached = new Promise<void>((resolve) => (arrive = resolve))
  const opened = new Promise<void>((resolve) => (open = resolve))
  return {
    reached,
    open: () => open(),
    pass: () => {
      arrive()
      return opened
    },
  }
}

/** `driver`: the store of the one that stood still. Returns what does not hold. */
export async function runZombie(driver: (store: Store) => Store = (store) => store): Promise<readonly string[]> {
  await using fake = await startFakeOpencode(wideBrain)
  const [recording, posting] = [door(), door()]
  const killing = killingAdapter(fake.adapter, null, () => undefined)
  const stores: Store[] = []
  await using world = await startWorld({
    opencode: { adapter: firstWaits(killing.adapter, posting), hub: fake.hub, startedAt: null },
    phases: [drafting],
    pipelines: [WIDE],
    stores: (opener) => ({
      openApp: (url) => opener.openApp(url),
      openProject: async (url, identity) => {
        const store = await opener.openProject(url, identity)
        stores.push(store)
        return stores.length === 1 ? standing(driver(store), recording) : store
      },
    }),
  })
  const first = world.kernel
  const ticket = await world.start('Do it', WIDE.name)
  await first.tick()
  await recording.reached
  await world.reopen(LATER_MS)
  const playing = play(world, world.kernel, ticket.id)
  await posting.reached
  recording.open()
  const before = killing.posted.length
  await until(() => first.idle().then(() => true), 'the one that stood still gives up or posts', 5_000).catch(() => undefined)
  const late = killing.posted.length - before
  posting.open()
  await playing
  const problems = await check(world, { killing, requests: fake.server.requests, store: stores.at(-1) })
  await first.stop()
  return [...(late > 0 ? [`the one that stood still posted ${late} times`] : []), ...problems]
}

/** All of its first three (they are prompts at once) stand before they are recorded. */
const standing = (store: Store, { pass }: Door): Store =>
  new Proxy(store, {
    get: (of, name, receiver) => {
      if (name !== 'recordPost') return Reflect.get(of, name, receiver) as unknown
      return async (...args: Parameters<Store['recordPost']>) => {
        await pass()
        return of.recordPost(...args)
      }
    },
  })

function firstWaits(adapter: OpencodeAdapter, { pass }: Door): OpencodeAdapter {
  let waits = true
  return new Proxy(adapter, {
    get: (of, name, receiver) => {
      if (name !== 'promptSession') return Reflect.get(of, name, receiver) as unknown
      return async (...args: Parameters<OpencodeAdapter['promptSession']>) => {
        const mine = waits
        waits = false
        if (mine) await pass()
        return of.promptSession(...args)
      }
    },
  })
}
