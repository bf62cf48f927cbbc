/** Sessions on a real OpenCode whose creation or whose LoopTroop broke off: adopted, never doubled, never leaked. */
import * as assert from 'uvu/assert'
import { assertGapless, calls, COLOUR, said, startLive, stepwise, untilTicket } from '../helpers/live.ts'
import { eventually, startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { isAlive } from '../helpers/waiting.ts'

const oc = await startRealOpencode()
const sessionsOf = async (ticketId: string, path: string) =>
  (await oc.adapter.listSessions()).filter((s) => s.directory.startsWith(path) && s.title.includes(ticketId))

describe('sessions on a real OpenCode', (it) => {
  it('a session whose creation was not answered is adopted by its nonce: there is one, and the model is asked once', async () => {
    let lost = 0
    const createSession: typeof oc.adapter.createSession = async (input, options) => {
      const created = await oc.adapter.createSession(input, options)
      if (lost++ === 0) throw new Error('the answer got lost')
      return created
    }
    await using live = await startLive(oc, { script: () => ({ text: said('once') }), adapter: { ...oc.adapter, createSession } })
    const { id } = await live.start()
    await live.until(id, (t) => t.status === 'completed')
    assert.is(lost, 1)
    assert.is((await sessionsOf(id, live.world.repo.path)).length, 1)
    assert.is((await live.kernel.tickets.sessions(id)).length, 1)
    assert.is(live.requests().length, 1)
  })

  it('one that was created just before LoopTroop ended is adopted by the next', async () => {
    let created: (() => void) | undefined
    const whenCreated = new Promise<void>((resolve) => (created = resolve))
    let first = true
    const createSession: typeof oc.adapter.createSession = async (input, options) => {
      const session = await oc.adapter.createSession(input, options)
      if (!first) return session
      first = false
      created?.()
      // The process ends before it can store what it got.
      return new Promise((_, reject) => options?.signal?.addEventListener('abort', () => reject(new Error('ended')), { once: true }))
    }
    await using live = await startLive(oc, { script: () => ({ text: said('once') }), adapter: { ...oc.adapter, createSession } })
    const { id } = await live.start()
    await whenCreated
    await live.kernel.stop()
    const next = await live.world.reopen()
    const loop = next.loop()
    await untilTicket(next, id, { fits: (t) => t.status === 'completed', ms: 30_000 })
    assert.is((await sessionsOf(id, live.world.repo.path)).length, 1)
    assert.is(live.requests().length, 1)
    await next.stop()
    await loop
  })

  it('a turn that waits for a person when LoopTroop stops is rejoined by the next in the same session', async () => {
    await using live = await startLive(oc, { script: stepwise(calls('question', COLOUR), { text: said('thanks') }) })
    const { id } = await live.start()
    const { requestId } = await live.question(id)
    assert.equal(await live.kernel.stop(), { openTurns: 1 })
    const next = await live.world.reopen()
    const loop = next.loop()
    assert.is((await next.questions.list({ ticketId: id })).items[0]?.requestId, requestId)
    await next.questions.reply({ ticketId: id, requestId, answers: [['Red']] })
    await untilTicket(next, id, { fits: (t) => t.status === 'completed', ms: 30_000 })
    const turns = await next.tickets.turns(id)
    assert.equal(
      turns.map((t) => [t.how, t.posts]),
      [['finished', 1]],
    )
    assert.is(live.requests().length, 2)
    await assertGapless(next, id)
    await next.stop()
    await loop
  })

  it('a session that is gone from this OpenCode settles its turn as lost; a fresh attempt follows', async () => {
    await using live = await startLive(oc, { script: stepwise(calls('question', COLOUR), { text: said('thanks') }) })
    const { id } = await live.start()
    const { sessionId, requestId } = await live.question(id)
    await oc.adapter.deleteSession(sessionId)
    const again = await eventually(async () => {
      const { items } = await live.kernel.questions.list({ ticketId: id })
      return items.find((q) => q.requestId !== requestId)
    }, 30_000)
    await live.kernel.questions.reply({ ticketId: id, requestId: again.requestId, answers: [['Red']] })
    await live.until(id, (t) => t.status === 'completed')
    assert.equal(
      (await live.turns(id)).map((t) => t.how),
      ['lost', 'finished'],
    )
  })

  it('leaves no process behind', async () => {
    const { pid } = oc.managed
    await oc[Symbol.asyncDispose]()
    assert.not(isAlive(pid))
  })
})
