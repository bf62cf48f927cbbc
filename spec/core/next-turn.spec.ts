/** What a prompt does next, from its turns alone: the same after every restart. */
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import type { TurnRecord } from '../../core/store/records.ts'
import { retryText } from '../../core/structured-output.ts'
import { nextTurn } from '../../core/turns/next-turn.ts'
import type { PromptFacts } from '../../core/turns/next-turn.ts'
import { DEFAULT_RETRY } from '../../plugins/define.ts'
import type { OutputSpec, RetryRules } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'
import { settlement, turnRecord } from './turn-record.ts'

const output: OutputSpec<{ n: number }> = {
  ...{ schema: v.object({ n: v.number() }), format: 'json', example: { n: 1 } },
  more: ({ n }) => (n < 0 ? 'go on' : undefined),
}
const turns = (...given: Partial<TurnRecord>[]): TurnRecord[] => given.map((t, i) => turnRecord({ ordinal: i + 1, ...t }))
const said = (text: string, reason: TurnRecord['reason'] = 'first'): Partial<TurnRecord> => ({ reason, settlement: settlement(text) })
const next = (given: readonly TurnRecord[], rules: Partial<RetryRules> = {}, facts: Partial<PromptFacts<{ n: number }>> = {}) =>
  nextTurn({
    ...{ name: 'answer', turns: given, output, rules: { ...DEFAULT_RETRY, structured: 1, keepWorking: 2, ...rules } },
    ...{ continues: 0, now: 1_000, usageWaitMs: 60_000, declined: 0 },
    ...facts,
  })
const broken: Partial<TurnRecord> = {
  settlement: settlement('', { how: 'failed', error: { name: 'APIError', message: 'x', statusCode: 503 } }),
}

describe('nextTurn', (it) => {
  it('sends the first, takes up an open one, and ends with the value', async () => {
    assert.equal(await next([]), { do: 'send', ordinal: 1, reason: 'first', follow: null })
    const open = turns({ receipt: 'sent', settlement: null })
    assert.equal(await next(open), { do: 'resume', turn: open[0] })
    assert.equal(await next(turns(said('{"n": 1}'))), { do: 'value', value: { n: 1 }, repairs: [] })
  })
  it('answers an invalid answer with the precise error, as often as the rules allow', async () => {
    const first = await next(turns(said('{"n": "one"}')))
    assert.ok(first.do === 'send' && first.reason === 'structured' && first.follow?.kind === 'invalid')
    assert.match(first.follow.failure.error, /`n`/)
    const end = await next(turns(said('no'), said('still no', 'structured')))
    assert.ok(end.do === 'fail' && end.why === 'invalid')
    assert.equal([end.failure.error.code, end.failure.error.details['tries']], ['ANSWER_INVALID', 2])
  })
  it('takes an answer that needs a look only from who has looked, in this turn or one before it', async () => {
    const given = (...tools: readonly string[]): Partial<TurnRecord> => ({ settlement: settlement('{"n": 1}', { tools }) })
    for (const blind of [[], ['bash', 'question']]) {
      const first = await next(turns(given(...blind)), {}, { look: true })
      assert.ok(first.do === 'send' && first.reason === 'structured' && first.follow?.kind === 'invalid')
      assert.match(retryText(output, first.follow.failure), /without having looked[^]*Use one of read, glob, grep, list/)
    }
    const again = turns(given(), { ...given(), reason: 'structured' })
    const end = await next(again, {}, { look: true })
    assert.ok(end.do === 'fail' && end.why === 'invalid')
    for (const looked of [turns(given('read')), turns(given('grep'), { ...given(), reason: 'structured' })])
      assert.is((await next(looked, {}, { look: true })).do, 'value')
    assert.is((await next(turns(given()))).do, 'value', 'nothing is asked of who need not look')
  })
  it('asks for the rest of unfinished work, in its own words and within a limit', async () => {
    const more = await next(turns(said('{"n": -1}')))
    assert.equal(more, { do: 'send', ordinal: 2, reason: 'keep_working', follow: { kind: 'words', text: 'go on' } })
    const worked = turns(said('{"n": -1}'), said('{"n": -1}', 'keep_working'), said('{"n": -1}', 'keep_working'))
    const end = await next(worked)
    assert.ok(end.do === 'fail' && /not finished after 2/.test(end.failure.error.message))
    assert.is((await next([...worked.slice(0, 2), turnRecord({ ordinal: 3, ...said('{"n": 4}', 'keep_working') })])).do, 'value')
  })
  it('fails as the turn failed', async () => {
    const end = await next(turns(broken))
    assert.ok(end.do === 'fail' && end.why === 'failed' && end.failure.continuable)
    const rejected = await next(turns({ settlement: settlement('', { how: 'rejected' }) }))
    assert.ok(rejected.do === 'fail' && rejected.why === 'rejected')
    const late = await next(turns({ stopping: 'deadline', settlement: settlement('', { how: 'aborted' }) }))
    assert.ok(late.do === 'fail' && late.why === 'timed_out')
  })
  it('sends exactly one turn per Continue', async () => {
    const granted = await next(turns(broken), {}, { continues: 1 })
    assert.ok(granted.do === 'send' && granted.reason === 'continue' && granted.ordinal === 2)
    const used = turns(broken, { ...broken, reason: 'continue' })
    assert.is((await next(used, {}, { continues: 1 })).do, 'fail')
    assert.is((await next(used, {}, { continues: 2 })).do, 'send')
    assert.is((await next(turns(broken, said('{"n": 2}', 'continue')), {}, { continues: 1 })).do, 'value')
  })
  it('waits for the limit of a provider by itself, three times, within the longest wait', async () => {
    const error = { name: 'APIError', message: 'limit', statusCode: 429, resetAt: 5_000 }
    const limited: Partial<TurnRecord> = { settledAt: 1_000, settlement: settlement('', { how: 'failed', error }) }
    assert.equal(await next(turns(limited)), { do: 'wait', until: 5_000 })
    const due = await next(turns(limited), {}, { now: 5_000 })
    assert.ok(due.do === 'send' && due.reason === 'continue')
    for (const usageWaitMs of [null, 3_999]) assert.is((await next(turns(limited), {}, { usageWaitMs })).do, 'fail')
    const again: Partial<TurnRecord> = { ...limited, reason: 'continue' }
    assert.is((await next(turns(limited, again, again))).do, 'wait')
    assert.is((await next(turns(limited, again, again, again))).do, 'fail')
    // A person's Continue is one more turn, whatever was waited for before.
    const granted = await next(turns(limited, again, again, again), {}, { continues: 1 })
    assert.ok(granted.do === 'send' && granted.ordinal === 5)
    assert.is((await next(turns(limited, again, again, again, again), {}, { continues: 1 })).do, 'fail')
    assert.is((await next(turns(limited, { ...broken, reason: 'continue' }), {}, { continues: 1 })).do, 'send')
  })
  it('is the same for the same turns', async () => {
    const given = turns(said('no'), said('{"n": -1}', 'structured'))
    assert.equal(await next(given), await next(given))
  })
})
