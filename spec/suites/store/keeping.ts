import * as assert from 'uvu/assert'
import type { It } from '../../helpers/suite.ts'
import { claim, codeOf, newTicket, ONE, startedWorld, type OpenHome, type World } from './home.ts'

const FINISH = { from: ONE, outcome: 'done', to: null }
const GONE = { branch: 'none', left: [] } as const

/** With a row in every table that names tickets. */
async function completed(world: World): Promise<void> {
  await world.activeSession()
  await world.artifact('a1', 'x')
  await world.gate()
  await world.store.takeExclusive(world.fence, { limit: 1, at: world.at })
  await world.store.putItem(world.fence, { id: 'i', patch: { title: 't' }, at: world.at })
  await world.store.addPhaseNote(world.fence, { phase: 'ONE', note: { kind: 'person', at: 1, iteration: 1, text: 't' }, at: world.at })
  await world.command('release', 'c1')
  await world.store.advance(world.fence, { ...FINISH, at: world.at })
}

export function keepingSuite(it: It, open: OpenHome): void {
  it('deletes a ticket at rest: no row that names it stays but an empty one, and one event', async () => {
    await using world = await startedWorld(open)
    const other = await newTicket(world.store)
    const input = { ...GONE, at: world.at }
    assert.is(await codeOf(world.store.deleteTicket(world.fence, input)), 'STORE_CONFLICT', 'it runs')
    await completed(world)
    const last = await world.store.lastSeq(world.ticketId)
    await world.store.deleteTicket(world.fence, input)
    const { tickets, events, epoch: _, bytes: __, meta: ___, settings: ____, ...rest } = await world.store.stats()
    assert.equal([tickets, events], [2, 2])
    assert.equal(
      Object.values(rest).filter((n) => n !== 0),
      [],
      JSON.stringify(rest),
    )
    assert.equal(
      (await world.store.listTickets()).map((t) => t.id),
      [other.id],
    )
    assert.equal([await world.store.getTicket(world.ticketId), await world.store.lastSeq(world.ticketId)], [null, last + 1])
    assert.equal([await world.store.deletedTicket(world.ticketId), await world.store.deletedTicket(other.id)], [{ ...GONE }, null])
    for (const verb of [claim(world.store, world.ticketId), world.command('cancel', 'c2')]) assert.is(await codeOf(verb), 'TICKET_UNKNOWN')
    assert.is(await codeOf(world.store.deleteTicket(world.fence, input)), 'LEASE_LOST')
    assert.is((await newTicket(world.store)).id, 'KEY-3')
  })

  it('keeps the positions of the whole log growing, also when the newest ticket goes', async () => {
    await using world = await startedWorld(open)
    const before = await world.store.lastPosition()
    await world.store.advance(world.fence, { ...FINISH, at: world.at })
    await world.store.deleteTicket(world.fence, { ...GONE, at: world.at })
    const gone = await world.store.lastPosition()
    assert.ok(gone > before)
    await newTicket(world.store)
    const after = await world.store.allEvents(gone, 10)
    assert.equal(
      after.map((e) => e.event.type),
      ['ticket.created'],
    )
  })

  it('does not delete or tidy while a turn is open', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.openTurn()
    await world.store.cancelTicket(world.fence, { reason: '', consume: await world.command('cancel', 'x'), at: world.at })
    assert.is(await codeOf(world.store.deleteTicket(world.fence, { ...GONE, at: world.at })), 'STORE_CONFLICT')
    assert.is(await codeOf(world.store.markTidied(world.fence, { branch: 'none', sessions: 0, at: world.at })), 'STORE_CONFLICT')
  })

  it('lists what is over for long until it is tidied, once', async () => {
    await using world = await startedWorld(open)
    const all = { before: 1_000_000, after: 0, limit: 10 }
    assert.equal(await world.store.untidyTickets(all), [])
    const { updatedAt } = await world.store.advance(world.fence, { ...FINISH, at: world.at })
    assert.equal(await world.store.untidyTickets({ ...all, before: updatedAt - 1 }), [])
    assert.equal(await world.store.untidyTickets({ ...all, after: 1 }), [])
    assert.equal(
      (await world.store.untidyTickets(all)).map((t) => t.id),
      [world.ticketId],
    )
    await world.store.markTidied(world.fence, { branch: 'kept', sessions: 1, at: world.at })
    assert.is(await codeOf(world.store.markTidied(world.fence, { branch: 'kept', sessions: 1, at: world.at })), 'STORE_CONFLICT')
    assert.equal([await world.store.untidyTickets(all), await world.events('ticket.tidied')], [[], [{ branch: 'kept', sessions: 1 }]])
  })

  it('holds and lets go of a ticket, each told once; the wish is kept apart from what holds it', async () => {
    await using world = await startedWorld(open)
    const { ticketId } = world
    const hold = (heldBy: 'ticket' | 'server' | null, paused?: boolean) =>
      world.store.holdTicket({ ticketId, heldBy, at: world.at, ...(paused === undefined ? {} : { paused }) })
    const first = await hold('ticket', true)
    assert.equal([first.paused, first.heldBy], [true, 'ticket'])
    assert.equal(await hold('ticket'), first)
    const wider = await hold('server')
    assert.equal([wider.paused, wider.heldBy], [true, 'server'])
    assert.is((await hold(null, false)).paused, false)
    assert.equal([await world.events('ticket.paused'), await world.events('ticket.resumed')], [[{ by: 'ticket' }, { by: 'server' }], [{}]])
    await world.store.pauseProject({ paused: true, at: world.at })
    assert.is(await world.store.projectPaused(), true)
    await world.store.advance(world.fence, { ...FINISH, at: world.at })
    assert.is(await codeOf(hold('ticket', true)), 'STORE_CONFLICT')
  })

  it('hands out a try of a nudge once, later and later, and none when it was taken', async () => {
    await using world = await startedWorld(open)
    await world.gate()
    const { ticketId } = world
    const again = { tries: 3, againAfterMs: [10, 100] }
    const due = async (at: number) => (await world.store.dueNudges({ at, tries: 3, limit: 9 })).map((e) => e.id)
    const claimAt = (at: number) => world.store.claimNudge({ ticketId, id: 'gate_1', at, ...again })
    const at = 5_000
    assert.equal([await due(at), await claimAt(at), await claimAt(at), await due(at + 9)], [['gate_1'], 1, null, []])
    await world.store.endNudge({ ticketId, id: 'gate_1', at, problem: 'away' })
    assert.equal(await world.store.failedNudges(), [{ ticketId, id: 'gate_1', tries: 1, problem: 'away' }])
    assert.equal([await claimAt(at + 10), await claimAt(at + 109), await claimAt(at + 110)], [2, null, 3])
    assert.equal([await claimAt(at + 9_999), await due(at + 9_999)], [null, []])
    await world.store.endNudge({ ticketId, id: 'gate_1', at, problem: null })
    assert.equal(await world.store.failedNudges(), [])
  })

  it('knows what is overdue, and how often nobody answered in an attempt', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    const { ticketId } = world
    const ask = (id: string, deadline: number | null) =>
      world.store.openRequest(world.fence, {
        ...ONE,
        ...{ id, kind: 'question', sessionId: 'ses_n1', directory: world.home.baseDir, payload: { questions: [] }, actions: [], deadline },
        opened: { type: 'question.asked', data: { ...ONE, requestId: id, sessionId: 'ses_n1', questions: [] } },
        at: world.at,
      })
    await ask('que_1', 2_000)
    await ask('que_2', null)
    const overdue = async (at: number) => (await world.store.overdueRequests({ at })).map((e) => [e.id, e.deadline])
    assert.equal([await overdue(1_999), await overdue(2_000)], [[], [['que_1', 2_000]]])
    await world.store.claimRequest({ ticketId, id: 'que_1', answer: { do: 'decline' }, at: 2_001 })
    await world.store.closeRequest({ ticketId, id: 'que_1', how: 'declined', reason: null, at: 2_002 })
    assert.equal([await world.store.declined(ticketId, ONE), await world.store.declined(ticketId, { phase: 'ONE', attempt: 2 })], [1, 0])
    assert.is(await codeOf(world.store.claimRequest({ ticketId, id: 'que_1', answer: [['A']], at: 2_003 })), 'QUESTION_DECLINED')
  })

  it('holds an open request past its deadline, within a bound, and says so', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    const { ticketId } = world
    const ask = (id: string, deadline: number | null) =>
      world.store.openRequest(world.fence, {
        ...ONE,
        ...{ id, kind: 'question', sessionId: 'ses_n1', directory: world.home.baseDir, payload: { questions: [] }, actions: [], deadline },
        opened: {
          type: 'question.asked',
          data: { ...ONE, requestId: id, sessionId: 'ses_n1', questions: [], ...(deadline === null ? {} : { deadline }) },
          key: `question:${id}`,
        },
        at: world.at,
      })
    await ask('que_1', 2_000)
    await ask('que_2', null)
    const hold = async (id: string, until: number) =>
      (await world.store.holdRequest({ ticketId, id, until, most: 5_000, at: world.at })).deadline
    assert.equal([await hold('que_1', 1_500), await hold('que_1', 3_000), await hold('que_2', 3_000)], [2_000, 3_000, null])
    assert.equal(await world.store.overdueRequests({ at: 2_999 }), [])
    assert.equal([await hold('que_1', 3_000), await hold('que_1', 9_000), await hold('que_1', 99_000)], [3_000, 7_000, 7_000])
    assert.equal(await world.events('request.held'), [
      { requestId: 'que_1', deadline: 3_000 },
      { requestId: 'que_1', deadline: 7_000 },
    ])
    await world.store.claimRequest({ ticketId, id: 'que_1', answer: { do: 'decline' }, at: 7_000 })
    assert.equal([await codeOf(hold('que_1', 9_000)), await codeOf(hold('nope', 9_000))], ['QUESTION_ANSWERED', 'QUESTION_UNKNOWN'])
  })

  it('keeps what is filled in at an open gate, over the revision that was seen', async () => {
    await using world = await startedWorld(open)
    await world.gate()
    const { ticketId } = world
    const save = (seen: number, content: string, gateId = 'gate_1') =>
      world.store.saveDraft({ ticketId, gateId, seen, content, at: 7 + seen })
    assert.is(await world.store.draft(ticketId, 'gate_1'), null)
    assert.equal(await save(0, 'a'), { revision: 1, content: 'a', savedAt: 7 })
    assert.equal([(await save(1, 'b')).revision, (await save(1, 'b')).revision], [2, 2])
    assert.equal(
      [await codeOf(save(1, 'c')), await codeOf(save(3, 'c')), await codeOf(save(0, 'a', 'nope'))],
      ['DRAFT_STALE', 'DRAFT_STALE', 'GATE_CLOSED'],
    )
    assert.is((await world.store.draft(ticketId, 'gate_1'))?.content, 'b')
  })
}
