/** OpenCode killed, or frozen, in the middle of a turn: never a finished turn, never a message sent twice. */
import * as assert from 'uvu/assert'
import { fail } from '../../core/errors.ts'
import { assertGapless, calls, COLOUR, freeze, said, startLive, stepwise, talk } from '../helpers/live.ts'
import type { Live } from '../helpers/live.ts'
import { eventually, startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { isAlive } from '../helpers/waiting.ts'
import type { Script } from '../../scripts/scripted-model.ts'

const oc = await startRealOpencode({ supervise: true })

/** The first request does not end by itself; the next one answers. */
const firstNever = (first: Script, then: Script): Script => {
  let asked = 0
  return (request) => (asked++ === 0 ? first : then)(request)
}
const dripping: Script = () => ({ chunks: Array.from({ length: 3_000 }, (_, i) => `word${i} `), everyMs: 50 })
const howsOf = async (live: Live, ticketId: string): Promise<unknown> => (await live.turns(ticketId)).map((t) => [t.how, t.posts])

async function kill(): Promise<void> {
  const { pid } = oc.managed
  const before = oc.startedAt ?? 0
  process.kill(pid, 'SIGKILL')
  await eventually(async () => (oc.startedAt ?? 0) > before && (await oc.adapter.checkHealth()).reachable, 30_000)
  assert.is.not(oc.managed.pid, pid)
}

describe('OpenCode killed in mid-turn', (it) => {
  it('leaves an interrupted turn, never a finished one; a fresh attempt follows by the rules', async () => {
    await using live = await startLive(oc, { script: firstNever(dripping, () => ({ text: said('whole') })) })
    const { id: ticketId } = await live.start()
    await eventually(async () => live.requests().length === 1)
    await eventually(async () => (await live.turns(ticketId))[0]?.receipt === 'admitted')
    await kill()
    const done = await live.until(ticketId, (t) => t.status === 'completed')
    assert.is(done.attempt, 2)
    assert.equal(await howsOf(live, ticketId), [
      ['interrupted', 1],
      ['finished', 1],
    ])
    assert.is(live.requests().length, 2)
    assert.equal(
      (await live.kernel.tickets.attempts(ticketId)).map((a) => [a.state, a.failure?.kind ?? null]),
      [
        ['failed', 'interrupted'],
        ['done', null],
      ],
    )
    assert.match((await live.kernel.tickets.artifact({ ticketId, kind: 'said' })).content, 'whole')
    await assertGapless(live.kernel, ticketId)
  })

  it('detaches the question that was open; its answer is stored and carried by the next prompt', async () => {
    const asksAndEnds = firstNever(stepwise(calls('question', COLOUR)), () => ({ text: said('blue it is') }))
    const phase = talk({ retry: { delay: 6_000 } })
    await using live = await startLive(oc, { script: asksAndEnds, phases: [phase] })
    const { id: ticketId } = await live.start()
    const { requestId } = await live.question(ticketId)
    await kill()
    const reply = (): Promise<unknown> => live.kernel.questions.reply({ ticketId, requestId, answers: [['Blue']] })
    // OpenCode is back and does not know it, and we have not seen that yet: refused, and still there to be answered.
    assert.is(await reply().catch((e: { code: string }) => e.code), 'QUESTION_UNKNOWN')
    await eventually(async () => (await live.question(ticketId)).detached === true, 20_000)
    await reply()
    const again = await live.kernel.questions.reply({ ticketId, requestId, answers: [['Red']] }).catch((e: { code: string }) => e.code)
    assert.is(again, 'QUESTION_ANSWERED')
    await live.until(ticketId, (t) => t.status === 'completed')
    assert.is(live.requests().length, 2)
    assert.match(live.requests()[1]?.lastUserText ?? '', /Question: Which colour\?\s+Answer: .*Blue/)
    assert.equal((await live.kernel.inbox.list({})).items, [])
  })

  it('before it stored the message: posted again as soon as its process is proven younger, not when the window ends', async () => {
    let posts = 0
    const promptSession: typeof oc.adapter.promptSession = async (...args) => {
      posts += 1
      if (posts > 1) return oc.adapter.promptSession(...args)
      await kill()
      throw fail('OPENCODE_UNREACHABLE', { baseUrl: oc.baseUrl, problem: 'it died' })
    }
    await using live = await startLive(oc, { script: () => ({ text: said('once') }), adapter: { ...oc.adapter, promptSession } })
    const { id: ticketId } = await live.start()
    await live.until(ticketId, (t) => t.status === 'completed', 28_000)
    const [turn] = await live.turns(ticketId)
    // A slow machine: stored by the second POST and not begun in time, the same bytes are posted once more (row 9).
    assert.ok(turn?.how === 'finished' && (turn.posts === 2 || turn.posts === 3), `${turn?.how} after ${turn?.posts} POSTs`)
    assert.is(live.requests().length, 1)
  })
})

describe('OpenCode frozen in mid-turn', (it) => {
  it('and continued: the turn is rejoined, and nothing was sent twice', async () => {
    const chunks = [...Array.from({ length: 60 }, (_, i) => `word${i} `), said('whole')]
    await using live = await startLive(oc, { script: () => ({ chunks, everyMs: 50 }) })
    const { id: ticketId } = await live.start()
    await eventually(async () => (await live.turns(ticketId))[0]?.receipt === 'admitted' && live.requests().length === 1)
    {
      using _frozen = freeze(oc)
      // Long enough for a look at the messages to fail in time: what cannot be read is neither resent nor given up.
      await live.kernel.health()
      await eventually(async () => !(await oc.adapter.checkHealth({ timeoutMs: 4_000 })).reachable)
    }
    await live.until(ticketId, (t) => t.status === 'completed')
    assert.equal(await howsOf(live, ticketId), [['finished', 1]])
    assert.is((await live.turns(ticketId))[0]?.text, chunks.join(''))
    assert.is(live.requests().length, 1)
  })

  it('just before the POST: the POST arrives late or not at all, and the model is asked once', async () => {
    await using live = await startLive(oc, { script: () => ({ text: said('once') }) })
    await live.kernel.models.list({})
    const { id: ticketId } = await live.start()
    await eventually(async () => (await live.kernel.tickets.sessions(ticketId))[0]?.state === 'active')
    {
      using _frozen = freeze(oc)
      await eventually(async () => !(await oc.adapter.checkHealth({ timeoutMs: 6_000 })).reachable)
    }
    await live.until(ticketId, (t) => t.status === 'completed')
    const turns = await live.turns(ticketId)
    assert.equal(
      turns.map((t) => t.how),
      ['finished'],
    )
    assert.is(live.requests().length, 1)
  })

  it('leaves no process behind', async () => {
    const { pid } = oc.managed
    await oc[Symbol.asyncDispose]()
    assert.not(isAlive(pid))
  })
})
