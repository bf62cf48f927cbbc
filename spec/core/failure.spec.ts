/** What a phase threw, told by brands, codes and status; never by words. */
import * as assert from 'uvu/assert'
import { fail } from '../../core/errors.ts'
import { CONTINUABLE_STATUS, actionsFor, failureOf, isContinuable, recordFailure, turnFailure } from '../../core/failure.ts'
import type { SettledHow, Settlement, TurnRecord } from '../../core/store/records.ts'
import type { FailureKind } from '../../plugins/contract.ts'
import { GiveUp, PluginError, PromptFailed, RetryAfter } from '../../plugins/errors.ts'
import { describe } from '../helpers/suite.ts'
import { turnRecord } from './turn-record.ts'

const settled = (how: SettledHow, more: Partial<Settlement> = {}, stopping: TurnRecord['stopping'] = null) =>
  turnFailure(
    turnRecord({
      settlement: { ...{ how, text: 'x', finish: 'stop', error: null, tokens: null, cost: null, tools: [] }, ...more },
      stopping,
    }),
  )
const remote = (name: string, statusCode?: number, retryable?: boolean) => ({
  ...{ name, message: '' },
  ...(statusCode === undefined ? {} : { statusCode }),
  ...(retryable === undefined ? {} : { retryable }),
})

describe('failureOf', (it) => {
  it('knows what a plugin throws, its own class or another copy of it', () => {
    const gaveUp = failureOf(new GiveUp('no use', { hint: 'stop' }), 'X')
    assert.equal([gaveUp.kind, gaveUp.error.code, gaveUp.error.hint, gaveUp.retry], ['plugin', 'PLUGIN_GAVE_UP', 'stop', 'never'])
    assert.equal(failureOf(new RetryAfter('later', 50), 'X').retry, { afterMs: 50 })
    assert.is(failureOf(new PluginError('X', 'id', 'is bad'), 'X').retry, 'never')
    const foreign = Object.assign(new Error('elsewhere'), { [Symbol.for('looptroop.plugin-error')]: 'give_up' })
    assert.is(failureOf(foreign, 'X').error.code, 'PLUGIN_GAVE_UP')
  })
  it('takes a mistake in a plugin for one that the rules may retry, and names the phase', () => {
    for (const thrown of [new TypeError('x is undefined'), 'text', null, undefined]) {
      const found = failureOf(thrown, 'PROBING')
      assert.equal([found.error.code, found.kind, found.retry], ['PLUGIN_FAILED', 'plugin', 'rules'])
      assert.match(found.error.message, /^\[phase PROBING\]/)
    }
  })
  it('retries what is unavailable, and no other error of the kernel', () => {
    assert.equal([failureOf(fail('OPENCODE_TIMEOUT'), 'X').kind, failureOf(fail('OPENCODE_TIMEOUT'), 'X').retry], ['transport', 'rules'])
    assert.equal([failureOf(fail('NOT_JSON'), 'X').kind, failureOf(fail('NOT_JSON'), 'X').retry], ['internal', 'never'])
  })
  it('survives being recorded: a failed prompt is the same failure after a replay', () => {
    const before = settled('failed', { error: remote('APIError', 503) })
    assert.ok(before)
    const error = recordFailure(before)
    const after = failureOf(new PromptFailed({ ok: false, why: 'failed', error }), 'X')
    assert.equal([after.kind, after.error.code, after.error.message], [before.kind, before.error.code, before.error.message])
    assert.equal([after.continuable, after.turnId], [before.continuable, before.turnId])
  })
})

describe('turnFailure', (it) => {
  it('is none for a finished answer with text, and none for an open turn', () => {
    assert.is(settled('finished'), null)
    assert.is(turnFailure(turnRecord({ settlement: null })), null)
  })
  it('knows a cut-off and an empty answer', () => {
    for (const finish of ['length', 'max_tokens', 'output_limit', 'token_limit'])
      assert.is(settled('finished', { finish })?.kind, 'truncated')
    assert.is(settled('finished', { text: ' \n' })?.kind, 'empty')
  })
  it('says how each other end is called, and its deadline from a deliberate abort', () => {
    const kinds = (['failed', 'aborted', 'rejected', 'interrupted', 'not_started', 'lost'] as const).map((how) => settled(how)?.kind)
    assert.equal(kinds, ['provider', 'aborted', 'rejected', 'interrupted', 'not_started', 'lost'])
    const late = settled('aborted', {}, 'deadline')
    assert.equal([late?.kind, late?.error.code], ['timed_out', 'TURN_TIMED_OUT'])
    assert.equal([settled('aborted')?.kind, settled('rejected')?.error.code], ['aborted', 'TURN_REJECTED'])
    // The attempt was being given up when a crash came: it is tried again, as it would have been.
    assert.is(settled('aborted', {}, 'cancel')?.kind, 'interrupted')
  })
})

describe('what is continuable', (it) => {
  it('is a table by status and name', () => {
    for (const status of [400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 501, 502, 503, 504, 529])
      assert.is(isContinuable(remote('APIError', status), 'provider'), CONTINUABLE_STATUS.has(status), String(status))
    for (const name of ['ProviderAuthError', 'ContextOverflowError', 'ContentFilterError', 'UnknownError'])
      assert.not.ok(isContinuable(remote(name, 503, true), 'provider'), name)
    assert.ok(isContinuable(remote('APIError', undefined, true), 'provider'))
    assert.not.ok(isContinuable(remote('APIError'), 'provider'))
    assert.not.ok(isContinuable(null, 'provider'))
  })
  it('is never decided by the words of a message', () => {
    assert.not.ok(isContinuable({ name: 'APIError', message: 'rate limit, please retry (429)', statusCode: 400 }, 'provider'))
  })
  it('holds for what broke off on the way, and for nothing a fresh session is needed for', () => {
    const kinds: readonly FailureKind[] = ['timed_out', 'transport', 'interrupted']
    for (const kind of kinds) assert.ok(isContinuable(null, kind), kind)
    for (const kind of ['invalid', 'empty', 'lost', 'rejected', 'plugin'] as const) assert.not.ok(isContinuable(null, kind), kind)
    assert.is(settled('lost')?.continuable, null)
    assert.equal(settled('interrupted')?.continuable, { prompt: 'answer', sessionId: 'ses_1' })
  })
  it('decides what a person is offered', () => {
    const offered = (how: SettledHow, more: Partial<Settlement> = {}) => actionsFor(settled(how, more) as never)
    assert.equal(offered('failed', { error: remote('APIError', 500) }), ['continue', 'retry', 'cancel'])
    assert.equal(offered('failed', { error: remote('APIError', 401) }), ['retry', 'cancel'])
    assert.equal(actionsFor(failureOf(fail('TURN_UNCERTAIN'), 'X')), ['resolve_turn', 'retry', 'cancel'])
    assert.equal(actionsFor(failureOf(fail('SESSION_UNVERIFIED'), 'X')), ['continue', 'retry', 'cancel'])
  })
})
