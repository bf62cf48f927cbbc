import * as assert from 'uvu/assert'
import { fail } from '../../core/errors.ts'
import type { Failure } from '../../core/failure.ts'
import { decideRetry } from '../../core/retry.ts'
import { FAILURE_KINDS } from '../../plugins/contract.ts'
import type { FailureKind, RetryRules } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'

const RULES: RetryRules = { structured: 2, attempts: 3, delay: 5_000, on: ['transport', 'plugin'], keepWorking: 5 }
const failure = (kind: FailureKind, retry: Failure['retry'] = 'rules'): Failure => ({
  ...{ kind, retry, error: fail('INTERNAL'), continuable: null, turnId: null },
})
const decide = (given: Failure, failed: number, rules: Partial<RetryRules> = {}) =>
  decideRetry({ ...RULES, ...rules }, given, { failed, now: 1_000 })

describe('decideRetry', (it) => {
  it('tries again, later each time', () => {
    assert.equal(decide(failure('transport'), 1), { do: 'again', at: 6_000 })
    assert.equal(decide(failure('transport'), 2), { do: 'again', at: 11_000 })
  })
  it('blocks at the last attempt, and never when there is no limit', () => {
    assert.equal(decide(failure('transport'), 3), { do: 'block', why: 'exhausted' })
    const endless = decide(failure('transport'), 40, { attempts: null })
    assert.equal(endless, { do: 'again', at: 1_000 + 3_600_000 })
  })
  it('asks the rules which failures another attempt may cure', () => {
    for (const kind of FAILURE_KINDS) assert.is(decide(failure(kind), 1).do, RULES.on.includes(kind) ? 'again' : 'block', kind)
  })
  it('lets a plugin say never, or when; its own time counts as an attempt', () => {
    assert.equal(decide(failure('plugin', 'never'), 1), { do: 'block', why: 'not_retryable' })
    assert.equal(decide(failure('invalid', { afterMs: 7 }), 1), { do: 'again', at: 1_007 })
    assert.equal(decide(failure('invalid', { afterMs: 7 }), 3), { do: 'block', why: 'exhausted' })
  })
})
