/**
 * One call to an OpenCode server: bounded, and every way it can fail as one of our codes. Classes are told by HTTP
 * status, error name and cause code, never by message text.
 */
import type { Clock } from '../ports.ts'
import { fail, LoopTroopError, messageOf, type ErrorCode } from '../errors.ts'
import type { CallOptions } from './adapter.ts'
import { recordOf, textAt } from './normalize.ts'

export const DEFAULT_TIMEOUT_MS = 5_000

/** What the SDK returns when it is not told to throw; `response` is missing when the network failed. */
export interface SdkResult {
  readonly data?: unknown
  readonly error?: unknown
  readonly response?: Response | undefined
}
export interface CallSpec {
  readonly baseUrl: string
  readonly clock: Clock
  /** What is asked, in words; becomes part of messages. */
  readonly operation: string
  /** What a 404 means: the session, the question. */
  readonly what?: string
  readonly options?: CallOptions | undefined
}

/**
 * Runs `send` under the caller's signal and the call's own time-out; returns its data.
 * Throws OPENCODE_*, or the caller's own abort reason when the caller aborted. Neither stops anything at OpenCode.
 */
export async function callOpencode(spec: CallSpec, send: (signal: AbortSignal) => Promise<SdkResult>): Promise<unknown> {
  const caller = spec.options?.signal
  caller?.throwIfAborted()
  const ms = spec.options?.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const limit = new AbortController()
  const done = new AbortController()
  void spec.clock.sleep(ms, done.signal).then(() => limit.abort())
  const signal = caller ? AbortSignal.any([caller, limit.signal]) : limit.signal
  try {
    const result = await untilAborted(send(signal), signal)
    if (result.error === undefined && result.response?.ok !== false) return result.data
    throw failureOf(spec, result.response ? { status: result.response.status, body: result.error } : { error: result.error })
  } catch (error) {
    if (error instanceof LoopTroopError) throw error
    caller?.throwIfAborted()
    if (limit.signal.aborted) throw fail('OPENCODE_TIMEOUT', { ...named(spec), ms }, error)
    throw failureOf(spec, { error })
  } finally {
    done.abort('done')
  }
}

/** As `callOpencode`, with null for a 404. */
export async function callOrNull(spec: CallSpec, send: (signal: AbortSignal) => Promise<SdkResult>): Promise<unknown> {
  try {
    return await callOpencode(spec, send)
  } catch (error) {
    if (error instanceof LoopTroopError && error.code === 'OPENCODE_NOT_FOUND') return null
    throw error
  }
}

/** A `fetch` that refuses what OpenCode never does: web pages (unknown paths answer with its web UI) and redirects. */
export function guardedFetch(base: typeof fetch | undefined, baseUrl: string): (request: Request) => Promise<Response> {
  return async (request) => {
    const guarded = request.redirect === 'manual' ? request : new Request(request, { redirect: 'manual' })
    const response = await (base ?? globalThis.fetch)(guarded)
    const type = response.headers.get('content-type') ?? ''
    const strange = type.startsWith('text/html') ? 'it answered with a web page' : redirectOf(response)
    if (strange === null) return response
    await response.body?.cancel()
    throw fail('OPENCODE_STRANGER', { baseUrl, problem: strange, status: response.status })
  }
}

/** The header for basic authentication. */
export const authHeader = (auth: { readonly username: string; readonly password: string } | undefined): Record<string, string> =>
  auth ? { authorization: `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}` } : {}

const redirectOf = (response: Response): string | null =>
  response.status >= 300 && response.status < 400 ? 'it answered with a redirect' : null

type Failure = { readonly status: number; readonly body: unknown } | { readonly error: unknown }

/** Also for a response that was fetched without the SDK (health, events). */
export function failureOf(spec: CallSpec, failure: Failure): LoopTroopError {
  if ('error' in failure) return networkFailure(spec, failure.error)
  const { status, body } = failure
  const details = { ...named(spec), status, problem: problemOf(body, status) }
  if (status === 404) return notFound(spec, body, details)
  return fail(codeOf(status), details, body)
}

const codeOf = (status: number): ErrorCode => {
  if (status === 401 || status === 403) return 'OPENCODE_AUTH'
  return status >= 500 ? 'OPENCODE_FAILED' : 'OPENCODE_REFUSED'
}

/** Only OpenCode's own 404 says "unknown"; a stranger's says nothing about our session. */
function notFound(spec: CallSpec, body: unknown, details: Record<string, unknown>): LoopTroopError {
  const record = recordOf(body)
  const name = textAt(record, 'name') ?? textAt(record, '_tag') ?? ''
  if (name.endsWith('NotFoundError')) return fail('OPENCODE_NOT_FOUND', { ...details, what: spec.what ?? spec.operation }, body)
  return fail('OPENCODE_STRANGER', { ...details, problem: `it answered 404 to ${spec.operation}` }, body)
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])

function networkFailure(spec: CallSpec, error: unknown): LoopTroopError {
  if (error instanceof LoopTroopError) return error
  if (error instanceof SyntaxError) return fail('OPENCODE_STRANGER', { ...named(spec), problem: 'its answer is no JSON' }, error)
  const code = textAt(recordOf(recordOf(error)['cause']), 'code')
  if (code !== undefined && TIMEOUTS.has(code)) return fail('OPENCODE_TIMEOUT', { ...named(spec), ms: code }, error)
  return fail('OPENCODE_UNREACHABLE', { ...named(spec), problem: code ?? messageOf(error) }, error)
}

const named = (spec: CallSpec): { baseUrl: string; operation: string } => ({ baseUrl: spec.baseUrl, operation: spec.operation })

/** OpenCode's 4xx and 5xx come in three shapes; a 500 hides its text behind `ref`. */
function problemOf(body: unknown, status: number): string {
  const record = recordOf(body)
  const data = recordOf(record['data'])
  const words = textAt(data, 'message') ?? textAt(record, 'message') ?? textAt(record, 'name') ?? textAt(record, '_tag')
  return `HTTP ${status}${words ? ` ${words.slice(0, 400)}` : ''}`
}

/** Some fakes and proxies ignore the signal; the caller must not wait for them. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
