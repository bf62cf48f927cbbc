/**
 * Is there a usable OpenCode? Asked of its health page, in bounded time. The answer names the class of the trouble by
 * code: closed port (OPENCODE_UNREACHABLE), frozen (OPENCODE_TIMEOUT), wrong password (OPENCODE_AUTH), something else
 * that listens there (OPENCODE_STRANGER), too old (OPENCODE_TOO_OLD).
 */
import { asLoopTroopError, fail, LoopTroopError } from '../errors.ts'
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
  const spec: CallSpec = {
    baseUrl: target.baseUrl,
    clock: target.clock ?? systemClock,
    operation: 'a health check',
    options: { timeoutMs: HEALTH_TIMEOUT_MS, ...options },
  }
  try {
    return judge(target.baseUrl, await callOpencode(spec, (signal) => askHealth(target, signal)))
  } catch (error) {
    const known = asLoopTroopError(error)
    return { reachable: false, message: known.message, code: strangerIfOdd(known) }
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
  if (!isOlder(version, OLDEST_OPENCODE)) return { reachable: true, version }
  const old = fail('OPENCODE_TOO_OLD', { version, needs: OLDEST_OPENCODE })
  return { reachable: false, version, message: old.message, code: old.code }
}

/** A health page that answers 400, 404 or a wrong 5xx is not OpenCode's. */
const strangerIfOdd = (error: LoopTroopError): string =>
  error.code === 'OPENCODE_REFUSED' || error.code === 'OPENCODE_NOT_FOUND' || error.code === 'OPENCODE_FAILED' ? 'OPENCODE_STRANGER' : error.code

export function isOlder(version: string, than: string): boolean {
  const [a, b] = [version, than].map((v) => v.split(/[.+-]/).map(Number))
  for (let i = 0; i < 3; i++) {
    const [left, right] = [a?.[i] ?? 0, b?.[i] ?? 0]
    if (left !== right) return left < right
  }
  return false
}
