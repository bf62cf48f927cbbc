/**
 * Is there a usable OpenCode? Asked of its health page, in bounded time. The answer names the class of the trouble by
 * code: closed port (OPENCODE_UNREACHABLE), frozen (OPENCODE_TIMEOUT), wrong password (OPENCODE_AUTH), something else
 * that listens there (OPENCODE_STRANGER), too old (OPENCODE_TOO_OLD).
 */
import { asLoopTroopError, fail, isCode } from '../errors.ts'
import { systemClock, type Clock } from '../ports.ts'
import type { CallOptions, Health } from './adapter.ts'
import { authHeader, callOpencode, guardedFetch, type CallSpec } from './call.ts'
import { recordOf, textAt } from './normalize.ts'

/** The oldest OpenCode whose behaviour this program was measured on. */
export const OLDEST_OPENCODE = '1.18.0'
export const HEALTH_TIMEOUT_MS = 3_000

export interface Credentials {
  readonly username: string
  readonly password: string
}
export interface HealthTarget {
  readonly baseUrl: string
  readonly auth?: Credentials | undefined
  readonly clock?: Clock | undefined
  readonly fetch?: typeof fetch | undefined
}

/** Never throws. `reachable` means usable: it answers, lets us in, and is new enough. */
export async function checkHealth(target: HealthTarget, options: CallOptions = {}): Promise<Health> {
  try {
    return await requireHealth(target, options)
  } catch (error) {
    const { code, message, details } = asLoopTroopError(error)
    const version = typeof details['version'] === 'string' ? { version: details['version'] } : {}
    return { reachable: false, message, code, ...version }
  }
}

/** Throws what makes it unusable. */
export async function requireHealth(target: HealthTarget, options: CallOptions = {}): Promise<Health> {
  const { baseUrl, clock = systemClock } = target
  const spec: CallSpec = { baseUrl, clock, operation: 'a health check', options: { timeoutMs: HEALTH_TIMEOUT_MS, ...options } }
  try {
    return judge(baseUrl, await callOpencode(spec, (signal) => askHealth(target, signal)))
  } catch (error) {
    if (!isCode(error, 'OPENCODE_REFUSED', 'OPENCODE_NOT_FOUND', 'OPENCODE_FAILED')) throw error
    // OpenCode's health page answers 200 or asks for the password, nothing else.
    throw fail('OPENCODE_STRANGER', { baseUrl, problem: String(error.details['problem']) }, error)
  }
}

async function askHealth(target: HealthTarget, signal: AbortSignal): Promise<{ data?: unknown; error?: unknown; response: Response }> {
  const request = new Request(new URL('/global/health', target.baseUrl), { headers: authHeader(target.auth), signal })
  const response = await guardedFetch(target.fetch, target.baseUrl)(request)
  const text = await response.text()
  const body: unknown = response.ok || text.startsWith('{') ? JSON.parse(text) : text
  return response.ok ? { data: body, response } : { error: body, response }
}

function judge(baseUrl: string, body: unknown): Health {
  const record = recordOf(body)
  const version = textAt(record, 'version')
  if (version === undefined || record['healthy'] !== true) {
    throw fail('OPENCODE_STRANGER', { baseUrl, problem: 'its health page does not say healthy and a version' })
  }
  if (isOlder(version, OLDEST_OPENCODE)) throw fail('OPENCODE_TOO_OLD', { version, needs: OLDEST_OPENCODE })
  return { reachable: true, version }
}

export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((v) => v.split(/[.+-]/).map(Number))
  for (let i = 0; i < 3; i++) {
    const [left, right] = [a?.[i] ?? 0, b?.[i] ?? 0]
    if (left !== right) return left < right
  }
  return false
}
