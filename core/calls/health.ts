/** `health.check`: answers in bounded time whatever OpenCode does. */
import type { Opencode } from '../driving.ts'
import type { HealthView, Kernel } from '../kernel-api.ts'
import type { Projects } from '../projects.ts'
import type { StartUp } from '../start-up.ts'

const OPENCODE_BOUND_MS = 2_000

export interface HealthEnv {
  readonly version: string
  readonly opencode: Opencode
  readonly projects: Projects
  readonly startUp: StartUp
}

export const createHealth =
  (env: HealthEnv): Kernel['health'] =>
  async (): Promise<HealthView> => {
    const { adapter } = env.opencode
    const seen = await adapter.checkHealth({ timeoutMs: OPENCODE_BOUND_MS })
    const failures = env.projects.failures()
    const store = { ok: failures.length === 0, ...(failures[0] ? { message: failures.map((f) => f.message).join('; ') } : {}) }
    return {
      status: statusOf(seen.reachable && store.ok, env.startUp),
      version: env.version,
      opencode: { ...seen, mode: adapter.mode, baseUrl: adapter.baseUrl },
      store,
      recovery: env.startUp.report.counts,
    }
  }

/** Until every open session was told apart the server recovers; that it cannot (OpenCode is away) is `degraded`. */
const statusOf = (fine: boolean, startUp: StartUp): HealthView['status'] => (fine ? (startUp.done ? 'ok' : 'recovering') : 'degraded')
