/**
 * Whatever a phase's run threw, as one record: what kind it is, whether a retry may help, what a person can do. Decided
 * by codes, brands and HTTP status; never by words in a message.
 */
import type { FailureKind, Json, Turned } from '#plugins/contract'
import { isGiveUp, isPluginError, isPromptFailed, isRetryAfter } from '#plugins/errors'
import { ERROR_CODES, LoopTroopError, fail, messageOf } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import { toJson } from './json.ts'
import type { RemoteError } from './opencode/adapter.ts'
import type { SettledHow, TurnRecord } from './store/records.ts'
import type { BlockedAction } from './ticket.ts'

export interface Failure {
  readonly kind: FailureKind
  readonly error: LoopTroopError
  readonly retry: 'rules' | 'never' | { readonly afterMs: number }
  /** The prompt that a Continue would open again. */
  readonly continuable: { readonly prompt: string; readonly sessionId: string } | null
  readonly turnId: string | null
}

const plain = (kind: FailureKind, error: LoopTroopError, retry: Failure['retry']): Failure => ({
  kind,
  error,
  retry,
  continuable: null,
  turnId: null,
})

export function failureOf(thrown: unknown, phase: string): Failure {
  if (isPromptFailed(thrown)) return recordedFailure(thrown.turned.error)
  if (isGiveUp(thrown))
    return plain(
      'plugin',
      fail('PLUGIN_GAVE_UP', { phase, problem: thrown.message, ...(thrown.hint ? { todo: thrown.hint } : {}) }, thrown),
      'never',
    )
  if (isRetryAfter(thrown))
    return plain('plugin', fail('PLUGIN_FAILED', { phase, problem: thrown.message }, thrown), { afterMs: thrown.delayMs })
  if (isPluginError(thrown)) return plain('plugin', fail('PLUGIN_FAILED', { phase, problem: thrown.message }, thrown), 'never')
  if (thrown instanceof LoopTroopError) return plain(kindOfError(thrown), thrown, thrown.kind === 'unavailable' ? 'rules' : 'never')
  return plain('plugin', fail('PLUGIN_FAILED', { phase, problem: messageOf(thrown) }, thrown), 'rules')
}

const kindOfError = (error: LoopTroopError): FailureKind => (error.kind === 'unavailable' ? 'transport' : 'internal')

type TurnedError = Extract<Turned<unknown>, { ok: false }>['error']
/** What is recorded of a failed prompt: what the plugin sees, and what the kernel needs to decide after a restart. */
export const recordFailure = (failure: Failure): TurnedError & Json => ({
  code: failure.error.code,
  kind: failure.kind,
  message: failure.error.message,
  ...(toJson(kernelPart(failure)) as { readonly [key: string]: Json }),
})

function recordedFailure(error: TurnedError & Partial<KernelPart>): Failure {
  const code = (ERROR_CODES as readonly string[]).includes(error.code) ? (error.code as ErrorCode) : 'INTERNAL'
  const details = error.details ?? { problem: error.message }
  return {
    kind: error.kind,
    error: fail(code, details),
    retry: 'rules',
    continuable: error.continuable ?? null,
    turnId: error.turnId ?? null,
  }
}
interface KernelPart {
  readonly details: Readonly<Record<string, unknown>>
  readonly continuable: Failure['continuable']
  readonly turnId: string | null
}
const kernelPart = ({ error, continuable, turnId }: Failure): KernelPart => ({ details: error.details, continuable, turnId })

/** Provider answers after which the same session may simply go on (HTTP status as OpenCode reports it). */
export const CONTINUABLE_STATUS: ReadonlySet<number> = new Set([402, 408, 429, 500, 502, 503, 504, 529])
const NEVER_BY_NAME: ReadonlySet<string> = new Set(['ProviderAuthError', 'ContextOverflowError', 'ContentFilterError', 'UnknownError'])

export function isContinuable(error: RemoteError | null, kind: FailureKind): boolean {
  if (kind === 'timed_out' || kind === 'transport' || kind === 'interrupted') return true
  if (kind !== 'provider' || !error || NEVER_BY_NAME.has(error.name)) return false
  if (error.statusCode !== undefined) return CONTINUABLE_STATUS.has(error.statusCode)
  return error.retryable === true
}

const HOW_KIND: Record<Exclude<SettledHow, 'finished'>, FailureKind> = {
  resent: 'lost',
  failed: 'provider',
  aborted: 'aborted',
  rejected: 'rejected',
  interrupted: 'interrupted',
  not_started: 'not_started',
  lost: 'lost',
}
/** We stopped it ourselves, and why is stored: that says more than how it then ended. */
const STOPPED_KIND: Readonly<Record<string, FailureKind>> = {
  deadline: 'timed_out',
  retry_limit: 'provider',
  // Our own stop of an attempt, of which a crash left only this half: why it was stopped is not known any more.
  cancel: 'interrupted',
}
/** Finish words for "cut off by the output limit". */
const TRUNCATED: ReadonlySet<string> = new Set(['length', 'max_tokens', 'output_limit', 'token_limit'])

/** Why a settled turn is no answer, or null when it is one that can be parsed. */
export function turnFailure(turn: TurnRecord): Failure | null {
  const s = turn.settlement
  if (!s) return null
  const kind = s.how === 'finished' ? finishedKind(s.finish, s.text) : (STOPPED_KIND[turn.stopping ?? ''] ?? HOW_KIND[s.how])
  if (!kind) return null
  const remote = s.error
  const error =
    kind === 'timed_out'
      ? fail('TURN_TIMED_OUT', { limit: 'its budget' })
      : kind === 'rejected'
        ? fail('TURN_REJECTED')
        : fail('TURN_FAILED', { problem: describe(kind, remote), kind, ...(remote?.statusCode ? { statusCode: remote.statusCode } : {}) })
  const continuable = isContinuable(remote, kind) && s.how !== 'lost' ? { prompt: turn.prompt, sessionId: turn.sessionId } : null
  return { kind, error, retry: 'rules', continuable, turnId: turn.turnId }
}

function finishedKind(finish: string | null, text: string): FailureKind | null {
  if (finish !== null && TRUNCATED.has(finish)) return 'truncated'
  return text.trim() === '' ? 'empty' : null
}

const WORDS: Partial<Record<FailureKind, string>> = {
  truncated: 'the answer was cut off by the output limit',
  empty: 'the answer was empty',
  interrupted: 'OpenCode ended before the answer was finished',
  lost: 'OpenCode no longer knows the session',
  not_started: 'OpenCode stored the message but never began to answer',
  aborted: 'the turn was aborted',
}
function describe(kind: FailureKind, remote: RemoteError | null): string {
  if (!remote) return WORDS[kind] ?? kind
  return `${remote.name}${remote.statusCode ? ` ${remote.statusCode}` : ''}: ${remote.message}`
}

/** What a person may do about a blocked ticket. */
export function actionsFor(failure: Failure): readonly BlockedAction[] {
  if (failure.error.code === 'TURN_UNCERTAIN') return ['resolve_turn', 'retry', 'cancel']
  const again = failure.continuable !== null || failure.error.code === 'SESSION_UNVERIFIED' || failure.error.code === 'BUDGET_EXCEEDED'
  return again ? ['continue', 'retry', 'cancel'] : ['retry', 'cancel']
}

/** Kept with the error occurrence. */
export const evidenceOf = (failure: Failure): Json => ({
  kind: failure.kind,
  turnId: failure.turnId,
  continuable: failure.continuable ? { ...failure.continuable } : null,
  details: toJson(failure.error.details),
  cause: failure.error.cause === undefined ? null : messageOf(failure.error.cause),
})
