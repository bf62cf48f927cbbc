/** A store at whose named verb LoopTroop stands still, once, until it is killed or let go. */
import type { KernelOptions } from '#core'
import type { FromChild } from './child.ts'
import type { StorePoint } from './points.ts'

type Stores = KernelOptions['stores']
/** Verbs that say which turn is whose. */
const TELLING = new Set<string | symbol>(['claimSlot', 'intendTurn'])
/** Null: the first use of the verb, whatever it is about. */
export type Aim = { readonly phase: string; readonly prompt: string } | null

/** Tells the parent. */
export function standing(stores: Stores, at: StorePoint | null, aim: Aim): Stores {
  if (at === null) return stores
  let stood = false
  const isAimed = aimedAt(aim)
  const stand = (when: StorePoint['when']): Promise<void> => {
    if (stood || when !== at.when) return Promise.resolve()
    stood = true
    process.send?.({ type: 'standing' } satisfies FromChild)
    return new Promise((resolve) => process.once('message', () => resolve()))
  }
  return {
    ...stores,
    openProject: async (url, identity) =>
      new Proxy(await stores.openProject(url, identity), {
        get: (store, name, receiver) => {
          const value: unknown = Reflect.get(store, name, receiver)
          if (typeof value !== 'function' || !(name === at.verb || TELLING.has(name))) return value
          return async (...args: unknown[]): Promise<unknown> => {
            const meant = isAimed(args[1]) && name === at.verb
            if (meant) await stand('before')
            const result: unknown = await Reflect.apply(value, store, args)
            if (meant) await stand('after')
            return result
          }
        },
      }),
  }
}

/** What the verbs of a turn say of it: its prompt, or only its id. */
interface Told {
  readonly phase?: string
  readonly slot?: { readonly phase: string }
  readonly prompt?: string | { readonly name: string }
  readonly turnId?: string
}

function aimedAt(aim: Aim): (input: unknown) => boolean {
  const turns = new Set<string | undefined>()
  return (input) => {
    if (aim === null) return true
    if (typeof input !== 'object' || input === null) return false
    const { phase, slot, prompt, turnId }: Told = input
    const name = typeof prompt === 'string' ? prompt : prompt?.name
    const meant = (phase ?? slot?.phase) === aim.phase && name === aim.prompt
    if (meant) turns.add(turnId)
    return meant || (turnId !== undefined && turns.has(turnId))
  }
}
