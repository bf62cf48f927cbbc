/** `client.watch`: a view that is right whatever was cut, missed or said twice. */
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { DurableEvent, LiveEvent } from '../../core/index.ts'
import { applyBatch, createLoopTroopClient, emptyView, type WatchedRequest, type WatchedTicket } from '../../router/client.ts'
import { serve, TOKEN } from '../router/wire.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'

const turn = { turnId: 'msg_1', phase: 'X', attempt: 1, prompt: 'p' }
const part = { turnId: 'msg_1', partId: 'prt_1', kind: 'text' as const }
let seq = 0
const durable = (type: string, data: object): DurableEvent => ({ seq: ++seq, id: `e.${seq}`, type, at: 1, data }) as unknown as DurableEvent
const after = (view: WatchedTicket, events: readonly DurableEvent[], live: readonly LiveEvent[] = []): WatchedTicket =>
  applyBatch(view, { id: `e.${seq}`, events, live })
const texts = (view: WatchedTicket): readonly unknown[] => view.turns.flatMap((t) => t.parts.map((p) => [p.text, p.open]))
const delta = (offset: number, text: string): LiveEvent => ({ type: 'delta', ...part, offset, text })

describe('the view of a ticket', (it) => {
  it('grows by deltas that fit, waits for a snapshot when one is missing, and takes the finished text', () => {
    let view = after(emptyView('T-1'), [durable('turn.intended', { ...turn, ordinal: 1, model: 'm', sessionId: 's', reason: 'first' })])
    view = after(view, [], [delta(0, 'Hel'), delta(3, 'lo')])
    assert.equal(texts(view), [['Hello', true]])
    view = after(view, [], [delta(3, 'lo'), delta(9, 'lost')])
    assert.equal(texts(view), [['Hello', true]])
    view = after(view, [], [{ type: 'part.snapshot', ...part, text: 'Hello there' }, delta(11, '!')])
    assert.equal(texts(view), [['Hello there!', true]])
    view = after(view, [durable('text', { ...turn, partId: 'prt_1', text: 'Hello there!!', owner: null })], [delta(12, '!')])
    assert.equal(texts(view), [['Hello there!!', false]])
  })
  it('shows a tool from its first sign to its end; what comes late changes nothing', () => {
    const calling = { turnId: 'msg_1', partId: 'prt_t', tool: 'bash', title: null, input: {}, cut: false, owner: null }
    const progress = (state: 'pending' | 'running', output: string | null): LiveEvent => ({
      type: 'tool.progress',
      ...calling,
      state,
      output,
    })
    const tools = (view: WatchedTicket): unknown => view.turns.flatMap((t) => t.parts.map((p) => [p.tool?.state, p.text, p.open]))
    let view = after(
      emptyView('T-1'),
      [],
      [{ type: 'session.activity', turnId: 'msg_1', status: 'busy', owner: null }, progress('pending', null)],
    )
    assert.equal(tools(view), [['pending', '', true]])
    view = after(view, [], [progress('running', 'one')])
    view = after(view, [durable('tool', { ...turn, ...calling, state: 'running', output: null })])
    assert.equal(tools(view), [['running', 'one', true]])
    view = after(
      view,
      [durable('tool', { ...turn, ...calling, state: 'completed', title: 'did it', output: 'one two' })],
      [progress('running', 'one')],
    )
    assert.equal(tools(view), [['completed', 'one two', false]])
  })
  it('adds up what was spent: what is not known is null and never zero, and is said', () => {
    const end = { ...turn, how: 'finished', finish: 'stop', text: '', error: null, ms: 1, row: 5, tokens: null, cost: null }
    const none = emptyView('T-1')
    const one = after(none, [durable('turn.settled', { ...end, untold: 1 })])
    const two = after(one, [durable('turn.settled', { ...end, turnId: 'msg_2', cost: 0.5, untold: 0 })])
    const spent = { tokens: null, cost: null, turns: 0, missing: 0 }
    assert.equal(
      [none.spent, one.spent, two.spent],
      [spent, { ...spent, turns: 1, missing: 1 }, { ...spent, turns: 2, missing: 1, cost: 0.5 }],
    )
    assert.equal(
      two.turns.map((t) => [t.settled?.cost, t.settled?.untold]),
      [
        [null, 1],
        [0.5, undefined],
      ],
    )
  })
  it('starts over after a gap, skips what it does not know, and leaves older views as they were', () => {
    const first = after(emptyView('T-1'), [durable('ticket.created', { title: 'Old', pipeline: 'quick' })])
    const second = after(first, [durable('of.the.future', { x: 1 })])
    assert.equal([second.title, second.id], ['Old', `e.${seq}`])
    const third = applyBatch(second, { id: 'f.0', events: [], live: [{ type: 'gap', reason: 'restored' }] })
    assert.equal([third.title, third.id, second.title], ['', 'f.0', 'Old'])
  })
  it('shows what waits until it is closed, and why it is blocked until it no longer is', () => {
    const asking = { phase: 'X', attempt: 1, requestId: 'que_1', sessionId: 's', questions: [] }
    const why = { phase: 'X', attempt: 1, code: 'C', message: 'm', hint: 'h', actions: ['retry'] }
    let view = after(emptyView('T-1'), [durable('question.asked', asking), durable('question.detached', { requestId: 'que_1' })])
    assert.equal(
      view.waiting.map((w) => [w.kind, w.id, w.detached]),
      [['question', 'que_1', true]],
    )
    view = after(view, [durable('request.held', { requestId: 'que_1', deadline: 9_000 })])
    assert.equal(
      view.waiting.map(({ data }) => ('deadline' in data ? data.deadline : null)),
      [9_000],
    )
    view = after(view, [durable('question.closed', { requestId: 'que_1', how: 'answered', answers: [], reason: null })])
    assert.equal(view.waiting, [])
    view = after(view, [durable('ticket.blocked', why), durable('ticket.status', { status: 'blocked' })])
    assert.equal([view.status, view.blocked?.code], ['blocked', 'C'])
    view = after(view, [durable('ticket.status', { status: 'running' })])
    assert.equal([view.status, view.blocked], ['running', null])
  })
})

describe('client.watch', (it) => {
  for (const transport of ['ws', 'sse'] as const) {
    it(
      `follows a ticket over ${transport} while its connections are cut, and ends with what the log says`,
      async () => {
        await using world = await startWorld({ brain: exampleBrain })
        await using server = await serve({ kernel: world.kernel })
        await using client = createLoopTroopClient({ url: server.url, token: TOKEN, transport })
        const { id: ticketId } = await world.start('Watch me')
        const driving = drive()
        driving.catch(() => undefined) // awaited below, unless something fails before
        let views = 0
        let last = emptyView(ticketId)
        for await (const view of client.watch(ticketId)) {
          last = view
          if (++views % 3 === 0) server.disconnectAll()
          const [gate] = view.waiting
          if (gate) await until(() => approved(gate), 'it is approved')
          if (view.status === 'completed') break
        }
        await driving
        const { items } = await client.events.history.query({ ticketId, limit: 1_000 })
        const told = applyBatch(emptyView(ticketId), { id: items.at(-1)?.id ?? '', events: items, live: [] })
        assert.equal(last, { ...told, id: last.id })
        assert.is(last.title, 'Watch me')
        assert.ok(last.turns.length > 2 && last.turns.every((t) => t.receipt === 'settled' && t.parts.length > 0))
        assert.ok(last.artifacts.length > 0 && last.beads.length > 0 && last.waiting.length === 0)

        /** The call's own connection may be one of those that were cut; the same `actionId` makes asking again harmless. */
        function approved({ id: gateId, data }: WatchedRequest): Promise<boolean> {
          const expectedContentSha256 = ('sha256' in data ? data.sha256 : null) ?? ''
          return client.gates.submit.mutate({ ticketId, gateId, action: 'approve', actionId: 'yes', expectedContentSha256 }).then(
            () => true,
            (error: { data?: { looptroopCode?: string } }) => error.data?.looptroopCode === 'GATE_CLOSED',
          )
        }
        async function drive(): Promise<void> {
          while ((await world.kernel.tickets.get(ticketId)).status !== 'completed') {
            await world.drive()
            await new Promise((resolve) => setTimeout(resolve, 10))
          }
        }
      },
      { timeoutMs: 60_000 },
    )
  }
  it('throws what the server refuses', async () => {
    await using world = await startWorld()
    await using server = await serve({ kernel: world.kernel })
    await using client = createLoopTroopClient({ url: server.url, token: TOKEN })
    const problem = await client
      .watch('NOPE-1')
      .next()
      .catch((error: unknown) => error)
    assert.is((problem as { data: { looptroopCode: string } }).data.looptroopCode, 'TICKET_UNKNOWN')
  })
})
