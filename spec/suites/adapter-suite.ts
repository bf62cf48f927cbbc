/**
 * What every OpenCode adapter must do. Runs on the real server through the SDK, on the fake through the SDK, and on the
 * fake in this process: that the three agree is what makes the fake trustworthy.
 */
import * as assert from 'uvu/assert'
import type { OpencodeAdapter, RemoteMessage, RemoteSession } from '../../core/opencode/adapter.ts'
import { LoopTroopError } from '../../core/errors.ts'
import type { PermissionRule } from '../../plugins/contract.ts'
import { eventually, recordEvents } from '../helpers/opencode.ts'
import { describe, type It } from '../helpers/suite.ts'

/** What the model does at one request, in words that both a scripted model and the fake's brain understand. */
export type Say =
  | { readonly kind: 'text'; readonly text: string; readonly chunks?: readonly string[] }
  /** Says "partial" and no more. */
  | { readonly kind: 'endless' }
  /** Writes the file in the session's directory. */
  | { readonly kind: 'write'; readonly file: string; readonly content: string }
  | { readonly kind: 'question'; readonly questions: readonly Question[] }
  /** Uses something that is asked for by default. */
  | { readonly kind: 'permission' }
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'rate_limit'; readonly waitMs: number }
export interface Question {
  readonly header: string
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
}
export type SuiteScript = (turn: { readonly text: string; readonly toolResults: readonly string[] }) => Say

export interface AdapterWorld extends AsyncDisposable {
  readonly adapter: OpencodeAdapter
  /** Two folders, real paths. */
  readonly directory: string
  readonly elsewhere: string
  readonly model: { readonly provider: string; readonly model: string }
  /** From now on. */
  script(script: SuiteScript): void
  modelRequests(): number
  /** A server address that refuses, for the failures of a call; null where there is no network. */
  readonly secret: string
}
export interface AdapterSuite {
  readonly setup: () => Promise<AdapterWorld>
  /** Runs as the last test. */
  readonly finish?: () => Promise<void>
}

export function adapterSuite(name: string, { setup, finish }: AdapterSuite): void {
  describe(name, (it) => {
    sessions(it, setup)
    turns(it, setup)
    resends(it, setup)
    persons(it, setup)
    aborts(it, setup)
    server(it, setup)
    if (finish) it('leaves nothing behind', finish)
  })
}

type Setup = () => Promise<AdapterWorld>
let counter = 0
const uniqueId = (prefix: string): string => `${prefix}_${Date.now().toString(36)}${(counter++).toString(36)}x`

async function newSession(world: AdapterWorld, rules: readonly PermissionRule[] = []): Promise<RemoteSession> {
  return world.adapter.createSession({ directory: world.directory, title: 'suite', metadata: { nonce: 'n1' }, rules })
}
async function send(world: AdapterWorld, session: RemoteSession, text: string, messageId = uniqueId('msg')): Promise<string> {
  const parts = [{ id: `prt_${messageId}`, type: 'text' as const, text }]
  await world.adapter.promptSession(session.id, session.directory, { messageId, parts, model: world.model })
  return messageId
}
const answers = (messages: readonly RemoteMessage[] | null, messageId: string): readonly RemoteMessage[] =>
  (messages ?? []).filter((m) => m.role === 'assistant' && m.parentId === messageId)

/** Ended as the messages and the status say it. */
async function settled(world: AdapterWorld, session: RemoteSession, messageId: string): Promise<RemoteMessage> {
  return eventually(async () => {
    const last = answers(await world.adapter.getSessionMessages(session.id), messageId).at(-1)
    const running = (await world.adapter.sessionStatuses(session.directory))[session.id]
    return last?.completedAt !== undefined && running === undefined ? last : null
  })
}
const textOf = (message: RemoteMessage): string => message.parts.map((p) => (p.type === 'text' ? p.text : '')).join('')

async function rejects(code: string, work: () => Promise<unknown>): Promise<LoopTroopError> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof LoopTroopError)) throw error
    assert.is(error.code, code)
    return error
  }
  throw new Error(`expected ${code}, but it was fulfilled`)
}

function sessions(it: It, setup: Setup): void {
  it('creates a session with title, metadata and directory, and reads it back', async () => {
    await using world = await setup()
    const made = await newSession(world, [{ permission: 'bash', pattern: '*', action: 'deny' }])
    assert.match(made.id, /^ses/)
    assert.is(made.directory, world.directory)
    const read = await world.adapter.getSession(made.id)
    assert.equal({ title: read?.title, metadata: read?.metadata, parentId: read?.parentId }, { title: 'suite', metadata: { nonce: 'n1' }, parentId: undefined })
  })
  it('says null for a session it does not know, and lists those it does', async () => {
    await using world = await setup()
    const made = await newSession(world)
    assert.is(await world.adapter.getSession('ses_unknown'), null)
    assert.is(await world.adapter.getSessionMessages('ses_unknown'), null)
    await rejects('OPENCODE_NOT_FOUND', () => world.adapter.childSessions('ses_unknown'))
    assert.ok((await world.adapter.listSessions()).some((s) => s.id === made.id))
    assert.is((await world.adapter.listSessions({ limit: 1 })).length, 1)
    assert.equal(await world.adapter.childSessions(made.id), [])
  })
  it('deletes a session; a late prompt then finds nobody and asks no model', async () => {
    await using world = await setup()
    const made = await newSession(world)
    await world.adapter.deleteSession(made.id)
    await world.adapter.deleteSession(made.id)
    assert.is(await world.adapter.getSession(made.id), null)
    const before = world.modelRequests()
    await rejects('OPENCODE_NOT_FOUND', () => send(world, made, 'too late'))
    assert.is(world.modelRequests(), before)
  })
}

function turns(it: It, setup: Setup): void {
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
    assert.equal({ text: textOf(last), finish: last.finish, error: last.error, summary: last.summary }, { text: 'hello world', finish: 'stop', error: undefined, summary: false })
    assert.is(last.tokens?.output, 5)
    assert.is(world.modelRequests() - before, 1)
  })
  it('really runs a tool in the directory of the session and goes on with its result', async () => {
    await using world = await setup()
    world.script((turn) => (turn.toolResults.length === 0 ? { kind: 'write', file: 'made.txt', content: 'by the agent' } : { kind: 'text', text: 'done' }))
    const session = await newSession(world, [{ permission: '*', pattern: '*', action: 'allow' }])
    const messageId = await send(world, session, 'write it')
    const last = await settled(world, session, messageId)
    assert.is(textOf(last), 'done')
    const all = answers(await world.adapter.getSessionMessages(session.id), messageId)
    assert.equal(all.map((m) => m.finish), ['tool-calls', 'stop'])
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
    assert.ok(order.every((place) => place >= 0), `missing: ${order.join()}`)
    assert.equal(order, [...order].sort((a, b) => a - b))
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
    assert.equal({ name: last.error?.name, status: last.error?.statusCode, finish: last.finish }, { name: 'APIError', status: 401, finish: undefined })
    assert.ok(event.type === 'session.error' && event.error.name === 'APIError')
    assert.equal(Object.keys(last.error ?? {}).sort(), ['message', 'name', 'retryable', 'statusCode'])
  })
  it('leaves a prompt for an unknown model stored and unanswered', async () => {
    await using world = await setup()
    const session = await newSession(world)
    await using stream = await recordEvents(world.adapter)
    const messageId = uniqueId('msg')
    await world.adapter.promptSession(session.id, session.directory, { messageId, parts: [{ id: `prt_${messageId}`, type: 'text', text: 'x' }], model: { ...world.model, model: 'none' } })
    await stream.until((e) => e.type === 'session.error' && e.sessionId === session.id)
    assert.equal((await world.adapter.getSessionMessages(session.id))?.map((m) => m.id), [messageId])
    assert.equal(await world.adapter.sessionStatuses(world.directory), {})
  })
}

function resends(it: It, setup: Setup): void {
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
    await world.adapter.promptSession(two.id, two.directory, { messageId, parts: [{ id: uniqueId('prt'), type: 'text', text: 'y' }], model: world.model }).catch(() => undefined)
    assert.is(answers(await world.adapter.getSessionMessages(two.id), messageId).length, 0)
  })
}

const COLOUR: Question = { header: 'Colour', question: 'Which colour?', options: [{ label: 'Red', description: 'warm' }, { label: 'Blue', description: 'cold' }] }

function persons(it: It, setup: Setup): void {
  const asked = async (world: AdapterWorld): Promise<{ session: RemoteSession; messageId: string; requestId: string }> => {
    world.script((turn) => (turn.toolResults.length === 0 ? { kind: 'question', questions: [COLOUR] } : { kind: 'text', text: turn.toolResults.join() }))
    const session = await newSession(world)
    const messageId = await send(world, session, 'ask me')
    const [question] = await eventually(async () => {
      const list = (await world.adapter.listPendingQuestions(world.directory)).filter((q) => q.sessionId === session.id)
      return list.length > 0 && list
    })
    assert.equal(question?.questions, [{ ...COLOUR, multiple: false, custom: true }])
    return { session, messageId, requestId: question?.requestId ?? '' }
  }
  it('lists a question in its own directory only, takes one answer, and the model gets it', async () => {
    await using world = await setup()
    await using stream = await recordEvents(world.adapter)
    const { session, messageId, requestId } = await asked(world)
    assert.equal((await world.adapter.listPendingQuestions(world.elsewhere)).filter((q) => q.requestId === requestId), [])
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

function aborts(it: It, setup: Setup): void {
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

function server(it: It, setup: Setup): void {
  it('is healthy, with its version', async () => {
    await using world = await setup()
    const health = await world.adapter.checkHealth()
    assert.ok(health.reachable)
    assert.match(health.version ?? '', /^\d+\.\d+\.\d+/)
  })
  it('lists models without their keys', async () => {
    await using world = await setup()
    const catalogue = await world.adapter.listModels()
    assert.ok(catalogue.models.some((m) => m.provider === world.model.provider && m.model === world.model.model && m.contextTokens === 200_000))
    assert.ok(catalogue.connectedProviders.includes(world.model.provider))
    assert.not.ok(JSON.stringify(catalogue).includes(world.secret))
  })
  it('ends a call when its caller aborts, with the reason of the caller', async () => {
    await using world = await setup()
    const reason = new Error('not needed any more')
    const signal = AbortSignal.abort(reason)
    try {
      await world.adapter.listSessions({ signal })
    } catch (error) {
      assert.is(error, reason)
      return
    }
    throw new Error('it was fulfilled')
  })
  it('disposes a directory, and its sessions go on afterwards', async () => {
    await using world = await setup()
    world.script(() => ({ kind: 'text', text: 'still here' }))
    const session = await newSession(world)
    await world.adapter.disposeDirectory(world.directory)
    const messageId = await send(world, session, 'there?')
    assert.is(textOf(await settled(world, session, messageId)), 'still here')
  })
}
