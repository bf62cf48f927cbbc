/** Faults planted in LoopTroop: each must make the crash specs fail, else these prove nothing. */
import * as assert from 'uvu/assert'
import type { OpencodeAdapter } from '../../core/opencode/adapter.ts'
import type { Fence, Store } from '../../core/store/store.ts'
import { describe } from '../helpers/suite.ts'
import { runWide } from './wide-ticket.ts'
import type { AnyKill, Fault } from './wide-ticket.ts'
import { runZombie } from './zombie-ticket.ts'

/** The store with some verbs replaced. */
const withVerbs = (store: Store, verbs: Partial<Store>): Store =>
  new Proxy(store, { get: (of, name, receiver) => (verbs[name as keyof Store] ?? Reflect.get(of, name, receiver)) as unknown })

function recordAfterSend(): Fault {
  let record: (() => Promise<unknown>) | null = null
  return {
    store: (store) =>
      withVerbs(store, {
        recordPost: async (fence, input) => {
          const turn = await store.turn(input.turnId)
          if (!turn) return store.recordPost(fence, input)
          record = () => store.recordPost(fence, input)
          return { ...turn, posts: turn.posts + 1, lastPostAt: input.at, receipt: 'sent' }
        },
      }),
    adapter: (adapter) =>
      withPrompt(adapter, async (...args) => {
        await adapter.promptSession(...args)
        await record?.()
      }),
  }
}

function rebuildTheRequest(): Fault {
  let restarted = false
  return {
    store: (store, life) => {
      restarted = life > 0
      return store
    },
    adapter: (adapter) =>
      withPrompt(adapter, (sessionId, directory, request, options) => {
        const parts = request.parts.map((part) => ({ ...part, text: `${part.text} ` }))
        return adapter.promptSession(sessionId, directory, restarted ? { ...request, parts } : request, options)
      }),
  }
}

const skipReplay = (): Fault => ({
  store: (store, life) =>
    life === 0
      ? store
      : withVerbs(store, {
          journal: () => Promise.resolve({ steps: [], prompts: [] }),
          turns: async (ticketId, at) =>
            at === undefined ? store.turns(ticketId) : (await store.turns(ticketId, at)).filter((t) => !t.settlement),
        }),
})

const withPrompt = (adapter: OpencodeAdapter, promptSession: OpencodeAdapter['promptSession']): OpencodeAdapter =>
  new Proxy(adapter, {
    get: (of, name, receiver) => (name === 'promptSession' ? promptSession : Reflect.get(of, name, receiver)) as unknown,
  })

/** Every verb of the driver gets the generation that holds now, as if it were its own. */
const forgetTheGeneration = (store: Store): Store =>
  new Proxy(store, {
    get: (of, name, receiver) => {
      const value: unknown = Reflect.get(of, name, receiver)
      if (typeof value !== 'function') return value
      const verb = value as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        const [fence, ...rest] = args as [Fence | undefined, ...unknown[]]
        if (typeof fence !== 'object' || !('generation' in fence)) return verb.apply(of, args)
        return of.lease(fence.ticketId).then((lease) => verb.apply(of, [{ ...fence, generation: lease?.generation }, ...rest]))
      }
    },
  })

const PLANTED: readonly (readonly [name: string, fault: () => Fault, kill: AnyKill])[] = [
  ['record after send', recordAfterSend, { remote: 'promptSession', when: 'after', nth: 1 }],
  ['rebuild the request', rebuildTheRequest, { remote: 'promptSession', when: 'before', nth: 1 }],
  ['skip replay', skipReplay, { verb: 'completePrompt', when: 'after', nth: 2 }],
]

describe('a planted fault is seen', (it) => {
  for (const [name, fault, kill] of PLANTED)
    it(
      name,
      async () => {
        assert.equal((await runWide(kill)).problems, [], 'without the fault all holds')
        assert.is.not((await runWide(kill, fault())).problems.length, 0)
      },
      { timeoutMs: 60_000 },
    )
  it(
    'forget the generation',
    async () => {
      assert.equal(await runZombie(), [], 'without the fault all holds')
      assert.is.not((await runZombie(forgetTheGeneration)).length, 0)
    },
    { timeoutMs: 60_000 },
  )
})
