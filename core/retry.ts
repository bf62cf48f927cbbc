/** When to try again: pure. The rules come from the plugin, the failure from `failure.ts`, the time from the caller. */
import type { RetryRules } from '#plugins/contract'
import type { Failure } from './failure.ts'

export type RetryDecision =
  { readonly do: 'again'; readonly at: number } | { readonly do: 'block'; readonly why: 'not_retryable' | 'exhausted' }

/** `failed`: counted failures of this phase, this one included. */
export function decideRetry(rules: RetryRules, failure: Failure, facts: { readonly failed: number; readonly now: number }): RetryDecision {
  if (failure.retry === 'never') return { do: 'block', why: 'not_retryable' }
  if (failure.retry === 'rules' && !rules.on.includes(failure.kind)) return { do: 'block', why: 'not_retryable' }
  if (rules.attempts !== null && facts.failed >= rules.attempts) return { do: 'block', why: 'exhausted' }
  return { do: 'again', at: facts.now + delayOf(rules, failure, facts.failed) }
}

const MAX_DELAY_MS = 3_600_000

function delayOf(rules: RetryRules, failure: Failure, failed: number): number {
  if (typeof failure.retry === 'object') return failure.retry.afterMs
  return Math.min(rules.delay * 2 ** Math.max(0, failed - 1), MAX_DELAY_MS)
}
