/**
 * An OpenCode that is still to come: the server listens first, and what needs OpenCode before it is there gets a clear
 * error. Once it arrived every call goes to it.
 */
import { assembleBeadContext, assembleCouncilContext } from '../context-builder.ts'
import type { Opencode } from '../driving.ts'
import { fail } from '../errors.ts'
import type { OpencodeAdapter } from './adapter.ts'
import type { EventHub } from './event-hub.ts'

export interface LaterOpencode {
  readonly opencode: Opencode
  arrive(real: Opencode): void
  /** It will not come: why is what health and every call say from now on. */
  failed(problem: string): void
}

export function laterOpencode(): LaterOpencode {
  let real: Opencode | null = null
  let problem = 'it is still being started'
  const absent = absentOpencode(() => problem)
  const current = (): Pick<Opencode, 'adapter' | 'hub'> => real ?? absent
  const delegate = <T extends object>(of: () => T): T => new Proxy({} as T, { get: (_, name) => Reflect.get(of(), name) as unknown })
  return {
    opencode: {
      adapter: delegate(() => current().adapter),
      hub: delegate(() => current().hub),
      get startedAt() {
        return real?.startedAt ?? null
      },
    },
    arrive: (arrived) => void (real = arrived),
    failed: (why) => void (problem = why),
  }
}

function absentOpencode(problem: () => string): Pick<Opencode, 'adapter' | 'hub'> {
  const refusal = (): Error => fail('OPENCODE_UNREACHABLE', { baseUrl: 'the chosen address', problem: problem() })
  const refuse = (): Promise<never> => Promise.reject(refusal())
  const fields: Partial<OpencodeAdapter> = {
    opencodeId: 'none',
    baseUrl: '',
    mode: 'managed',
    assembleBeadContext,
    assembleCouncilContext,
    checkHealth: () => Promise.resolve({ reachable: false, code: 'OPENCODE_UNREACHABLE', message: refusal().message }),
    close: () => Promise.resolve(),
  }
  const adapter = new Proxy(fields as OpencodeAdapter, { get: (target, name) => (Reflect.get(target, name) as unknown) ?? refuse })
  const none = (): (() => void) => () => {}
  const hub: EventHub = {
    start: () => {},
    ready: refuse,
    watch: none,
    watchDirectory: none,
    onStream: none,
    ownerOf: () => undefined,
    state: () => ({ connected: false, since: 0, connections: 0, lastFrameAt: null, lastProblem: problem(), watchedSessions: 0 }),
    close: () => Promise.resolve(),
  }
  return { adapter, hub }
}
