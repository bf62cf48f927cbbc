/** Cancel and deadline on a real OpenCode, whatever the turn is doing: it ends as what it is, and nothing runs on. */
import * as assert from 'uvu/assert'
import { assertGapless, calls, COLOUR, freeze, said, startLive, stepwise, talk } from '../helpers/live.ts'
import type { Live } from '../helpers/live.ts'
import { eventually, startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { isAlive } from '../helpers/waiting.ts'

const oc = await startRealOpencode()

const eventTypes = async ({ kernel }: Live, ticketId: string): Promise<readonly string[]> =>
  (await kernel.events.history({ ticketId, limit: 1_000 })).items.map((e) => e.type)
const retryAfter = (ms: number) => ({ status: 429, headers: { 'retry-after-ms': String(ms) }, body: { error: { message: 'slow down' } } })

/** Canceled in the store, the turn aborted, the inbox empty, OpenCode idle, and the model not asked again. */
async function assertCanceled(live: Live, ticketId: string, requests: number): Promise<void> {
  const { kernel } = live
  assert.is((await kernel.tickets.cancel({ ticketId })).status, 'canceled')
  const turns = await live.turns(ticketId)
  assert.equal(
    turns.map((t) => [t.receipt, t.how]),
    [['settled', 'aborted']],
  )
  assert.equal((await kernel.inbox.list({})).items, [])
  assert.equal(await live.busy(ticketId), [])
  assert.equal(
    (await kernel.tickets.sessions(ticketId)).map((s) => s.state),
    ['abandoned'],
  )
  await kernel.tick()
  await kernel.idle()
  assert.is((await kernel.tickets.get(ticketId)).status, 'canceled')
  assert.is(live.requests().length, requests)
  await assertGapless(kernel, ticketId)
}

describe('cancel on a real OpenCode', (it) => {
  it('ends a turn in the middle of its text, and keeps what was said', async () => {
    await using live = await startLive(oc, { script: () => ({ chunks: Array.from({ length: 600 }, (_, i) => `word${i} `), everyMs: 50 }) })
    const { id: ticketId } = await live.start()
    await streaming(live, ticketId)
    await assertCanceled(live, ticketId, 1)
    assert.match((await live.turns(ticketId))[0]?.text ?? '', /^word0 word1 /)
  })

  it('ends a turn whose message was posted just now', async () => {
    await using live = await startLive(oc, { script: () => ({ delayMs: 30_000, text: said('late') }) })
    const { id: ticketId } = await live.start()
    await eventually(async () => (await eventTypes(live, ticketId)).includes('turn.sent'))
    await live.kernel.tickets.cancel({ ticketId })
    const [turn] = await live.turns(ticketId)
    assert.equal([turn?.how, turn?.posts], ['aborted', 1])
    assert.equal(await live.busy(ticketId), [])
    const [session] = await live.kernel.tickets.sessions(ticketId)
    const answers = (await oc.adapter.getSessionMessages(session?.sessionId ?? ''))?.filter((m) => m.role === 'assistant') ?? []
    assert.ok(
      answers.every((m) => m.completedAt !== undefined),
      JSON.stringify(answers),
    )
  })

  it('ends a running command of the agent', async () => {
    await using live = await startLive(oc, {
      script: stepwise(calls('bash', { command: 'sleep 300', description: 'wait' }), { text: said('done') }),
    })
    const { id: ticketId } = await live.start()
    await eventually(async () => (await eventTypes(live, ticketId)).includes('tool'))
    await assertCanceled(live, ticketId, 1)
  })

  it("ends OpenCode's wait before it asks the provider again", async () => {
    await using live = await startLive(oc, { script: () => retryAfter(50_000) })
    const { id: ticketId } = await live.start()
    await eventually(async () => (await eventTypes(live, ticketId)).includes('session.status'))
    await assertCanceled(live, ticketId, 1)
  })

  it('finds a ticket parked when the provider asks for more patience than a turn has', async () => {
    await using live = await startLive(oc, { script: () => retryAfter(3_600_000) })
    const { id: ticketId } = await live.start()
    const parked = await live.until(ticketId, (t) => t.status === 'waiting' && t.waitingFor === 'time')
    assert.ok((parked.until ?? 0) > Date.now() + 3_000_000, String(parked.until))
    assert.equal(await live.busy(ticketId), [])
    assert.is((await live.kernel.tickets.cancel({ ticketId })).status, 'canceled')
    assert.is((await live.turns(ticketId))[0]?.how, 'aborted')
    assert.is(live.requests().length, 1)
  })

  it('closes a question that is open', async () => {
    await using live = await startLive(oc, { script: stepwise(calls('question', COLOUR), { text: said('thanks') }) })
    const { id: ticketId } = await live.start()
    const { requestId } = await live.question(ticketId)
    await assertCanceled(live, ticketId, 1)
    const late = await live.kernel.questions
      .reply({ ticketId, requestId, answers: [['Red']] })
      .catch((error: { code: string }) => error.code)
    assert.is(late, 'QUESTION_UNKNOWN')
  })

  it('is done in bounded time while OpenCode is frozen, and says what it could not confirm', async () => {
    await using live = await startLive(oc, { script: () => ({ text: 'x', chunks: Array.from({ length: 600 }, () => 'y'), everyMs: 50 }) })
    const { id: ticketId } = await live.start()
    await streaming(live, ticketId)
    using frozen = freeze(oc)
    const begun = Date.now()
    assert.is((await live.kernel.tickets.cancel({ ticketId, reason: 'enough' })).status, 'canceled')
    assert.ok(Date.now() - begun < 20_000, `took ${Date.now() - begun} ms`)
    const [turn] = await live.turns(ticketId)
    assert.is(turn?.how, 'aborted')
    assert.match(turn?.error?.message ?? '', /enough; not confirmed by OpenCode: .*did not answer/)
    const [session] = await live.kernel.tickets.sessions(ticketId)
    assert.match(session?.reason ?? '', 'not confirmed')
    frozen.thaw()
    await eventually(async () => (await live.busy(ticketId)).length === 0, 20_000)
    assert.is(live.requests().length, 1)
  })
})

describe('the deadline of a prompt on a real OpenCode', (it) => {
  const hurried = talk({ budget: { prompt: 8_000 }, retry: { attempts: 1 } })

  for (const [during, script] of [
    ['a wait for the provider', () => retryAfter(50_000)],
    ['its text', () => ({ chunks: Array.from({ length: 600 }, () => 'y'), everyMs: 50 })],
  ] as const) {
    it(`that passes in ${during} settles the turn as timed out; Continue is offered`, async () => {
      await using live = await startLive(oc, { script, phases: [hurried] })
      const { id: ticketId } = await live.start()
      const { blocked } = await live.until(ticketId, (t) => t.status === 'blocked')
      assert.is(blocked?.code, 'TURN_TIMED_OUT')
      assert.equal(blocked?.actions, ['continue', 'retry', 'cancel'])
      assert.is((await live.turns(ticketId))[0]?.how, 'aborted')
      assert.equal(await live.busy(ticketId), [])
      assert.is(live.requests().length, 1)
    })
  }

  it('leaves no process behind', async () => {
    const { pid } = oc.managed
    await oc[Symbol.asyncDispose]()
    assert.not(isAlive(pid))
  })
})

/** Its text has begun to come: seen live, as a client sees it. */
async function streaming({ kernel }: Live, ticketId: string): Promise<void> {
  const seen = new AbortController()
  for await (const batch of kernel.events.follow({ ticketId, signal: seen.signal })) {
    if (batch.live.some((e) => e.type === 'delta' && e.offset > 0)) seen.abort()
  }
}
