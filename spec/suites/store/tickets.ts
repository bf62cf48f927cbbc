import * as assert from 'uvu/assert'
import { CHANGES, DRIVEN_STATUSES, isBlocked, isCanceled, isCompleted, isDraft, isRunning, isWaiting } from '../../../core/ticket.ts'
import type { PausedBy } from '../../../core/ticket.ts'
import type { It } from '../../helpers/suite.ts'
import { claim, codeOf, newTicket, ONE, start, startedWorld, type OpenHome } from './home.ts'

export function ticketSuite(it: It, open: OpenHome): void {
  it('numbers tickets within the project, also when they are created at once', async () => {
    await using world = await startedWorld(open)
    const made = await Promise.all([1, 2, 3].map((n) => newTicket(world.store, `t${n}`)))
    assert.equal(made.map((t) => t.id).toSorted(), ['KEY-2', 'KEY-3', 'KEY-4'])
    assert.ok(made.every((t) => isDraft(t) && t.revision === 1))
    assert.equal(await world.events('ticket.created', 'KEY-2'), [{ title: 't1', pipeline: 'two' }])
  })

  it('creates once per actionId', async () => {
    await using world = await startedWorld(open)
    const input = {
      title: 'x',
      description: '',
      priority: 1,
      pipeline: 'two',
      models: { main: { provider: 'a', model: 'b' } },
      actionId: 'act',
      at: 5,
    }
    const first = await world.store.createTicket(input)
    assert.equal(await world.store.createTicket({ ...input, title: 'other' }), first)
    assert.is((await world.seqs(first.id)).length, 1)
  })

  it('edits drafts by their revision only', async () => {
    await using world = await startedWorld(open)
    const { id } = await newTicket(world.store)
    const edited = await world.store.editTicket({ ticketId: id, revision: 1, patch: { title: 'new', priority: 0 }, at: 9 })
    assert.equal([edited.title, edited.priority, edited.revision, edited.updatedAt], ['new', 0, 2, 9])
    assert.is(await codeOf(world.store.editTicket({ ticketId: id, revision: 1, patch: { title: 'late' }, at: 9 })), 'STORE_CONFLICT')
    assert.is(await codeOf(world.store.editTicket({ ticketId: world.ticketId, revision: 2, patch: {}, at: 9 })), 'STORE_CONFLICT')
    assert.is(await codeOf(world.store.editTicket({ ticketId: 'KEY-99', revision: 1, patch: {}, at: 9 })), 'TICKET_UNKNOWN')
    assert.equal(await world.events('ticket.updated', id), [{ fields: ['title', 'priority'] }])
  })

  it('starts: pins, opens attempt 1 and says so', async () => {
    await using world = await startedWorld(open)
    const ticket = await world.ticket()
    assert.ok(isRunning(ticket))
    assert.equal([ticket.phase, ticket.attempt, ticket.visits, ticket.generation, ticket.pinned.name], ['ONE', 1, 1, 1, 'two'])
    assert.equal(
      (await world.store.events(world.ticketId, 0, 10)).map((e) => e.type),
      ['ticket.created', 'ticket.started', 'ticket.status', 'phase.entered'],
    )
    assert.is(await codeOf(start(world.store, world.fence)), 'STORE_CONFLICT')
  })

  it('starts once per actionId', async () => {
    await using world = await startedWorld(open)
    const { id } = await newTicket(world.store)
    const fence = { ticketId: id, generation: (await claim(world.store, id)).generation }
    const { pinned, settings } = await world.running()
    const input = { phase: 'ONE', pinned, settings, branch: 'b', baseBranch: 'm', baseCommit: 'c', actionId: 'go', at: 7 }
    const first = await world.store.startTicket(fence, input)
    assert.equal(await world.store.startTicket(fence, input), first)
  })

  it('advances by compare-and-set, keeps the output and closes what waited', async () => {
    await using world = await startedWorld(open)
    await world.gate()
    const output = { id: 'a1', kind: 'plan', content: 'täxt', sha256: 's', derivedFrom: ['x'] }
    const to = { phase: 'TWO', attempt: 1, label: 'Second', visits: 1 }
    const input = { from: ONE, outcome: 'done', to, output }
    const ticket = await world.store.advance(world.fence, { ...input, at: world.at })
    assert.ok(isRunning(ticket) && ticket.phase === 'TWO')
    assert.is(await codeOf(world.store.advance(world.fence, { ...input, at: world.at })), 'STORE_CONFLICT')
    assert.is((await world.store.artifact(world.ticketId, { kind: 'plan' }))?.content, 'täxt')
    assert.equal(await world.events('artifact.saved'), [{ ...ONE, kind: 'plan', revision: 1, sha256: 's', bytes: 5 }])
    assert.equal(
      (await world.store.attempts(world.ticketId)).map((a) => [a.phase, a.state, a.outcome]),
      [
        ['ONE', 'done', 'done'],
        ['TWO', 'active', null],
      ],
    )
    assert.equal(await world.store.inbox(), [])
    assert.is((await world.events('gate.closed')).length, 1)
  })

  it('completes when there is no next phase, and gives the execution lease away', async () => {
    await using world = await startedWorld(open)
    await world.store.takeExclusive(world.fence, { limit: 1, at: world.at })
    const ticket = await world.store.advance(world.fence, { from: ONE, outcome: 'done', to: null, at: world.at })
    assert.ok(isCompleted(ticket))
    assert.equal(await world.store.exclusiveHolders(), [])
    assert.equal((await world.events('ticket.status')).at(-1), { status: CHANGES.complete.to })
    assert.is(await codeOf(world.store.wake(world.fence, { at: world.at })), 'STORE_CONFLICT')
  })

  it('attempts afresh at once or later', async () => {
    await using world = await startedWorld(open)
    const failure = { kind: 'provider', code: 'TURN_FAILED', message: 'no' }
    const later = await world.store.reattempt(world.fence, {
      from: ONE,
      to: { phase: 'ONE', attempt: 2 },
      label: 'First',
      failure,
      notBefore: 9_999,
      at: world.at,
    })
    assert.ok(isWaiting(later) && later.until === 9_999 && later.waitingFor === 'time' && later.attempt === 2)
    const from = { phase: 'ONE', attempt: 2 }
    const now = await world.store.reattempt(world.fence, {
      from,
      to: { phase: 'ONE', attempt: 3 },
      label: 'First',
      failure,
      notBefore: 0,
      at: world.at,
    })
    assert.ok(isRunning(now) && now.attempt === 3)
    assert.equal(
      (await world.store.attempts(world.ticketId)).map((a) => [a.state, a.reason]),
      [
        ['failed', 'entered'],
        ['failed', 'reattempt'],
        ['active', 'reattempt'],
      ],
    )
  })

  it('parks and wakes, each without an echo', async () => {
    await using world = await startedWorld(open)
    const first = await world.store.park(world.fence, { waitingFor: 'lease', until: null, holder: 'KEY-9', at: world.at })
    const again = await world.store.park(world.fence, { waitingFor: 'lease', until: null, holder: 'KEY-9', at: world.at })
    assert.equal(again, first)
    assert.equal(await world.events('lease.waiting'), [{ holder: 'KEY-9' }])
    const awake = await world.store.wake(world.fence, { at: world.at })
    assert.ok(isRunning(awake))
    assert.equal(await world.store.wake(world.fence, { at: world.at }), awake)
    assert.is((await world.events('ticket.status')).length, 3)
  })

  it('blocks with an error and an inbox entry; Retry archives the attempt and begins the counts anew', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.block()
    const blocked = await world.ticket()
    assert.ok(isBlocked(blocked) && blocked.blocked.code === 'TURN_FAILED')
    assert.equal(
      (await world.store.inbox()).map((e) => [e.kind, e.id, e.actions]),
      [[CHANGES.block.to, 'err_1', ['retry', 'continue']]],
    )
    const input = { from: ONE, to: { phase: 'ONE', attempt: 2 }, label: 'First', note: 'be careful' }
    assert.is(await codeOf(world.store.retryTicket(world.fence, { ...input, consume: 'none', at: world.at })), 'STORE_CONFLICT')
    const ticket = await world.store.retryTicket(world.fence, { ...input, consume: await world.command('retry', 'r1'), at: world.at })
    assert.ok(isRunning(ticket) && ticket.attempt === 2 && ticket.visits === 1)
    assert.equal(
      (await world.store.attempts(world.ticketId)).map((a) => [a.state, a.counted]),
      [
        ['archived', false],
        ['active', true],
      ],
    )
    assert.equal([await world.store.inbox(), await world.store.openSessions(), await world.store.pendingCommands()], [[], [], []])
    assert.equal(
      (await world.store.errors(world.ticketId)).map((e) => e.resolution),
      ['retry'],
    )
    assert.equal(
      (await world.store.phaseNotes(world.ticketId, 'ONE')).map((n) => [n.kind, n.text]),
      [['person', 'be careful']],
    )
    assert.is((await world.events('session.ended')).length, 1)
  })

  it('continues in the same attempt with the failed prompt open again', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.store.completePrompt(world.fence, {
      ...ONE,
      name: 'answer',
      result: { ok: false, why: 'failed' },
      session: null,
      repairs: [],
      at: world.at,
    })
    await world.block()
    const consume = await world.command('continue', 'c1')
    const ticket = await world.store.continueTicket(world.fence, { from: ONE, reopenPrompt: 'answer', consume, at: world.at })
    assert.ok(isRunning(ticket) && ticket.attempt === 1)
    const [prompt] = (await world.store.journal(world.ticketId, ONE)).prompts
    assert.equal([prompt?.state, prompt?.result, prompt?.continues], ['open', null, 1])
  })

  it('cancels from any status that is not final, and closes everything that hung on it', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.openTurn()
    await world.question()
    await world.command('release', 'other')
    const ticket = await world.store.cancelTicket(world.fence, {
      reason: 'not wanted',
      consume: await world.command('cancel', 'x'),
      at: world.at,
    })
    assert.ok(isCanceled(ticket) && ticket.phase === 'ONE')
    assert.equal([await world.store.inbox(), await world.store.openSessions(), await world.store.pendingCommands()], [[], [], []])
    assert.is((await world.store.openTurns()).length, 1, 'what became of the turn is still to be found out')
    assert.equal(await world.events('question.closed'), [
      { requestId: 'que_1', how: 'ticket_canceled', answers: null, reason: 'not wanted' },
    ])
    const draft = await newTicket(world.store)
    const fence = { ticketId: draft.id, generation: (await claim(world.store, draft.id)).generation }
    await world.store.submitCommand({ actionId: 'y', ticketId: draft.id, kind: 'cancel', target: null, payload: null, at: world.at })
    assert.ok(isCanceled(await world.store.cancelTicket(fence, { reason: '', consume: 'y', at: world.at })))
  })

  it('lists by status and number', async () => {
    await using world = await startedWorld(open)
    for (const n of [1, 2, 3]) await newTicket(world.store, `t${n}`)
    assert.equal(
      (await world.store.listTickets({ status: CHANGES.start.from, after: 2, limit: 1 })).map((t) => t.id),
      ['KEY-3'],
    )
    assert.is((await world.store.listTickets()).length, 4)
    assert.is(await world.store.getTicket('KEY-77'), null)
  })

  it('leaves out what has nothing to do: it waits, and its record names the pause that holds it', async () => {
    await using world = await startedWorld(open)
    const { store, fence, at } = world
    const due = async (time: number, pause: PausedBy | null = null): Promise<readonly string[]> =>
      (await store.listTickets({ status: DRIVEN_STATUSES, due: { at: time, pause } })).map((t) => t.id)
    const [mine] = await due(at)
    assert.is(mine, fence.ticketId, 'it runs')
    await store.park(fence, { waitingFor: 'person', until: at + 10, at })
    assert.equal([await due(at), await due(at + 10)], [[], [mine]], 'its time came')
    assert.equal(await due(at, 'server'), [mine], 'its record does not name the pause yet')
    await store.holdTicket({ ticketId: fence.ticketId, heldBy: 'server', at })
    assert.equal([await due(at, 'server'), await due(at)], [[], [mine]], 'and is to be told of its end')
    await store.holdTicket({ ticketId: fence.ticketId, heldBy: null, at })
    await store.park(fence, { waitingFor: 'lease', until: null, at })
    assert.equal(await due(at), [mine], 'somebody may have let go')
    await store.wake(fence, { at })
    await world.activeSession()
    await world.openTurn()
    await store.park(fence, { waitingFor: 'person', until: null, at })
    assert.equal(await due(at), [mine], 'a turn is open')
  })
}
