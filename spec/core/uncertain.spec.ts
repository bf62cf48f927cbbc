/** A turn of which nobody can tell what became: a person decides, and the ticket goes on. */
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { lastExample } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { StoreOpener } from '../../core/store/app-store.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import type { Kill } from '../crash/killing-store.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { codeOf } from '../suites/store/home.ts'
import { probeWorld, probing } from './probing.ts'

const Said = v.object({ said: v.string() })
const saying = probing(async (phase) => {
  const output = { schema: Said, format: 'json', tag: 'SAID', example: { said: 'something' } } as const
  const turned = await phase.prompt('say', { output })
  return phase.done(turned.ok ? turned.value : { failed: turned.error.kind })
})

/** The first answer begins and does not end; every other is whole. */
const brain = (): FakeBrain => {
  let asked = 0
  return ({ text }) => {
    asked += 1
    const answer = { type: 'text' as const, text: lastExample(text) ?? '' }
    return asked === 1 ? [answer, { type: 'hang' }] : [answer]
  }
}

/** Another client writes into the session, then OpenCode dies: our answer is unfinished, and its place in the session is taken. */
async function uncertainTicket(kill: Kill | null = null) {
  let opened = 0
  const stores = (opener: StoreOpener): StoreOpener => ({
    openApp: (url) => opener.openApp(url),
    openProject: async (url, identity) => killingStore(await opener.openProject(url, identity), opened++ === 0 ? kill : null).store,
  })
  const world = await probeWorld(saying, { brain: brain(), stores })
  const server = world.fake?.server
  if (!server) throw new TypeError('there is a fake')
  const { id: ticketId } = await world.start('Say it', 'probe')
  await world.kernel.tick()
  await until(() => server.requests.length === 1)
  const { sessionId } = server.requests[0] ?? { sessionId: '' }
  await until(() => server.messages(sessionId).some((m) => JSON.stringify(m.parts).includes('something')))
  server.prompt(sessionId, { messageID: 'msg_foreign', parts: [{ type: 'text', text: 'Somebody else was here.' }] })
  server.crash()
  server.restart()
  await world.kernel.idle()
  const [turn] = await world.kernel.tickets.turns(ticketId)
  return { world, server, ticketId, turnId: turn?.turnId ?? '', sessionId }
}

describe('an uncertain turn', (it) => {
  it('blocks its ticket with the evidence, and is in the inbox', async () => {
    const { world, ticketId, turnId } = await uncertainTicket()
    await using _ = world
    const { status, blocked } = await world.kernel.tickets.get(ticketId)
    assert.equal([status, blocked?.code, blocked?.actions], ['blocked', 'TURN_UNCERTAIN', ['resolve_turn', 'retry', 'cancel']])
    const kinds = (await world.kernel.inbox.list({ ticketId })).items.map((entry) => [entry.kind, entry.id])
    assert.ok(kinds.some(([kind, id]) => kind === 'uncertain_turn' && id === turnId))
  })

  it('resend: the same request is another turn, in a session that nobody disturbed; the old one is stopped', async () => {
    const { world, server, ticketId, turnId, sessionId } = await uncertainTicket()
    await using _ = world
    await world.kernel.tickets.resolveTurn({ ticketId, turnId, as: 'resend', actionId: 'a1' })
    await world.drive()
    assert.is((await world.kernel.tickets.get(ticketId)).status, 'completed')
    const turns = await world.kernel.tickets.turns(ticketId)
    assert.equal(
      turns.map((t) => [t.reason, t.how, t.posts, t.sessionId === sessionId]),
      [
        ['first', 'resent', 1, true],
        ['resend', 'finished', 1, false],
      ],
    )
    assert.is(server.requests[1]?.text, server.requests[0]?.text)
    assert.equal((await world.kernel.inbox.list({ ticketId })).items, [])
    const sessions = await world.kernel.tickets.sessions(ticketId)
    assert.equal(
      sessions.map((s) => [s.state, s.reason]),
      [
        ['abandoned', 'a person chose resend'],
        ['ended', 'answered'],
      ],
    )
  })

  it('adopt: what there is of the answer counts', async () => {
    const { world, server, ticketId, turnId } = await uncertainTicket()
    await using _ = world
    await world.kernel.tickets.resolveTurn({ ticketId, turnId, as: 'adopt', actionId: 'a1' })
    await world.drive()
    assert.equal([(await world.kernel.tickets.get(ticketId)).status, server.requests.length], ['completed', 1])
    assert.equal(
      (await world.kernel.tickets.turns(ticketId)).map((t) => [t.how, t.text?.includes('something')]),
      [['finished', true]],
    )
  })

  it('adopt is refused with the reason while there is nothing to adopt', async () => {
    const { world, server, ticketId, turnId, sessionId } = await uncertainTicket()
    await using _ = world
    await server.remove(sessionId)
    assert.is(await codeOf(world.kernel.tickets.resolveTurn({ ticketId, turnId, as: 'adopt', actionId: 'a1' })), 'TURN_NOT_ADOPTABLE')
    assert.is((await world.kernel.tickets.get(ticketId)).status, 'blocked')
  })

  it('abandon: the turn is lost, and the rules of the phase say what follows', async () => {
    const { world, ticketId, turnId } = await uncertainTicket()
    await using _ = world
    await world.kernel.tickets.resolveTurn({ ticketId, turnId, as: 'abandon', actionId: 'a1' })
    await world.drive()
    assert.is((await world.kernel.tickets.get(ticketId)).status, 'completed')
    assert.equal(
      (await world.kernel.tickets.turns(ticketId)).map((t) => t.how),
      ['lost'],
    )
  })

  for (const when of ['before', 'after'] as const)
    it(`killed ${when} the decision is stored: the next process carries it out, once`, async () => {
      const { world, server, ticketId, turnId } = await uncertainTicket({ verb: 'resolveTurn', when, nth: 1 })
      await using _ = world
      await codeOf(world.kernel.tickets.resolveTurn({ ticketId, turnId, as: 'resend', actionId: 'a1' }))
      await world.kernel.stop().catch((error: unknown) => assert.ok(isCrash(error), String(error)))
      await world.reopen(60_000)
      await world.drive()
      assert.equal([(await world.kernel.tickets.get(ticketId)).status, server.requests.length], ['completed', 2])
      assert.equal(
        (await world.kernel.tickets.turns(ticketId)).map((t) => [t.how, t.posts]),
        [
          ['resent', 1],
          ['finished', 1],
        ],
      )
    })

  it('is resolved once: a second decision finds it settled', async () => {
    const { world, ticketId, turnId } = await uncertainTicket()
    await using _ = world
    assert.is(await codeOf(world.kernel.tickets.resolveTurn({ ticketId, turnId: 'msg_other', as: 'abandon' })), 'INVALID_INPUT')
    const resolve = (as: 'abandon' | 'resend', actionId: string) => world.kernel.tickets.resolveTurn({ ticketId, turnId, as, actionId })
    await resolve('abandon', 'a1')
    await resolve('abandon', 'a1')
    assert.is(await codeOf(resolve('resend', 'a2')), 'TICKET_WRONG_STATUS')
    await world.drive()
    assert.is((await world.kernel.tickets.turns(ticketId)).length, 1)
  })
})
