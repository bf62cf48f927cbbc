/** What the model asks of a person, on a real OpenCode: listed, checked, answered, rejected; its time is free. */
import * as assert from 'uvu/assert'
import { calls, COLOUR, said, startLive, stepwise, talk } from '../helpers/live.ts'
import { eventually, startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { isAlive } from '../helpers/waiting.ts'

/** A sub-agent may not ask unless its agent is allowed to. */
const agent = { general: { permission: { question: 'allow' } } }
const oc = await startRealOpencode({ agent })

const asksOnce = stepwise(calls('question', COLOUR), { text: said('thanks') })
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it was taken',
    (error: { code?: string; details?: { field?: string } }) =>
      [error.code, error.details?.field].filter((part) => part !== undefined).join(' '),
  )

describe('questions on a real OpenCode', (it) => {
  it('are listed under their ticket, refused when answered badly or twice, and the turn goes on with the answer', async () => {
    await using live = await startLive(oc, { script: asksOnce })
    const { kernel } = live
    const { id: ticketId } = await live.start()
    const question = await live.question(ticketId)
    assert.is(question.ticketId, ticketId)
    assert.is(question.questions[0]?.question, 'Which colour?')
    assert.equal(
      question.questions[0]?.options.map((o) => o.label),
      ['Red', 'Blue'],
    )
    assert.is((await live.until(ticketId, (t) => t.status === 'waiting')).waitingFor, 'person')
    const reply = (...answers: string[][]): Promise<unknown> =>
      codeOf(kernel.questions.reply({ ticketId, requestId: question.requestId, answers }))
    assert.is(await reply(), 'INVALID_INPUT answers')
    assert.is(await reply([]), 'INVALID_INPUT answers.0')
    assert.is(await reply(['Red', 'Blue']), 'INVALID_INPUT answers.0')
    assert.is(await reply(['Red'], ['Blue']), 'INVALID_INPUT answers')
    assert.is(
      await codeOf(kernel.questions.reply({ ticketId, requestId: 'que_unknown', answers: [['Red']] })),
      'QUESTION_UNKNOWN requestId',
    )
    const both = await Promise.all([reply(['Red']), reply(['Blue'])])
    assert.equal(both.filter((end) => end === 'it was taken').length, 1, String(both))
    assert.ok(both.includes('QUESTION_ANSWERED'), String(both))
    await live.until(ticketId, (t) => t.status === 'completed')
    assert.is(await reply(['Red']), 'QUESTION_ANSWERED')
    assert.is(live.requests().length, 2)
    const chosen = both[0] === 'it was taken' ? 'Red' : 'Blue'
    assert.match(live.requests()[1]?.toolResults[0]?.content ?? '', chosen)
    assert.equal((await kernel.inbox.list({})).items, [])
  })

  it('that a person rejects end the turn as rejected; the ticket says what to do', async () => {
    await using live = await startLive(oc, { script: asksOnce })
    const { id: ticketId } = await live.start()
    const { requestId } = await live.question(ticketId)
    await live.kernel.questions.reject({ ticketId, requestId, reason: 'not now' })
    await assertRejected(live, ticketId)
  })

  it('that another client of OpenCode rejects or answers end the same way here', async () => {
    await using live = await startLive(oc, { script: asksOnce })
    const { id: ticketId } = await live.start()
    const { requestId } = await live.question(ticketId)
    const [session] = await live.kernel.tickets.sessions(ticketId)
    await oc.adapter.rejectQuestion(requestId, session?.directory ?? '')
    await assertRejected(live, ticketId)
    await live.kernel.tickets.retry({ ticketId })
    const again = await live.question(ticketId)
    await oc.adapter.replyQuestion(again.requestId, session?.directory ?? '', [['Blue']])
    await live.until(ticketId, (t) => t.status === 'completed')
    const { items } = await live.kernel.events.history({ ticketId, limit: 1_000 })
    const closed = items.filter((e) => e.type === 'question.closed').map((e) => (e.data as { how: string }).how)
    assert.equal(closed, ['rejected', 'answered'])
  })

  it("of a sub-agent are listed under the ticket that owns it, and its parent's turn ends well", async () => {
    const task = calls('task', { description: 'ask', prompt: 'ask for the colour', subagent_type: 'general' })
    await using live = await startLive(oc, {
      script: (request) => (request.parentSessionId === undefined ? stepwise(task, { text: said('done') }) : asksOnce)(request),
    })
    const { id: ticketId } = await live.start()
    const question = await live.question(ticketId)
    const [own] = await live.turns(ticketId)
    assert.is.not(question.sessionId, own?.sessionId)
    await live.kernel.questions.reply({ ticketId, requestId: question.requestId, answers: [['Red']] })
    await live.until(ticketId, (t) => t.status === 'completed')
    assert.is(live.requests().length, 4)
    const [{ tokens, sub, untold } = { tokens: null, sub: null, untold: 9 }] = await live.turns(ticketId)
    assert.equal([sub?.sessions, untold, (sub?.tokens?.input ?? 0) > 0], [1, undefined, true], 'what it took is told')
    assert.ok((tokens?.input ?? 0) > (sub?.tokens?.input ?? 0))
  })

  it("stop the clock of the prompt: a deadline shorter than the person's thinking does not fire", async () => {
    const limit = 4_000
    await using live = await startLive(oc, { script: asksOnce, phases: [talk({ budget: { prompt: limit } })] })
    const { id: ticketId } = await live.start()
    const { requestId, askedAt } = await live.question(ticketId)
    await eventually(async () => Date.now() > askedAt + limit + 1_000)
    assert.is((await live.kernel.tickets.get(ticketId)).status, 'waiting')
    await live.kernel.questions.reply({ ticketId, requestId, answers: [['Red']] })
    await live.until(ticketId, (t) => t.status === 'completed')
    assert.equal(
      (await live.turns(ticketId)).map((t) => t.how),
      ['finished'],
    )
  })

  it('that nobody answers in time are declined: the turn ends by it, and the next one in the same session goes on without', async () => {
    await using live = await startLive(oc, { script: asksOnce, phases: [talk({ answerWindow: 500 })] })
    const { kernel } = live
    oc.model.use((request) =>
      JSON.stringify(request).includes('Nobody answered your question') ? { text: said('Red then') } : asksOnce(request),
    )
    const { id: ticketId } = await live.start()
    const { requestId } = await live.question(ticketId)
    await live.until(ticketId, (t) => t.status === 'completed')
    assert.equal(
      (await live.turns(ticketId)).map((t) => [t.reason, t.how, t.posts]),
      [
        ['first', 'rejected', 1],
        ['declined', 'finished', 1],
      ],
    )
    assert.is(await codeOf(kernel.questions.reply({ ticketId, requestId, answers: [['Red']] })), 'QUESTION_DECLINED')
    assert.is(live.requests().length, 2)
  })

  it('permissions wait in the same inbox: given, the command runs; refused, the turn ends as rejected', async () => {
    const asksForBash = [{ permission: 'bash', pattern: '*', action: 'ask' }] as const
    const script = stepwise(calls('bash', { command: 'touch given.txt', description: 'touch' }), { text: said('done') })
    await using live = await startLive(oc, { script, phases: [talk({ tools: asksForBash, retry: { attempts: 1 } })] })
    const { kernel } = live
    const entry = (ticketId: string) =>
      eventually(async () => (await kernel.inbox.list({ ticketId })).items.find((i) => i.kind === 'permission'), 60_000)
    const first = await live.start()
    const { id: requestId, actions } = await entry(first.id)
    assert.equal(actions, ['once', 'always', 'reject'])
    assert.is((await live.until(first.id, (t) => t.status === 'waiting')).waitingFor, 'person')
    await kernel.questions.replyPermission({ ticketId: first.id, requestId, reply: 'once' })
    await live.until(first.id, (t) => t.status === 'completed')
    const second = await live.start()
    const refused = { ticketId: second.id, requestId: (await entry(second.id)).id, reply: 'reject' } as const
    await kernel.questions.replyPermission(refused)
    assert.is((await live.until(second.id, (t) => t.status === 'blocked')).blocked?.code, 'TURN_REJECTED')
    assert.is(await codeOf(kernel.questions.replyPermission(refused)), 'QUESTION_ANSWERED')
    assert.is(live.requests().length, 3)
  })

  it('leave no process behind', async () => {
    const { pid } = oc.managed
    await oc[Symbol.asyncDispose]()
    assert.not(isAlive(pid))
  })
})

async function assertRejected(live: Awaited<ReturnType<typeof startLive>>, ticketId: string): Promise<void> {
  const { blocked } = await live.until(ticketId, (t) => t.status === 'blocked')
  assert.is(blocked?.code, 'TURN_REJECTED')
  assert.ok(blocked?.hint.includes('Retry'), blocked?.hint)
  assert.ok(blocked?.actions.includes('retry'), String(blocked?.actions))
  const last = (await live.turns(ticketId)).at(-1)
  assert.is(last?.how, 'rejected')
  assert.equal(
    (await live.kernel.inbox.list({ ticketId })).items.map((i) => i.kind),
    ['blocked'],
  )
  assert.is(live.requests().length, 1)
}
