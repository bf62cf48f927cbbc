/** Sessions, turns and what waits for a person. */
import * as assert from 'uvu/assert'
import type { Settlement } from '../../../core/store/records.ts'
import { isRunning, isWaiting } from '../../../core/ticket.ts'
import type { It } from '../../helpers/suite.ts'
import { codeOf, ONE, startedWorld, type OpenHome, type World } from './home.ts'

const FINISHED: Settlement = {
  how: 'finished',
  text: 'hé',
  finish: 'stop',
  error: null,
  tokens: { input: 1, output: 2, reasoning: 0, cacheRead: 0, cacheWrite: 0 },
  cost: 0.25,
  tools: ['read'],
}

export function sessionSuite(it: It, open: OpenHome): void {
  it('owns a slot exactly: nulls match nulls and nothing else', async () => {
    await using world = await startedWorld(open)
    await world.activeSession('n1')
    await world.activeSession('n2', { memberId: '' })
    await world.activeSession('n3', { iteration: 1 })
    assert.is(await codeOf(world.activeSession('n4')), 'SLOT_TAKEN')
    assert.is(await codeOf(world.activeSession('n5', { iteration: 1 })), 'SLOT_TAKEN')
    assert.is((await world.store.sessionInSlot({ ...world.slot, memberId: '' }))?.nonce, 'n2')
    assert.is(await world.store.sessionInSlot({ ...world.slot, step: 'x' }), null)
  })

  it('gives directories back absolute', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    const session = await world.store.sessionInSlot(world.slot)
    assert.is(session?.directory, `${world.home.baseDir}/.looptroop/worktrees/${world.ticketId}`)
    assert.equal(session?.slot, world.slot)
    assert.equal(
      (await world.events('session.created')).map((e) => e.slot),
      [world.slot],
    )
  })

  it('activates once, ends once, adopts only what is active', async () => {
    await using world = await startedWorld(open)
    const claim = {
      nonce: 'n1',
      slot: world.slot,
      opencodeId: 'oc',
      directory: '/elsewhere',
      model: { provider: 'p', model: 'm', variant: 'v' },
      prompt: { name: 'answer', inputHash: 'h' },
    }
    const claimed = await world.store.claimSlot(world.fence, { ...claim, at: 5 })
    assert.equal([claimed.state, claimed.sessionId, claimed.directory, claimed.model.variant], ['creating', null, '/elsewhere', 'v'])
    assert.is(await codeOf(world.store.adoptSession(world.fence, { nonce: 'n1', at: 5 })), 'STORE_CONFLICT')
    const activate = { nonce: 'n1', sessionId: 'ses_1', directory: '/elsewhere' }
    await world.store.activateSession(world.fence, { ...activate, at: 6 })
    assert.is(await codeOf(world.store.activateSession(world.fence, { ...activate, at: 7 })), 'STORE_CONFLICT')
    assert.is((await world.store.adoptSession(world.fence, { nonce: 'n1', at: 8 })).generation, 1)
    for (const state of ['abandoned', 'ended'] as const)
      await world.store.endSession(world.fence, { nonce: 'n1', state, reason: 'r', at: 9 })
    assert.equal(await world.events('session.ended'), [{ sessionId: 'ses_1', how: 'abandoned', reason: 'r' }])
    await world.activeSession('n2')
    assert.equal(
      (await world.store.openSessions()).map((s) => s.nonce),
      ['n2'],
    )
  })

  it('is claimed with its prompt, activated with its turn, and pays for the prompt when the turn is settled: one batch each', async () => {
    await using world = await startedWorld(open)
    const { store, fence, slot } = world
    const claim = { nonce: 'n1', slot, opencodeId: 'oc', directory: world.home.baseDir, model: { provider: 'p', model: 'm' }, at: 5 }
    for (const inputHash of ['h', 'later']) {
      await store.claimSlot(fence, { ...claim, prompt: { name: 'answer', inputHash } }).catch(() => null) // the second is SLOT_TAKEN
    }
    await world.openTurn('msg_1', 'n1', { activate: true })
    assert.equal(
      (await store.openSessions()).map((s) => [s.state, s.sessionId]),
      [['active', 'ses_n1']],
    )
    assert.equal((await store.events(world.ticketId, 0, 100)).map((e) => e.type).slice(-2), ['session.created', 'turn.intended'])
    await store.settleTurn(fence, { turnId: 'msg_1', settlement: FINISHED, usedMs: 77, at: 9 })
    assert.is(await codeOf(world.openTurn('msg_2', 'n1', { activate: true })), 'STORE_CONFLICT', 'it is active already')
    const { prompts } = await store.journal(world.ticketId, ONE)
    assert.equal(
      prompts.map((p) => [p.name, p.inputHash, p.usedMs, p.slot]),
      [['answer', 'h', 77, slot]],
    )
  })

  it('claims nothing for a phase the ticket has left', async () => {
    await using world = await startedWorld(open)
    assert.is(await codeOf(world.activeSession('n1', { phaseAttempt: 2 })), 'STORE_CONFLICT')
  })
}

export function turnSuite(it: It, open: OpenHome): void {
  it('keeps the exact request and walks through the receipts', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.openTurn()
    const turn = { turnId: 'msg_1' }
    assert.is((await world.store.turn('msg_1'))?.request.parts[0]?.text, 'Do “it” ✓')
    assert.equal(await posts(world, false), ['sent', 1, 0])
    assert.equal(await posts(world, true), ['sent', 2, 1])
    await world.store.admitTurn(world.fence, { ...turn, at: 7 })
    await world.store.admitTurn(world.fence, { ...turn, at: 8 })
    assert.equal(await posts(world, false), ['admitted', 3, 1])
    await world.store.markStopping(world.fence, { ...turn, stopping: 'deadline', at: 9 })
    const settled = await world.store.settleTurn(world.fence, { ...turn, settlement: FINISHED, row: 5, at: 2_000 })
    assert.equal([settled.receipt, settled.settlement, settled.stopping, settled.admittedAt], ['settled', FINISHED, 'deadline', 7])
    assert.is(await codeOf(world.store.settleTurn(world.fence, { ...turn, settlement: FINISHED, at: 11 })), 'STORE_CONFLICT')
    const [told] = await world.events('turn.settled')
    assert.equal(
      { ...told, ms: 0 },
      {
        ...turn,
        ...ONE,
        prompt: 'answer',
        how: 'finished',
        finish: 'stop',
        tokens: FINISHED.tokens,
        cost: 0.25,
        untold: 0,
        error: null,
        ms: 0,
        row: 5,
      },
    )
    const types = (await world.store.events(world.ticketId, 0, 100)).map((e) => e.type).filter((t) => t.startsWith('turn.'))
    assert.equal(types, ['turn.intended', 'turn.sent', 'turn.sent', 'turn.admitted', 'turn.sent', 'turn.settled'])
    assert.equal([await world.store.openTurns(), (await world.store.turns(world.ticketId, { ...ONE, prompt: 'answer' })).length], [[], 1])
  })

  it('tells of an intended turn only with what waits for the disk: the POST that is recorded', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    const told: string[] = []
    const stop = world.store.onAppend((ticketId) => told.push(ticketId))
    await world.openTurn()
    assert.equal(told, [])
    await world.store.recordPost(world.fence, { turnId: 'msg_1', restart: false, at: 6 })
    assert.equal(told, [world.ticketId])
    stop()
  })

  it('has one open turn per session', async () => {
    await using world = await startedWorld(open)
    assert.is(await codeOf(world.openTurn()), 'STORE_CONFLICT', 'no session')
    await world.activeSession()
    await world.openTurn()
    assert.is(await codeOf(world.openTurn('msg_2')), 'STORE_CONFLICT')
    await world.store.settleTurn(world.fence, { turnId: 'msg_1', settlement: FINISHED, at: 10 })
    await world.openTurn('msg_2')
  })

  it('asks a person about an uncertain turn until it is settled', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.openTurn()
    for (const problem of ['why', 'why again'])
      await world.store.turnUncertain(world.fence, { turnId: 'msg_1', problem, evidence: { row: 3 }, at: 8 })
    assert.equal(
      (await world.store.inbox()).map((e) => [e.kind, e.id, e.state]),
      [['uncertain_turn', 'msg_1', 'open']],
    )
    assert.is((await world.events('turn.uncertain')).length, 1)
    assert.is((await world.store.turn('msg_1'))?.receipt, 'uncertain')
    assert.is((await world.store.openTurns()).length, 1)
    await world.store.settleTurn(world.fence, { turnId: 'msg_1', settlement: { ...FINISHED, how: 'lost' }, at: 9 })
    assert.equal(await world.store.inbox(), [])
  })

  it('closes the questions of a turn that ended, and detaches those of one that was interrupted', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    await world.openTurn()
    await world.question('que_1')
    assert.ok(isWaiting(await world.ticket()))
    await world.store.settleTurn(world.fence, { turnId: 'msg_1', settlement: { ...FINISHED, how: 'aborted' }, at: 9 })
    assert.ok(isRunning(await world.ticket()))
    assert.equal(
      (await world.events('question.closed')).map((e) => e.reason),
      ['the turn ended: aborted'],
    )
    await world.openTurn('msg_2')
    await world.question('que_2')
    await world.store.settleTurn(world.fence, { turnId: 'msg_2', settlement: { ...FINISHED, how: 'interrupted' }, at: 10 })
    assert.equal(
      (await world.store.inbox()).map((e) => [e.id, e.detached, e.state]),
      [['que_2', true, 'open']],
    )
    assert.ok(isWaiting(await world.ticket()))
    assert.equal(await world.events('question.detached'), [{ requestId: 'que_2', reason: 'interrupted' }])
  })
}

const posts = async (world: World, restart: boolean) => {
  const turn = await world.store.recordPost(world.fence, { turnId: 'msg_1', restart, at: 6 })
  return [turn.receipt, turn.posts, turn.restarts]
}

export function inboxSuite(it: It, open: OpenHome): void {
  it('answers a question once; the ticket runs again when nobody else is waited for', async () => {
    await using world = await startedWorld(open)
    const { store, ticketId } = world
    for (const id of ['que_1', 'que_1', 'que_2']) await world.question(id)
    assert.is((await world.events('question.asked')).length, 2)
    const answer = { ticketId, id: 'que_1', answer: [['yes']] }
    const claims = await Promise.allSettled([1, 2].map(() => store.claimRequest({ ...answer, at: 5 })))
    assert.equal(claims.map((c) => (c.status === 'rejected' ? (c.reason as { code: string }).code : c.value.state)).toSorted(), [
      'QUESTION_ANSWERED',
      'claimed',
    ])
    await store.reopenRequest({ ticketId, id: 'que_1', at: 6 })
    await store.claimRequest({ ...answer, at: 7 })
    await store.closeRequest({ ticketId, id: 'que_1', how: 'replied', reason: null, at: 8 })
    await store.closeRequest({ ticketId, id: 'que_1', how: 'replied', reason: null, at: 8 })
    assert.equal(await world.events('question.closed'), [{ requestId: 'que_1', how: 'replied', answers: [['yes']], reason: null }])
    assert.ok(isWaiting(await world.ticket()))
    await store.closeRequest({ ticketId, id: 'que_2', how: 'rejected', reason: 'no', at: 9 })
    assert.ok(isRunning(await world.ticket()))
    assert.is(await codeOf(store.claimRequest({ ...answer, at: 9 })), 'QUESTION_ANSWERED')
    assert.is(await codeOf(store.claimRequest({ ...answer, id: 'que_2', at: 9 })), 'QUESTION_ANSWERED', 'a rejection is an answer')
    assert.is(await codeOf(store.claimRequest({ ...answer, id: 'nope', at: 9 })), 'QUESTION_UNKNOWN')
  })

  it('stores the answer to a detached question until a prompt carries it', async () => {
    await using world = await startedWorld(open)
    const { store, ticketId } = world
    await world.activeSession()
    await world.openTurn()
    await world.question()
    await store.settleTurn(world.fence, { turnId: 'msg_1', settlement: { ...FINISHED, how: 'lost' }, at: 5 })
    await store.claimRequest({ ticketId, id: 'que_1', answer: [['later']], at: 6 })
    await store.closeRequest({ ticketId, id: 'que_1', how: 'stored', reason: null, at: 7 })
    assert.equal(
      (await store.storedAnswers(ticketId)).map((e) => e.answer),
      [[['later']]],
    )
    await store.consumeAnswers(world.fence, { ids: ['que_1'], at: 8 })
    assert.equal(await store.storedAnswers(ticketId), [])
  })

  it('keeps an answer that was on its way when the turn was lost: nobody is asked again', async () => {
    await using world = await startedWorld(open)
    const { store, ticketId } = world
    await world.activeSession()
    await world.openTurn()
    await world.question()
    await store.claimRequest({ ticketId, id: 'que_1', answer: [['now']], at: 5 })
    await store.settleTurn(world.fence, { turnId: 'msg_1', settlement: { ...FINISHED, how: 'interrupted' }, at: 6 })
    assert.equal(await store.inbox(), [])
    assert.ok(isRunning(await world.ticket()))
    assert.equal(await world.events('question.closed'), [{ requestId: 'que_1', how: 'stored', answers: [['now']], reason: 'interrupted' }])
    assert.equal(
      (await store.storedAnswers(ticketId)).map((e) => e.answer),
      [[['now']]],
    )
  })

  it('opens a gate once, decides it once, approves what was seen', async () => {
    await using world = await startedWorld(open)
    const { store, ticketId } = world
    await world.artifact('a1', 'plan')
    await world.gate()
    await world.gate()
    await store.park(world.fence, { waitingFor: 'person', until: null, at: world.at })
    const decide = { ticketId, kind: 'decide' as const, target: 'gate_1', payload: { action: 'approve' } }
    const gate = (sha256: string) => ({ artifact: 'plan', sha256 })
    assert.is(await codeOf(store.submitCommand({ ...decide, actionId: 'd0', gate: gate('old'), at: 5 })), 'GATE_HASH_STALE')
    const first = await store.submitCommand({ ...decide, actionId: 'd1', gate: gate('sha-plan'), at: 5 })
    assert.equal(await store.submitCommand({ ...decide, actionId: 'd1', gate: gate('sha-plan'), at: 6 }), first)
    assert.is(
      await codeOf(store.submitCommand({ ...decide, actionId: 'd1', payload: { action: 'reject' }, gate: gate('sha-plan'), at: 7 })),
      'ACTION_CONSUMED',
    )
    assert.is(await codeOf(store.submitCommand({ ...decide, actionId: 'd2', gate: gate('sha-plan'), at: 7 })), 'GATE_CLOSED')
    assert.is((await store.pendingCommands()).length, 1)
    const decision = { action: 'approve', payload: null, sha256: 'sha-plan' }
    await store.decideGate(world.fence, { ...ONE, gateId: 'gate_1', name: 'approve', decision, approves: 'plan', consume: 'd1', at: 8 })
    assert.ok(isRunning(await world.ticket()))
    assert.is((await store.artifact(ticketId, { kind: 'plan' }))?.approvedBy, 'd1')
    assert.equal(
      (await store.journal(ticketId, ONE)).steps.map((s) => [s.verb, s.state, s.value]),
      [['ask', 'done', decision]],
    )
    assert.equal(await world.events('gate.decided'), [{ ...ONE, gateId: 'gate_1', action: 'approve', sha256: 'sha-plan' }])
    assert.is(await codeOf(store.submitCommand({ ...decide, actionId: 'd3', gate: gate('sha-plan'), at: 9 })), 'GATE_CLOSED')
    assert.is((await store.submitCommand({ ...decide, actionId: 'd1', gate: gate('sha-plan'), at: 9 })).state, 'consumed')
    assert.is((await world.events('ticket.command')).length, 1)
  })

  it('consumes or drops a command once', async () => {
    await using world = await startedWorld(open)
    await world.command('release', 'r1')
    await world.store.consumeCommand(world.fence, { actionId: 'r1', at: 5 })
    assert.is(await codeOf(world.store.consumeCommand(world.fence, { actionId: 'r1', at: 5 })), 'STORE_CONFLICT')
    await world.command('retry', 'r2')
    await world.store.dropCommand(world.fence, { actionId: 'r2', reason: 'too late', at: 6 })
    assert.equal(
      [(await world.store.command(world.ticketId, 'r1'))?.state, (await world.store.command(world.ticketId, 'r2'))?.state],
      ['consumed', 'dropped'],
    )
    const lost = world.store.submitCommand({ actionId: 'z', ticketId: 'KEY-9', kind: 'cancel', target: null, payload: null, at: 1 })
    assert.is(await codeOf(lost), 'TICKET_UNKNOWN')
  })
}
