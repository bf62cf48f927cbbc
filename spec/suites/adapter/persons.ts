/** What waits for a person, and what a person ends. */
import * as assert from 'uvu/assert'
import type { RemoteMessage, RemoteSession } from '../../../core/opencode/adapter.ts'
import { eventually, recordEvents } from '../../helpers/opencode.ts'
import type { It } from '../../helpers/suite.ts'
import { newSession, send, answers, settled, textOf, rejects, type Setup, type AdapterWorld, type Question } from './world.ts'

const COLOUR: Question = {
  header: 'Colour',
  question: 'Which colour?',
  options: [
    { label: 'Red', description: 'warm' },
    { label: 'Blue', description: 'cold' },
  ],
}

const asked = async (world: AdapterWorld): Promise<{ session: RemoteSession; messageId: string; requestId: string }> => {
  world.script((turn) =>
    turn.toolResults.length === 0 ? { kind: 'question', questions: [COLOUR] } : { kind: 'text', text: turn.toolResults.join() },
  )
  const session = await newSession(world)
  const messageId = await send(world, session, 'ask me')
  const [question] = await eventually(async () => {
    const list = (await world.adapter.listPendingQuestions(world.directory)).filter((q) => q.sessionId === session.id)
    return list.length > 0 && list
  })
  assert.equal(question?.questions, [{ ...COLOUR, multiple: false, custom: true }])
  return { session, messageId, requestId: question?.requestId ?? '' }
}

export function persons(it: It, setup: Setup): void {
  it('lists a question in its own directory only, takes one answer, and the model gets it', async () => {
    await using world = await setup()
    await using stream = await recordEvents(world.adapter)
    const { session, messageId, requestId } = await asked(world)
    assert.equal(
      (await world.adapter.listPendingQuestions(world.elsewhere)).filter((q) => q.requestId === requestId),
      [],
    )
    await rejects('OPENCODE_NOT_FOUND', () => world.adapter.replyQuestion(requestId, world.elsewhere, [['Blue']]))
    await world.adapter.replyQuestion(requestId, world.directory, [['Blue']])
    await rejects('OPENCODE_NOT_FOUND', () => world.adapter.replyQuestion(requestId, world.directory, [['Red']]))
    assert.match(textOf(await settled(world, session, messageId)), /Blue/)
    const event = await stream.until((e) => e.type === 'question.replied')
    assert.ok(event.type === 'question.replied' && event.requestId === requestId)
    assert.equal(event.answers, [['Blue']])
    assert.ok(stream.events.some((e) => e.type === 'question.asked' && e.question.requestId === requestId))
  })
  it('ends the turn at a rejected question: finish tool-calls, no error', async () => {
    await using world = await setup()
    const { session, messageId, requestId } = await asked(world)
    await world.adapter.rejectQuestion(requestId, world.directory)
    const last = await settled(world, session, messageId)
    assert.equal({ finish: last.finish, error: last.error }, { finish: 'tool-calls', error: undefined })
    await rejects('OPENCODE_NOT_FOUND', () => world.adapter.rejectQuestion(requestId, world.directory))
  })
  it('asks for a permission, goes on when it is given, and ends the turn when it is not', async () => {
    await using world = await setup()
    world.script((turn) => (turn.toolResults.length === 0 ? { kind: 'permission' } : { kind: 'text', text: 'went on' }))
    for (const reply of ['once', 'reject'] as const) {
      const session = await newSession(world)
      const messageId = await send(world, session, 'may I')
      const [permission] = await eventually(async () => {
        const list = (await world.adapter.listPendingPermissions(world.directory)).filter((p) => p.sessionId === session.id)
        return list.length > 0 && list
      })
      assert.is(permission?.permission, 'external_directory')
      await world.adapter.replyPermission(permission?.requestId ?? '', world.directory, reply)
      assert.is((await settled(world, session, messageId)).finish, reply === 'once' ? 'stop' : 'tool-calls')
      await rejects('OPENCODE_NOT_FOUND', () => world.adapter.replyPermission(permission?.requestId ?? '', world.directory, reply))
    }
  })
  it('keeps the question of an aborted turn listed as a ghost, and takes an answer to it without effect', async () => {
    await using world = await setup()
    const { session, messageId, requestId } = await asked(world)
    await world.adapter.abortSession(session.id, session.directory)
    assert.is((await settled(world, session, messageId)).error?.name, 'MessageAbortedError')
    assert.ok((await world.adapter.listPendingQuestions(world.directory)).some((q) => q.requestId === requestId))
    await world.adapter.replyQuestion(requestId, world.directory, [['Red']])
    assert.is(answers(await world.adapter.getSessionMessages(session.id), messageId).length, 1)
  })
}

export function aborts(it: It, setup: Setup): void {
  it('aborts in mid-text: an aborted error, the partial text kept, and the next prompt works', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'endless' }))
    const session = await newSession(world)
    await using stream = await recordEvents(world.adapter)
    const messageId = await send(world, session, 'talk')
    await stream.until((e) => e.type === 'part.delta' && e.sessionId === session.id)
    const open = answers(await world.adapter.getSessionMessages(session.id), messageId).at(-1)
    assert.is(textOf(open as RemoteMessage), '', 'streamed text is stored at the end of its part')
    await world.adapter.abortSession(session.id, session.directory)
    const last = await settled(world, session, messageId)
    assert.is(last.error?.name, 'MessageAbortedError')
    assert.match(textOf(last), /^partial/)
    world.script(() => ({ kind: 'text', text: 'again' }))
    const next = await send(world, session, 'again')
    assert.is(textOf(await settled(world, session, next)), 'again')
  })
  it('aborts in a retry wait: completed, without error and without finish', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'rate_limit', waitMs: 60_000 }))
    const session = await newSession(world)
    const messageId = await send(world, session, 'patience')
    const status = await eventually(async () => {
      const seen = (await world.adapter.sessionStatuses(world.directory))[session.id]
      return seen?.type === 'retry' && seen
    })
    assert.is(status.attempt, 1)
    assert.ok(status.next > Date.now() + 30_000)
    await world.adapter.abortSession(session.id, session.directory)
    const last = await settled(world, session, messageId)
    assert.equal({ error: last.error, finish: last.finish }, { error: undefined, finish: undefined })
  })
  it('takes an abort of an idle and of an unknown session', async () => {
    await using world = await setup()
    const session = await newSession(world)
    await world.adapter.abortSession(session.id, session.directory)
    await world.adapter.abortSession('ses_unknown', world.directory)
  })
}
