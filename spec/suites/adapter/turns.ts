/** One turn: what is stored, what is streamed, what a re-send does. */
import * as assert from 'uvu/assert'
import { eventually, recordEvents } from '../../helpers/opencode.ts'
import type { It } from '../../helpers/suite.ts'
import { newSession, send, answers, settled, textOf, rejects, uniqueId, type Setup } from './world.ts'

export function turns(it: It, setup: Setup): void {
  it('runs a turn: the message is seen in the store, the answer hangs on its id, tokens are counted', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'text', text: 'hello world', chunks: ['hello ', 'world'] }))
    const session = await newSession(world)
    const before = world.modelRequests()
    const messageId = await send(world, session, 'say hello')
    const last = await settled(world, session, messageId)
    const own = (await world.adapter.getSessionMessages(session.id))?.find((m) => m.id === messageId)
    assert.is(own?.role, 'user')
    assert.equal(own?.parts, [{ id: `prt_${messageId}`, type: 'text', text: 'say hello', synthetic: false, ended: false }])
    assert.equal(
      { text: textOf(last), finish: last.finish, error: last.error, summary: last.summary },
      { text: 'hello world', finish: 'stop', error: undefined, summary: false },
    )
    assert.is(last.tokens?.output, 5)
    assert.is(world.modelRequests() - before, 1)
  })
  it('really runs a tool in the directory of the session and goes on with its result', async () => {
    await using world = await setup()
    world.script((turn) =>
      turn.toolResults.length === 0 ? { kind: 'write', file: 'made.txt', content: 'by the agent' } : { kind: 'text', text: 'done' },
    )
    const session = await newSession(world, [{ permission: '*', pattern: '*', action: 'allow' }])
    const messageId = await send(world, session, 'write it')
    const last = await settled(world, session, messageId)
    assert.is(textOf(last), 'done')
    const all = answers(await world.adapter.getSessionMessages(session.id), messageId)
    assert.equal(
      all.map((m) => m.finish),
      ['tool-calls', 'stop'],
    )
    const tool = all[0]?.parts.find((p) => p.type === 'tool')
    assert.ok(tool?.type === 'tool' && tool.state === 'completed' && tool.tool === 'write' && tool.callId !== '')
  })
  it('shows a running turn in the status of its own directory and of no other', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'endless' }))
    const session = await newSession(world)
    await send(world, session, 'go on')
    const status = await eventually(async () => (await world.adapter.sessionStatuses(world.directory))[session.id])
    assert.is(status.type, 'busy')
    assert.is((await world.adapter.sessionStatuses(world.elsewhere))[session.id], undefined)
    await world.adapter.abortSession(session.id, session.directory)
    assert.is((await world.adapter.sessionStatuses(world.directory))[session.id], undefined)
  })
  it('streams a text turn in the order: user, assistant, text, deltas, step, finished message, idle', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'text', text: 'ab', chunks: ['a', 'b'] }))
    const session = await newSession(world)
    await using stream = await recordEvents(world.adapter)
    const messageId = await send(world, session, 'stream')
    await stream.until((e) => e.type === 'session.status' && e.sessionId === session.id && e.status.type === 'idle')
    const mine = stream.events.filter((e) => 'sessionId' in e && e.sessionId === session.id)
    assert.ok(mine.every((e) => e.directory === world.directory))
    const at = (fits: (e: (typeof mine)[number]) => boolean): number => mine.findIndex(fits)
    const order = [
      at((e) => e.type === 'message.updated' && e.message.id === messageId),
      at((e) => e.type === 'part.updated' && e.messageId === messageId),
      at((e) => e.type === 'message.updated' && e.message.role === 'assistant' && e.message.parentId === messageId),
      at((e) => e.type === 'part.updated' && e.part.type === 'step-start'),
      at((e) => e.type === 'part.updated' && e.part.type === 'text' && e.messageId !== messageId && !e.part.ended),
      at((e) => e.type === 'part.delta'),
      at((e) => e.type === 'part.updated' && e.part.type === 'text' && e.part.ended && e.part.text === 'ab'),
      at((e) => e.type === 'part.updated' && e.part.type === 'step-finish'),
      at((e) => e.type === 'message.updated' && e.message.completedAt !== undefined && e.message.finish === 'stop'),
      at((e) => e.type === 'session.status' && e.status.type === 'idle'),
    ]
    assert.ok(
      order.every((place) => place >= 0),
      `missing: ${order.join()}`,
    )
    assert.equal(
      order,
      order.toSorted((a, b) => a - b),
    )
    assert.is(mine.map((e) => (e.type === 'part.delta' ? e.text : '')).join(''), 'ab')
  })
  it('ends a refused turn (401) with a session.error and an error without headers or bodies', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'unauthorized' }))
    const session = await newSession(world)
    await using stream = await recordEvents(world.adapter)
    const messageId = await send(world, session, 'who am I')
    const event = await stream.until((e) => e.type === 'session.error' && e.sessionId === session.id)
    const last = await settled(world, session, messageId)
    assert.equal(
      { name: last.error?.name, status: last.error?.statusCode, finish: last.finish },
      { name: 'APIError', status: 401, finish: undefined },
    )
    assert.ok(event.type === 'session.error' && event.error.name === 'APIError')
    assert.equal(Object.keys(last.error ?? {}).toSorted(), ['message', 'name', 'retryable', 'statusCode'])
  })
  it('leaves a prompt for an unknown model stored and unanswered', async () => {
    await using world = await setup()
    const session = await newSession(world)
    await using stream = await recordEvents(world.adapter)
    const messageId = uniqueId('msg')
    await world.adapter.promptSession(session.id, session.directory, {
      messageId,
      parts: [{ id: `prt_${messageId}`, type: 'text', text: 'x' }],
      model: { ...world.model, model: 'none' },
    })
    await stream.until((e) => e.type === 'session.error' && e.sessionId === session.id)
    assert.equal(
      (await world.adapter.getSessionMessages(session.id))?.map((m) => m.id),
      [messageId],
    )
    assert.equal(await world.adapter.sessionStatuses(world.directory), {})
  })
}

export function resends(it: It, setup: Setup): void {
  it('takes a finished message again without a new turn, and one that failed runs again', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'unauthorized' }))
    const session = await newSession(world)
    const messageId = await send(world, session, 'same')
    await settled(world, session, messageId)
    world.script(() => ({ kind: 'text', text: 'second' }))
    await send(world, session, 'same', messageId)
    await eventually(async () => answers(await world.adapter.getSessionMessages(session.id), messageId).length === 2)
    assert.is(textOf(await settled(world, session, messageId)), 'second')
    const before = world.modelRequests()
    await send(world, session, 'same', messageId)
    // Its own answer to the next message proves that nothing was still to come for the first.
    const next = await send(world, session, 'next')
    await settled(world, session, next)
    const messages = await world.adapter.getSessionMessages(session.id)
    assert.is(answers(messages, messageId).length, 2)
    assert.is(messages?.find((m) => m.id === messageId)?.parts.length, 1)
    assert.is(world.modelRequests() - before, 1)
  })
  it('answers once for an id that sorts after its own ids', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'text', text: 'once' }))
    const session = await newSession(world)
    const before = world.modelRequests()
    const messageId = await send(world, session, 'late id', uniqueId('msg_zzzz'))
    await settled(world, session, messageId)
    assert.is(world.modelRequests() - before, 1)
  })
  it('refuses a message id of another form, and one that another session has', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'text', text: 'ok' }))
    const [one, two] = [await newSession(world), await newSession(world)]
    await rejects('OPENCODE_REFUSED', () => send(world, one, 'x', 'turn_1'))
    const messageId = await send(world, one, 'x')
    await settled(world, one, messageId)
    await world.adapter
      .promptSession(two.id, two.directory, { messageId, parts: [{ id: uniqueId('prt'), type: 'text', text: 'y' }], model: world.model })
      .catch(() => undefined)
    assert.is(answers(await world.adapter.getSessionMessages(two.id), messageId).length, 0)
  })
}
