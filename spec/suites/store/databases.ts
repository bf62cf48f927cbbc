/** The database as a whole: reopening, two openers, the app store, fences of every verb, invariants under random use. */
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { Fence, Store } from '../../../core/store/store.ts'
import type { It } from '../../helpers/suite.ts'
import { claim, codeOf, IDENTITY, newTicket, ONE, startedWorld, type OpenHome, type World } from './home.ts'

export function databaseSuite(it: It, open: OpenHome): void {
  it('keeps epoch, tickets and events over a reopening, and refuses another key', async () => {
    await using world = await startedWorld(open)
    const again = await world.home.opener.openProject(world.home.projectUrl, IDENTITY)
    assert.is(again.epoch, world.store.epoch)
    assert.match(again.epoch, /^[0-9a-f]{16}$/)
    assert.equal(await again.getTicket(world.ticketId), await world.ticket())
    await again.close()
    assert.is(
      await codeOf(world.home.opener.openProject(world.home.projectUrl, { projectId: 'p2', projectKey: 'OTHER' })),
      'PROJECT_KEY_TAKEN',
    )
  })

  it('serves two openers of one database', async () => {
    await using world = await startedWorld(open)
    const other = await world.home.opener.openProject(world.home.projectUrl, IDENTITY)
    const append = (store: Store, n: number) =>
      store.appendEvents(world.fence, { events: [{ type: 'file.edited', data: { file: `${n}` } }], at: n })
    await Promise.all(Array.from({ length: 40 }, (_, n) => append(n % 2 === 0 ? world.store : other, n)))
    const seqs = await world.seqs()
    assert.equal(
      seqs,
      Array.from({ length: 44 }, (_, index) => index + 1),
    )
    await other.close()
  })

  it('moves with its project: directories are kept relative', async () => {
    await using world = await startedWorld(open)
    await world.activeSession()
    const moved = await world.home.opener.openProject(world.home.projectUrl, { ...IDENTITY, baseDir: '/moved/there' })
    assert.is((await moved.sessions(world.ticketId))[0]?.directory, `/moved/there/.looptroop/worktrees/${world.ticketId}`)
    await moved.close()
  })

  it('refuses every fenced verb of a stale driver and changes nothing', async () => {
    await using world = await startedWorld(open)
    await world.gate()
    const before = JSON.stringify([await world.store.stats(), await world.seqs(), await world.ticket()])
    for (const [name, verb] of fencedVerbs(world)) assert.is(await codeOf(verb(world.stale)), 'LEASE_LOST', name)
    assert.is(JSON.stringify([await world.store.stats(), await world.seqs(), await world.ticket()]), before)
  })

  it('keeps projects: same path once, a key once', async () => {
    await using home = await open()
    const app = await home.opener.openApp(home.appUrl)
    const project = { id: 'p1', key: 'KEY', name: 'n', path: '/a', defaultBranch: 'main', databaseUrl: 'file:/a/db' }
    const { at: attachedAt, ...stored } = { at: 5, ...project }
    assert.equal(await app.attachProject({ ...project, at: 5 }), { ...stored, attachedAt })
    assert.is((await app.attachProject({ ...project, id: 'p9', key: 'NEW', at: 6 })).id, 'p1')
    assert.is(await codeOf(app.attachProject({ ...project, id: 'p2', path: '/b', at: 6 })), 'PROJECT_KEY_TAKEN')
    await app.attachProject({ ...project, id: 'p2', path: '/b', key: 'B', at: 6 })
    assert.is(await codeOf(app.updateProject({ id: 'p2', patch: { key: 'KEY' }, at: 7 })), 'PROJECT_KEY_TAKEN')
    assert.is((await app.updateProject({ id: 'p2', patch: { name: 'other' }, at: 7 })).name, 'other')
    assert.is(await codeOf(app.updateProject({ id: 'p3', patch: {}, at: 7 })), 'PROJECT_UNKNOWN')
    await app.detachProject({ id: 'p1', at: 8 })
    assert.equal(
      (await app.listProjects()).map((p) => p.id),
      ['p2'],
    )
    await app.putSettings({ patch: { 'qa.manual': true }, at: 9 })
    await app.putMeta('server', 'x')
    await app.close()
    const again = await home.opener.openApp(home.appUrl)
    assert.equal([await again.settings(), await again.meta('server'), await again.meta('version')], [{ 'qa.manual': true }, 'x', null])
    await again.close()
  })

  it(
    'holds its invariants under any order of verbs',
    async () => {
      await using world = await startedWorld(open)
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(fc.nat({ max: ACTS.length - 1 }), { minLength: 5, maxLength: 25 }), async (acts) => {
          const ticket = await newTicket(world.store, `round ${round++}`)
          const fence = { ticketId: ticket.id, generation: (await claim(world.store, ticket.id)).generation }
          // Refusals are part of the game; what counts is what is stored afterwards.
          await Promise.allSettled(acts.map(async (act, n) => ACTS[act]?.({ world, fence, n: `${ticket.id}-${n}` })))
          await checkInvariants(world, ticket.id)
        }),
        { numRuns: 25 },
      )
    },
    { timeoutMs: 60_000 },
  )
}

interface Act {
  readonly world: World
  readonly fence: Fence
  /** Unique; its last digit chooses among few sessions and turns. */
  readonly n: string
}
const few = (n: string): string => `${n.split('-')[1]}-${Number(n.split('-')[2]) % 3}`
const directory = '/d'
const model = { provider: 'p', model: 'm' }
const slotOf = ({ fence }: Act) => ({
  ticketId: fence.ticketId,
  phase: 'ONE',
  phaseAttempt: 1,
  memberId: null,
  beadId: null,
  iteration: null,
  step: null,
})

const ACTS: readonly ((act: Act) => Promise<unknown>)[] = [
  async ({ world, fence }) => {
    const { pinned, settings } = await world.running()
    return world.store.startTicket(fence, { phase: 'ONE', pinned, settings, branch: 'b', baseBranch: 'm', baseCommit: 'c', at: world.at })
  },
  (act) =>
    act.world.store.claimSlot(act.fence, {
      nonce: few(act.n),
      slot: slotOf(act),
      opencodeId: 'o',
      directory,
      model,
      prompt: { name: few(act.n), inputHash: 'h' },
      at: act.world.at,
    }),
  ({ world, fence, n }) => world.store.activateSession(fence, { nonce: few(n), sessionId: `s-${few(n)}`, directory, at: world.at }),
  ({ world, fence, n }) => world.store.endSession(fence, { nonce: few(n), state: 'ended', reason: 'r', at: world.at }),
  ({ world, fence, n }) =>
    world.store.intendTurn(fence, {
      ...ONE,
      turnId: `msg-${n}`,
      prompt: 'p',
      ordinal: 1,
      reason: 'first',
      sessionNonce: few(n),
      sessionId: `s-${few(n)}`,
      opencodeId: 'o',
      directory,
      request: { messageId: `msg-${n}`, parts: [], model },
      at: world.at,
    }),
  async ({ world, fence }) => {
    const turn = (await world.store.openTurns()).find((t) => t.ticketId === fence.ticketId)
    const settlement = { how: 'finished' as const, text: '', finish: 'stop', error: null, tokens: null, cost: null, tools: [] }
    return world.store.settleTurn(fence, { turnId: turn?.turnId ?? 'none', settlement, at: world.at })
  },
  ({ world, fence }) => world.store.park(fence, { waitingFor: 'person', until: null, at: world.at }),
  ({ world, fence }) => world.store.wake(fence, { at: world.at }),
  ({ world, fence, n }) =>
    world.store.appendEvents(fence, { events: [{ type: 'file.edited', data: { file: n }, key: few(n) }], at: world.at }),
]

async function checkInvariants(world: World, ticketId: string): Promise<void> {
  const seqs = await world.seqs(ticketId)
  assert.equal(
    seqs,
    seqs.map((_, index) => index + 1),
    'numbers without a gap',
  )
  const sessions = await world.store.sessions(ticketId)
  assert.ok(sessions.filter((s) => s.state === 'creating' || s.state === 'active').length <= 1, 'one session per slot')
  const open = (await world.store.turns(ticketId)).filter((t) => t.receipt !== 'settled').map((t) => t.sessionNonce)
  assert.is(new Set(open).size, open.length, 'one open turn per session')
  const keys = (await world.events('file.edited', ticketId)).map((e) => few(e.file))
  assert.is(new Set(keys).size, keys.length, 'a key once')
}

/** Each verb of a driver, called with arguments that would otherwise be taken or refused later. */
function fencedVerbs(world: World): readonly (readonly [string, (fence: Fence) => Promise<unknown>])[] {
  const { store, at } = world
  const turnId = 'msg_1'
  const session = { nonce: 'n1', sessionId: 's', directory, opencodeId: 'o', model, slot: world.slot }
  const move = { from: ONE, to: { phase: 'TWO', attempt: 1, label: 'L', visits: 1 }, label: 'L', consume: 'x' }
  const failure = { kind: 'k', code: 'c', message: 'm' }
  const settlement = { how: 'lost' as const, text: '', finish: null, error: null, tokens: null, cost: null, tools: [] }
  const opened = { type: 'file.edited' as const, data: { file: 'x' } }
  const request = { messageId: turnId, parts: [], model }
  return Object.entries<(fence: Fence) => Promise<unknown>>({
    startTicket: async (f) => store.startTicket(f, { ...(await world.running()), phase: 'ONE', at }),
    advance: (f) => store.advance(f, { ...move, outcome: 'done', at }),
    reattempt: (f) => store.reattempt(f, { ...move, failure, notBefore: 0, at }),
    park: (f) => store.park(f, { waitingFor: 'time', until: 5, at }),
    wake: (f) => store.wake(f, { at }),
    block: (f) =>
      store.block(f, {
        from: ONE,
        blocked: { code: 'c', message: 'm', hint: 'h', actions: [], errorId: 'e' },
        kind: 'k',
        evidence: null,
        at,
      }),
    retryTicket: (f) => store.retryTicket(f, { ...move, note: null, at }),
    continueTicket: (f) => store.continueTicket(f, { ...move, reopenPrompt: null, at }),
    cancelTicket: (f) => store.cancelTicket(f, { reason: '', consume: 'x', at }),
    takeExclusive: (f) => store.takeExclusive(f, { limit: 1, at }),
    releaseExclusive: (f) => store.releaseExclusive(f, { at }),
    beginStep: (f) => store.beginStep(f, { ...ONE, name: 's', verb: 'step', inputHash: 'h', at }),
    completeStep: (f) => store.completeStep(f, { ...ONE, name: 'approve', value: null, at }),
    completePrompt: (f) => store.completePrompt(f, { ...ONE, name: 'p', result: null, session: null, repairs: [], at }),
    spendBudget: (f) => store.spendBudget(f, { ...ONE, name: 'p', usedMs: 1 }),
    putItem: (f) => store.putItem(f, { id: 'i', patch: {}, at }),
    addPhaseNote: (f) => store.addPhaseNote(f, { phase: 'ONE', note: { kind: 'person', at, iteration: 1, text: 't' }, at }),
    saveArtifact: (f) => store.saveArtifact(f, { ...ONE, id: 'a', kind: 'k', content: 'c', sha256: 's', derivedFrom: [], at }),
    claimSlot: (f) => store.claimSlot(f, { ...session, prompt: { name: 'p', inputHash: 'h' }, at }),
    activateSession: (f) => store.activateSession(f, { ...session, at }),
    endSession: (f) => store.endSession(f, { nonce: 'n1', state: 'ended', reason: '', at }),
    adoptSession: (f) => store.adoptSession(f, { nonce: 'n1', at }),
    intendTurn: (f) =>
      store.intendTurn(f, { ...ONE, ...session, turnId, prompt: 'p', ordinal: 1, reason: 'first', sessionNonce: 'n1', request, at }),
    recordPost: (f) => store.recordPost(f, { turnId, restart: false, at }),
    admitTurn: (f) => store.admitTurn(f, { turnId, at }),
    markStopping: (f) => store.markStopping(f, { turnId, stopping: 'cancel', at }),
    settleTurn: (f) => store.settleTurn(f, { turnId, settlement, at }),
    turnUncertain: (f) => store.turnUncertain(f, { turnId, problem: '', evidence: null, at }),
    openGate: (f) => store.openGate(f, { ...ONE, gateId: 'g', name: 'g', inputHash: 'h', payload: null, actions: [], opened, at }),
    decideGate: (f) => store.decideGate(f, { ...ONE, gateId: 'gate_1', name: 'approve', decision: null, approves: null, consume: 'x', at }),
    openRequest: (f) =>
      store.openRequest(f, { ...ONE, id: 'q', kind: 'question', sessionId: 's', directory, payload: null, actions: [], opened, at }),
    consumeAnswers: (f) => store.consumeAnswers(f, { ids: [], at }),
    consumeCommand: (f) => store.consumeCommand(f, { actionId: 'x', at }),
    dropCommand: (f) => store.dropCommand(f, { actionId: 'x', reason: '', at }),
    appendEvents: (f) => store.appendEvents(f, { events: [opened], at }),
    deleteTicket: (f) => store.deleteTicket(f, { branch: 'none', left: [], at }),
    markTidied: (f) => store.markTidied(f, { branch: 'none', sessions: 0, at }),
  })
}
