/** Death again and again: at each place of store and OpenCode that was not died at before, each time in the next life. */
import type { StoreOpener } from '../../core/store/app-store.ts'
import type { Store } from '../../core/store/store.ts'
import { momentsOf } from './killing-adapter.ts'
import type { KillingAdapter, RemoteVerb } from './killing-adapter.ts'
import { killingStore, WRITING_VERBS } from './killing-store.ts'
import type { KillableVerb, KillingStore } from './killing-store.ts'

/**
 * What is one kind of death. `verbs`: each verb once, after its effect (where it matters most, before it as well); and each kind
 * of step when it is done and not recorded yet. `phases`: all of that, and the beginning of each kind of step, once in every phase.
 */
export type Deaths = 'none' | 'verbs' | 'phases'

/** Verbs around something that is sent, decided or handed on. */
const TWICE: ReadonlySet<KillableVerb> = new Set([
  ...(['claimSlot', 'intendTurn', 'recordPost', 'settleTurn', 'completePrompt', 'saveArtifact', 'advance'] as const),
  ...(['decideGate', 'claimRequest', 'putItem'] as const),
])
const BOTH = ['before', 'after'] as const

/** Dies at every place that was not died at before. */
export class Dying {
  readonly stores: KillingStore[] = []
  readonly deaths: string[] = []
  readonly #kind: Deaths
  /** Nothing dies any more. */
  over = false
  #phase = ''
  readonly #kinds = new Map<string, string>()

  constructor(kind: Deaths) {
    this.#kind = kind
  }

  readonly atOpencode = (verb: RemoteVerb): 'before' | 'after' | null => this.#next(verb, momentsOf(verb))
  readonly #atStore = (verb: KillableVerb, _: number, args: readonly unknown[]): 'before' | 'after' | null => {
    if (!WRITING_VERBS.includes(verb)) return null
    const kind = this.#kindOf(verb, args)
    const named = kind === null ? null : this.#next(`${verb} of ${kind}`, this.#kind === 'phases' ? BOTH : ['before'])
    return named ?? this.#next(verb, this.#kind === 'phases' || TWICE.has(verb) ? BOTH : ['after'])
  }

  /** Of a step: `workspace.commit`, `forge.merge` … */
  #kindOf(verb: KillableVerb, args: readonly unknown[]): string | null {
    if (verb !== 'beginStep' && verb !== 'completeStep') return null
    const { phase, attempt, name, verb: kind } = args[1] as { phase: string; attempt: number; name: string; verb?: string }
    const key = `${phase} ${attempt} ${name}`
    if (kind !== undefined) this.#kinds.set(key, kind)
    return verb === 'completeStep' || this.#kind === 'phases' ? (this.#kinds.get(key) ?? null) : null
  }

  #next(verb: string, moments: readonly ('before' | 'after')[]): 'before' | 'after' | null {
    if (this.over || this.#kind === 'none') return null
    const named = (when: string): string => `${when} ${verb}${this.#kind === 'phases' ? ` in ${this.#phase}` : ''}`
    const when = moments.find((moment) => !this.deaths.includes(named(moment)))
    if (when === undefined) return null
    this.deaths.push(named(when))
    return when
  }

  between(opener: StoreOpener, killing: KillingAdapter): StoreOpener {
    return {
      openApp: (url) => opener.openApp(url),
      openProject: async (url, identity) => {
        const one = killingStore(this.#following(await opener.openProject(url, identity)), this.#atStore)
        void one.died.then(() => killing.end())
        this.stores.push(one)
        return one.store
      },
    }
  }

  /** Knows which phase the ticket is in. */
  #following(store: Store): Store {
    return new Proxy(store, {
      get: (of, name, receiver) => {
        if (name !== 'advance') return Reflect.get(of, name, receiver) as unknown
        return async (...args: Parameters<Store['advance']>) => {
          const moved = await of.advance(...args)
          this.#phase = args[1].to?.phase ?? ''
          return moved
        }
      },
    })
  }
}
