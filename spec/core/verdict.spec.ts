/** What became of a turn: every row of the table with its border cases, and what no facts whatever may lead to. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { RemoteMessage } from '../../core/opencode/adapter.ts'
import { ADMISSION_WINDOW_MS, MAX_POSTS, chainOf, verdict } from '../../core/turns/verdict.ts'
import type { TurnFacts } from '../../core/turns/verdict.ts'
import { describe } from '../helpers/suite.ts'
import { TEXT, assistant, compaction, copyOfOurs, factsOf, foreign, ours, synthetic, textPart, user } from './turn-facts.ts'

/** Row and decision, with what matters of it. */
function of(messages: readonly RemoteMessage[], given: Partial<TurnFacts> = {}): readonly unknown[] {
  const found = verdict(factsOf(messages, given))
  const more = found.do === 'settle' ? found.how : found.do === 'post' ? found.restart : found.do === 'wait' ? found.ms : undefined
  return more === undefined ? [found.row, found.do] : [found.row, found.do, more]
}

describe('the verdict on a turn: settled, gone, unreadable', (it) => {
  it('1: returns what is stored, whatever is seen', () => {
    assert.equal(of([], { settled: true, reach: 'session_gone' }), [1, 'return'])
  })
  it('2: a session that the same OpenCode does not know is lost', () => {
    assert.equal(of([ours, assistant()], { reach: 'session_gone' }), [2, 'settle', 'lost'])
  })
  it('3: what cannot be read, or is another OpenCode, is neither posted nor settled', () => {
    assert.equal(of([], { reach: 'unreadable' }), [3, 'unverified'])
    assert.equal(of([], { reach: 'other_opencode', stopping: 'cancel' }), [3, 'unverified'])
  })
})

describe('the verdict on a turn whose message is absent', (it) => {
  it('4: posts what was never posted', () => {
    assert.equal(of([], { posts: 0, msSincePost: null }), [4, 'post', false])
  })
  it('4: waits inside the admission window, to its last millisecond', () => {
    assert.equal(of([], { msSincePost: 0 }), [4, 'wait', ADMISSION_WINDOW_MS])
    assert.equal(of([], { msSincePost: ADMISSION_WINDOW_MS - 1 }), [4, 'wait', 1])
    assert.equal(of([], { msSincePost: ADMISSION_WINDOW_MS }), [4, 'post', false])
  })
  it('4: does not wait for a process that is younger than the post', () => {
    assert.equal(of([], { msSincePost: 1, youngerProcess: true }), [4, 'post', false])
  })
  it('4: posts three times in all', () => {
    assert.equal(of([], { posts: MAX_POSTS - 1 }), [4, 'post', false])
    assert.equal(of([], { posts: MAX_POSTS }), [4, 'settle', 'not_started'])
    assert.equal(of([], { posts: MAX_POSTS, msSincePost: 5 }), [4, 'wait', ADMISSION_WINDOW_MS - 5])
  })
  it('4: posts nothing any more once it was stopped', () => {
    assert.equal(of([], { posts: 0, msSincePost: null, stopping: 'cancel' }), [4, 'settle', 'aborted'])
    assert.equal(of([], { stopping: 'deadline' }), [4, 'settle', 'aborted'])
    assert.equal(of([], { stopping: 'deadline', msSincePost: 10 }), [4, 'wait', ADMISSION_WINDOW_MS - 10])
  })
  it('4: other messages of the session are not ours', () => {
    assert.equal(of([foreign, assistant()], { posts: 0, msSincePost: null }), [4, 'post', false])
  })
})

describe('the verdict on a turn that ended', (it) => {
  it('5: a completed assistant with a final finish is the answer, even while the status lags', () => {
    for (const running of ['busy', 'retry', 'absent', 'quiet'] as const)
      assert.equal(of([ours, assistant()], { running }), [5, 'settle', 'finished'])
    for (const finish of ['length', 'content-filter', 'error', 'other'])
      assert.equal(of([ours, assistant({ finish })]), [5, 'settle', 'finished'])
  })
  it('5: an error ends it: failed, or aborted by whoever did that', () => {
    assert.equal(of([ours, assistant({ error: 'APIError' })]), [5, 'settle', 'failed'])
    assert.equal(of([ours, assistant({ error: 'MessageAbortedError' })]), [5, 'settle', 'aborted'])
    assert.equal(of([ours, assistant({ error: 'MessageAbortedError' })], { stopping: 'rejected' }), [5, 'settle', 'rejected'])
    assert.equal(of([ours, assistant({ error: 'MessageAbortedError' })], { stopping: 'deadline' }), [5, 'settle', 'aborted'])
  })
  it('5: steps that called tools are part of the answer, in order', () => {
    const [one, two] = [assistant({ finish: 'tool-calls' }), assistant()]
    const found = verdict(factsOf([ours, one, two]))
    assert.ok(found.do === 'settle')
    assert.equal([found.answer.map((m) => m.id), found.finish, found.chains], [[one.id, two.id], 'stop', 1])
  })
  it('5: neither a summary nor a compaction nor a synthetic continue ends the chain or answers it', () => {
    const summary = assistant({ finish: 'stop', summary: true })
    assert.equal(of([ours, assistant({ finish: 'tool-calls' }), compaction, summary, synthetic, assistant()]), [5, 'settle', 'finished'])
    assert.equal(of([ours, compaction, summary], { running: 'busy' }), [6, 'rejoin'])
  })
  it('5: a byte copy of ours after an overflow goes on with the chain; another text does not', () => {
    assert.equal(of([ours, compaction, assistant({ summary: true }), copyOfOurs, assistant()]), [5, 'settle', 'finished'])
    assert.equal(of([ours, user([textPart(`${TEXT}!`)]), assistant()]), [10, 'uncertain'])
    assert.equal(of([ours, user([textPart(TEXT), textPart(TEXT)]), assistant()]), [10, 'uncertain'])
  })
})

describe('the verdict on a turn that runs, or stands still', (it) => {
  it('6: rejoins what runs or waits for its provider, and sends nothing', () => {
    for (const running of ['busy', 'retry'] as const) {
      assert.equal(of([ours], { running }), [6, 'rejoin'])
      assert.equal(of([ours, assistant({ open: true })], { running, stopping: 'cancel' }), [6, 'rejoin'])
      assert.equal(of([ours, assistant({ finish: 'tool-calls' })], { running }), [6, 'rejoin'])
    }
  })
  it('7–9: looks again before it believes that nothing runs', () => {
    assert.equal(of([ours, assistant({ finish: 'tool-calls' })], { running: 'absent' }), [7, 'look_again'])
    assert.equal(of([ours], { running: 'absent' }), [9, 'look_again'])
  })
  it('7: ended at its tools: rejected, aborted or interrupted, told apart by what we stored before', () => {
    for (const finish of ['tool-calls', 'unknown']) assert.equal(of([ours, assistant({ finish })]), [7, 'settle', 'interrupted'])
    assert.equal(of([ours, assistant({})]), [7, 'settle', 'interrupted'])
    const last = assistant({ finish: 'tool-calls' })
    assert.equal(of([ours, last], { stopping: 'rejected' }), [7, 'settle', 'rejected'])
    for (const stopping of ['deadline', 'cancel', 'retry_limit'] as const)
      assert.equal(of([ours, last], { stopping }), [7, 'settle', 'aborted'])
  })
  it('8: an assistant that will never be completed: OpenCode died', () => {
    assert.equal(of([ours, assistant({ open: true })]), [8, 'settle', 'interrupted'])
    assert.equal(of([ours, assistant({ open: true })], { stopping: 'cancel' }), [8, 'settle', 'aborted'])
  })
  it('9: stored and never started: the stored bytes once more, and only once', () => {
    assert.equal(of([ours]), [9, 'post', true])
    assert.equal(of([ours], { restarts: 1 }), [9, 'settle', 'not_started'])
    assert.equal(of([ours], { restarts: 1, msSincePost: 5_000 }), [9, 'wait', 25_000])
    assert.equal(of([ours], { restarts: 1, msSincePost: 5_000, youngerProcess: true }), [9, 'settle', 'not_started'])
    assert.equal(of([ours], { stopping: 'deadline' }), [9, 'settle', 'aborted'])
  })
  it('9: not while another user message is the newest', () => {
    assert.equal(of([ours, compaction]), [9, 'settle', 'not_started'])
  })
  it('10: a foreign message after ours: the answer before it counts, anything else is a person’s to decide', () => {
    assert.equal(of([ours, assistant(), foreign, assistant()]), [10, 'settle', 'finished'])
    assert.equal(of([ours, foreign, assistant()]), [10, 'uncertain'])
    assert.equal(of([ours, assistant({ open: true }), foreign], { running: 'busy' }), [10, 'uncertain'])
  })
  it('counts the runs under our message', () => {
    const chains = (...answer: RemoteMessage[]): number | undefined => chainOf(factsOf([ours, ...answer]))?.chains
    assert.equal(
      [
        chains(assistant()),
        chains(assistant(), assistant()),
        chains(assistant({ open: true }), assistant()),
        chains(assistant({ finish: 'tool-calls' }), assistant()),
        chains(),
      ],
      [1, 2, 2, 1, 0],
    )
  })
})

const anyMessage: fc.Arbitrary<RemoteMessage> = fc.oneof(
  fc.constantFrom(ours, copyOfOurs, foreign, compaction, synthetic),
  fc
    .record({
      finish: fc.constantFrom('stop', 'length', 'tool-calls', 'unknown', undefined),
      error: fc.constantFrom(undefined, 'APIError', 'MessageAbortedError'),
      open: fc.boolean(),
      summary: fc.boolean(),
    })
    .map(({ finish, error, ...rest }) => assistant({ ...rest, ...(finish ? { finish } : {}), ...(error ? { error } : {}) })),
)
const anyFacts: fc.Arbitrary<TurnFacts> = fc
  .record({
    messages: fc.uniqueArray(anyMessage, { maxLength: 6, selector: (m) => m.id }),
    settled: fc.boolean(),
    posts: fc.integer({ min: 0, max: 4 }),
    msSincePost: fc.option(fc.integer({ min: 0, max: 60_000 })),
    youngerProcess: fc.boolean(),
    stopping: fc.constantFrom(null, 'deadline', 'cancel', 'rejected', 'retry_limit'),
    reach: fc.constantFrom('ok', 'ok', 'ok', 'session_gone', 'unreadable', 'other_opencode'),
    running: fc.constantFrom('busy', 'retry', 'absent', 'quiet'),
    restarts: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ messages, ...given }) => factsOf(messages, given as Partial<TurnFacts>))

describe('the verdict, for any facts', (it) => {
  it('is one row of ten, and the same for the same facts', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const found = verdict(facts)
        assert.ok(found.row >= 1 && found.row <= 10)
        assert.equal(verdict(facts), found)
      }),
      { numRuns: 2_000 },
    )
  })
  it('never posts where a finished answer, an unfinished one or a running status is, nor where it cannot see', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        if (verdict(facts).do !== 'post') return
        const chain = chainOf(facts)
        assert.not.ok(facts.settled)
        assert.is(facts.reach, 'ok')
        assert.is(facts.stopping, null)
        assert.is(chain?.answer.length ?? 0, 0)
        if (chain) assert.ok(facts.running === 'quiet' && facts.restarts === 0)
        else assert.ok(facts.posts < MAX_POSTS)
      }),
      { numRuns: 2_000 },
    )
  })
  it('never settles as finished without a final answer, nor throws away one that is there', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const found = verdict(facts)
        const last = chainOf(facts)?.answer.at(-1)
        const final = last?.completedAt !== undefined && !last.error && ['stop', 'length'].includes(last.finish ?? '')
        if (found.do === 'settle' && found.how === 'finished') assert.ok(final)
        if (final && facts.reach === 'ok' && !facts.settled) assert.ok(found.do === 'settle' && found.how === 'finished')
      }),
      { numRuns: 2_000 },
    )
  })
})
