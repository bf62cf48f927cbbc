/**
 * One stateful model of an OpenCode server, known only to the factory and to specs. Every behaviour here was seen on the
 * real one; the shared adapter suite keeps it honest. Its two faces are `in-process.ts` and `handler.ts`.
 */
import type { Chance, Clock } from '../../ports.ts'
import { exampleBrain, type FakeBrain, type FakeTurn } from './brain.ts'
import {
  badRequest,
  createFakeState,
  createSession,
  FakeHttpError,
  notFound,
  resolveDirectory,
  type Answer,
  type FakeMessage,
  type FakeSession,
  type FakeState,
  type Fields,
  type Pending,
} from './fake-state.ts'
import { abortTurn, runTurn } from './fake-turn.ts'

/** What befalls the next call of an operation, instead of or around its effect. */
export type Fault =
  | { readonly kind: 'refuse'; readonly status: number; readonly body?: unknown }
  /** Never answers. `after`: but the effect happened. */
  | { readonly kind: 'hang'; readonly after?: boolean }
  /** The connection breaks. `after`: but the effect happened. */
  | { readonly kind: 'break'; readonly after?: boolean }
export type Operation =
  | 'health'
  | 'create'
  | 'get'
  | 'list'
  | 'children'
  | 'prompt'
  | 'messages'
  | 'statuses'
  | 'questions'
  | 'answer'
  | 'permissions'
  | 'abort'
  | 'delete'
  | 'dispose'
  | 'models'
  | 'events'

export interface FakePrompt {
  readonly messageID?: string
  readonly model?: { readonly providerID: string; readonly modelID: string }
  readonly variant?: string
  readonly agent?: string
  readonly parts: readonly { readonly id?: string; readonly type: string; readonly text?: string }[]
}

export interface FakeServer {
  /** Every model request so far. */
  readonly requests: readonly FakeTurn[]
  readonly version: string
  useBrain(brain: FakeBrain): void
  /** Once, at the next call of this operation. */
  failNext(operation: Operation, fault: Fault): void
  /** As kill -9: turns, questions, permissions and streams are gone, the messages stay as they are. Calls are refused. */
  crash(): void
  /** After a crash. */
  restart(): void
  /** Ends all event streams; calls go on. */
  dropStreams(): void

  /** Runs a call of the API under the faults and the crash. */
  call<T>(operation: Operation, effect: () => T | Promise<T>): Promise<T>
  subscribe(take: (frame: string | null) => void): () => void
  createSession(directory: string, body: Fields): Fields
  session(id: string): Fields
  sessions(): readonly Fields[]
  children(id: string): readonly Fields[]
  messages(id: string, limit?: number): readonly FakeMessage[]
  prompt(id: string, prompt: FakePrompt): void
  statuses(directory: string): Fields
  pending(kind: 'questions' | 'permissions', directory: string): readonly Fields[]
  answer(kind: 'questions' | 'permissions', where: { id: string; directory: string }, answer: Answer): void
  abort(id: string): Promise<void>
  remove(id: string): Promise<void>
  dispose(directory: string): Promise<void>
  catalogue(): Fields
}

export interface FakeServerOptions {
  readonly clock: Clock
  readonly chance: Chance
  readonly brain?: FakeBrain | undefined
}

export function createFakeServer({ clock, chance, brain = exampleBrain }: FakeServerOptions): FakeServer {
  const state = createFakeState(clock, chance)
  const requests: FakeTurn[] = []
  const mind = { brain, requests }
  const faults = createFaults()
  const must = (id: string): FakeSession => {
    const session = state.sessions.get(id)
    if (session === undefined) throw notFound(`Session not found: ${id}`)
    return session
  }
  return {
    requests,
    version: '1.18.33',
    useBrain: (next) => void (mind.brain = next),
    failNext: faults.failNext,
    crash: () => crash(state, faults),
    restart: () => void (faults.down = false),
    dropStreams: () => state.endStreams(),
    call: (operation, work) => faults.call(operation, work),
    subscribe: (take) => state.subscribe(take),
    createSession: (directory, body) => createSession(state, resolveDirectory(directory), body).info,
    session: (id) => must(id).info,
    sessions: () => [...state.sessions.values()].map((s) => s.info).toReversed(),
    children: (id) => [...state.sessions.values()].filter((s) => s.info['parentID'] === must(id).id).map((s) => s.info),
    messages: (id, limit) => must(id).messages.slice(limit === undefined ? 0 : -limit),
    prompt: (id, prompt) => takePrompt({ state, mind, session: must(id), prompt }),
    statuses: (directory) =>
      Object.fromEntries([...state.statuses].filter(([id]) => state.sessions.get(id)?.directory === resolveDirectory(directory))),
    pending: (kind, directory) => [...state[kind].values()].filter((p) => p.directory === resolveDirectory(directory)).map((p) => p.record),
    answer: (kind, where, answer) => answerPending(state, { kind, ...where }, answer),
    abort: (id) => abortTurn(state, id),
    remove: async (id) => removeSession(state, must(id)),
    dispose: (directory) => disposeDirectory(state, resolveDirectory(directory)),
    catalogue,
  }
}

// ------------------------------------------------------------------------------------------------- sessions

/** An open question of a deleted session stays listed. */
async function removeSession(state: FakeState, session: FakeSession): Promise<void> {
  state.sessions.delete(session.id)
  session.turn?.abort.abort()
  await session.turn?.done
  state.emit(session.directory, 'session.deleted', { sessionID: session.id, info: session.info })
}

async function disposeDirectory(state: FakeState, directory: string): Promise<void> {
  for (const session of [...state.sessions.values()])
    if (session.directory === directory && session.turn) await abortTurn(state, session.id)
  state.emit(directory, 'server.instance.disposed', { directory })
}

/** Nothing is repaired: an unfinished message stays unfinished, a running tool running. */
function crash(state: FakeState, faults: { down: boolean }): void {
  faults.down = true
  for (const session of state.sessions.values()) {
    session.turn?.abort.abort('crash')
    session.turn = null
  }
  for (const map of [state.statuses, state.questions, state.permissions]) map.clear()
  state.endStreams()
}

// -------------------------------------------------------------------------------------------------- prompts

interface Taken {
  readonly state: FakeState
  readonly mind: { brain: FakeBrain; readonly requests: FakeTurn[] }
  readonly session: FakeSession
  readonly prompt: FakePrompt
}

/** The message id is an upsert key: known parts are overwritten, the turn runs again unless the newest is answered. */
function takePrompt(taken: Taken): void {
  const { state, session, prompt } = taken
  const id = prompt.messageID ?? state.newId('msg')
  if (!id.startsWith('msg')) throw badRequest('Expected a string starting with "msg"')
  const elsewhere = [...state.sessions.values()].some((s) => s !== session && s.messages.some((m) => m.info.id === id))
  if (elsewhere) throw new FakeHttpError(500, { name: 'UnknownError', data: { message: 'Unexpected server error', ref: 'err_fake' } })
  const model = prompt.model ?? { providerID: 'fake', modelID: 'm1' }
  const known = session.messages.find((m) => m.info.id === id)
  const later = session.messages.findLast((m) => m.info.role === 'user')?.info.id !== id
  const message = known ?? {
    info: {
      id,
      sessionID: session.id,
      role: 'user' as const,
      time: { created: state.clock.now() },
      agent: prompt.agent ?? 'build',
      model: { ...model, variant: prompt.variant },
    },
    parts: [],
  }
  if (known === undefined) session.messages.push(message)
  state.emit(session.directory, 'message.updated', { sessionID: session.id, info: message.info })
  for (const given of prompt.parts) upsertPart(state, { session, message }, given)
  // Unknown model: stored, an error said twice, no answer and no status. Looks like "never started".
  if (!isOffered(model)) {
    const error = { name: 'UnknownError', data: { message: `Model not found: ${model.providerID}/${model.modelID}.` } }
    for (let i = 0; i < 2; i++) state.emit(session.directory, 'session.error', { sessionID: session.id, error })
    return
  }
  if (session.turn === null) runTurn({ state, mind: taken.mind, session, force: known !== undefined && later })
}

function upsertPart(state: FakeState, at: { session: FakeSession; message: FakeMessage }, given: FakePrompt['parts'][number]): void {
  const { session, message } = at
  const part: Fields = { ...given, id: given.id ?? state.newId('prt'), sessionID: session.id, messageID: message.info.id }
  const index = message.parts.findIndex((p) => p['id'] === part['id'])
  if (index >= 0) message.parts[index] = part
  else message.parts.push(part)
  state.emit(session.directory, 'message.part.updated', { sessionID: session.id, part })
}

// ---------------------------------------------------------------------------------- questions and permissions

type Where = { readonly kind: 'questions' | 'permissions'; readonly id: string; readonly directory: string }

/** Not validated against the options; scoped to the directory; each answered once; a ghost takes an answer without effect. */
function answerPending(state: FakeState, { kind, id, directory }: Where, answer: Answer): void {
  const question = kind === 'questions'
  if (!id.startsWith(question ? 'que' : 'per')) throw badRequest(`Expected a string starting with "${question ? 'que' : 'per'}"`)
  const pending: Pending | undefined = state[kind].get(id)
  if (pending === undefined || pending.directory !== resolveDirectory(directory)) {
    throw new FakeHttpError(404, {
      _tag: `${question ? 'Question' : 'Permission'}NotFoundError`,
      requestID: id,
      message: `Not found: ${id}`,
    })
  }
  state[kind].delete(id)
  const ids = { sessionID: pending.record['sessionID'], requestID: id }
  if (answer.kind === 'answers') state.emit(pending.directory, 'question.replied', { ...ids, answers: answer.answers })
  if (answer.kind === 'rejected') state.emit(pending.directory, 'question.rejected', ids)
  if (answer.kind === 'reply') state.emit(pending.directory, 'permission.replied', { ...ids, reply: answer.reply })
  pending.settle?.(answer)
}

// --------------------------------------------------------------------------------------------------- models

const MODELS = ['m1', 'm2', 'm3']
const isOffered = (model: { providerID: string; modelID: string }): boolean =>
  ['fake', 'scripted'].includes(model.providerID) && MODELS.includes(model.modelID)

/** As `/config/providers`, key and all: what reads it has to drop it. */
function catalogue(): Fields {
  const models = Object.fromEntries(
    MODELS.map((id) => [id, { id, name: `Fake ${id}`, limit: { context: 200_000, output: 32_000 }, variants: {} }]),
  )
  const providers = ['fake', 'scripted'].map((id) => ({
    id,
    name: id,
    source: 'config',
    env: [],
    options: { apiKey: 'fake-secret-key' },
    models,
  }))
  return { providers, default: { fake: 'm1', scripted: 'm1' } }
}

// --------------------------------------------------------------------------------------------------- faults

const never = (): Promise<never> => new Promise(() => undefined)
const broken = (code: string): TypeError => new TypeError('fetch failed', { cause: Object.assign(new TypeError(code), { code }) })

function createFaults() {
  const planned = new Map<Operation, Fault[]>()
  const faults = {
    down: false,
    failNext: (operation: Operation, fault: Fault): void => void planned.set(operation, [...(planned.get(operation) ?? []), fault]),
    async call<T>(operation: Operation, effect: () => T | Promise<T>): Promise<T> {
      if (faults.down) throw broken('ECONNREFUSED')
      const fault = planned.get(operation)?.shift()
      if (fault === undefined) return structuredClone(await effect())
      if (fault.kind === 'refuse')
        throw new FakeHttpError(fault.status, fault.body ?? { name: 'UnknownError', data: { message: 'planned' } })
      if (fault.after) await effect()
      if (fault.kind === 'hang') return never()
      throw broken('ECONNRESET')
    },
  }
  return faults
}
