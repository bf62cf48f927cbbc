/** `health.check`: answers in bounded time whatever OpenCode does. */
import type { Opencode } from '../driving.ts'
import type { HealthView, Kernel } from '../kernel-api.ts'
import type { Projects } from '../projects.ts'
import type { RecoveryReport } from '../recovery.ts'

const OPENCODE_BOUND_MS = 2_000

export interface HealthEnv {
  readonly version: string
  readonly opencode: Opencode
  readonly projects: Projects
  readonly recovery: RecoveryReport
}

export const createHealth =
  (env: HealthEnv): Kernel['health'] =>
  async (): Promise<HealthView> => {
    const { adapter } = env.opencode
    const seen = await adapter.checkHealth({ timeoutMs: OPENCODE_BOUND_MS })
    const failures = env.projects.failures()
    const store = { ok: failures.length === 0, ...(failures[0] ? { message: failures.map((f) => f.message).join('; ') } : {}) }
    return {
      status: seen.reachable && store.ok ? 'ok' : 'degraded',
      version: env.version,
      opencode: { ...seen, mode: adapter.mode, baseUrl: adapter.baseUrl },
      store,
      recovery: env.recovery.counts,
    }
  }
