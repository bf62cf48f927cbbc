/**
 * An OpenCode adapter of a process that dies: before or after the n-th use of one verb, and from then on it refuses
 * everything. What was asked before is done at OpenCode, whoever lives. It also keeps what was posted, byte for byte.
 */
import type { OpencodeAdapter, PromptRequest } from '../../core/opencode/adapter.ts'
import { Crash } from './killing-store.ts'
import type { ChooseKill } from './killing-store.ts'

type AdapterVerb = {
  [K in keyof OpencodeAdapter]: OpencodeAdapter[K] extends (...args: never[]) => Promise<unknown> ? K : never
}[keyof OpencodeAdapter]
export type RemoteVerb = Exclude<AdapterVerb, 'close'>

/** Every verb and whether it changes anything at OpenCode. One that is missing here, or gone from the port, does not compile. */
const CHANGES: Record<RemoteVerb, boolean> = {
  createSession: true,
  getSession: false,
  listSessions: false,
  childSessions: false,
  promptSession: true,
  getSessionMessages: false,
  sessionStatuses: false,
  listPendingQuestions: false,
  replyQuestion: true,
  rejectQuestion: true,
  listPendingPermissions: false,
  replyPermission: true,
  abortSession: true,
  deleteSession: true,
  disposeDirectory: true,
  listModels: false,
  checkHealth: false,
}
export const REMOTE_VERBS = Object.keys(CHANGES) as readonly RemoteVerb[]
/** Before and after are the same to OpenCode when nothing is changed there. */
export const momentsOf = (verb: RemoteVerb): readonly ('before' | 'after')[] => (CHANGES[verb] ? ['before', 'after'] : ['after'])

export interface RemoteKill {
  readonly remote: RemoteVerb
  readonly when: 'before' | 'after'
  readonly nth: number
}
export interface KillingAdapter {
  readonly adapter: OpencodeAdapter
  readonly uses: Readonly<Partial<Record<RemoteVerb, number>>>
  /** Requests that reached OpenCode, oldest first. */
  readonly posted: readonly PromptRequest[]
  /** A later process: nothing is dead any more, and nothing dies but what is chosen now. */
  revive(next?: ChooseKill<RemoteVerb>): void
  /** The process died elsewhere. */
  end(): void
}

const chosen =
  (kill: RemoteKill | null): ChooseKill<RemoteVerb> =>
  (verb, nth) =>
    kill?.remote === verb && kill.nth === nth ? kill.when : null

export function killingAdapter(
  target: OpencodeAdapter,
  kill: RemoteKill | ChooseKill<RemoteVerb> | null,
  onDeath: () => void,
): KillingAdapter {
  const uses: Partial<Record<RemoteVerb, number>> = {}
  const posted: PromptRequest[] = []
  let dead = false
  let armed: ChooseKill<RemoteVerb> = typeof kill === 'function' ? kill : chosen(kill)
  const die = (): never => {
    if (!dead) {
      dead = true
      onDeath()
    }
    throw new Crash('killed at OpenCode, or at the store')
  }
  const guarded =
    (verb: RemoteVerb, run: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]): Promise<unknown> => {
      if (dead) die()
      uses[verb] = (uses[verb] ?? 0) + 1
      const here = armed(verb, uses[verb] ?? 0, args)
      if (here === 'before') die()
      if (verb === 'promptSession') posted.push(args[2] as PromptRequest)
      const result = await run(...args)
      if (dead || here === 'after') die()
      return result
    }
  const adapter = new Proxy(target, {
    get: (of, name, receiver) => {
      const value: unknown = Reflect.get(of, name, receiver)
      if (typeof value !== 'function' || !(name in CHANGES)) return value
      return guarded(name as RemoteVerb, (value as (...args: unknown[]) => Promise<unknown>).bind(of))
    },
  })
  return {
    adapter,
    uses,
    posted,
    revive: (next = chosen(null)) => {
      dead = false
      armed = next
    },
    end: () => void (dead = true),
  }
}
