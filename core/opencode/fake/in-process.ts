/** The fake as an adapter in this process: the mock mode, and the fastest specs. Records go through the same readers. */
import { assembleBeadContext, assembleCouncilContext } from '../../context-builder.ts'
import { messageOf } from '../../errors.ts'
import type { Clock } from '../../ports.ts'
import type { CallOptions, OpencodeAdapter, OpencodeEvent, RemoteSession } from '../adapter.ts'
import { callOpencode, callOrNull, failureOf, type CallSpec, type SdkResult } from '../call.ts'
import { isSyncFrame, readFrame } from '../normalize-event.ts'
import { readAll, readCatalogue, readMessage, readPermission, readQuestion, readSession, readStatuses } from '../normalize.ts'
import { FakeHttpError } from './fake-state.ts'
import type { FakeServer, Operation } from './fake-server.ts'

const BASE_URL = 'mock://in-process'

export interface InProcessOptions {
  readonly server: FakeServer
  readonly clock: Clock
  readonly opencodeId?: string
}

export function createInProcessAdapter({ server, clock, opencodeId = 'mock' }: InProcessOptions): OpencodeAdapter {
  const closing = new AbortController()
  const specOf = (operation: string, what: string | undefined, options: CallOptions | undefined): CallSpec => ({
    baseUrl: BASE_URL, clock, operation, ...(what === undefined ? {} : { what }), options,
  })
  const ask: Ask = (operation, call, effect, what) => callOpencode(specOf(operation, what, call), () => answerOf(server, operation, effect))
  const askOrNull: Ask = (operation, call, effect, what) => callOrNull(specOf(operation, what, call), () => answerOf(server, operation, effect))
  return {
    opencodeId,
    baseUrl: BASE_URL,
    mode: 'mock',
    ...sessionCalls(server, ask, askOrNull),
    ...personCalls(server, ask),
    listModels: async (call) => readCatalogue(await ask('models', call, () => server.catalogue())),
    async checkHealth(call) {
      try {
        await ask('health', call, () => null)
        return { reachable: true, version: server.version }
      } catch (error) {
        return { reachable: false, message: messageOf(error), code: failureOf(specOf('health', undefined, call), { error }).code }
      }
    },
    subscribeToEvents: ({ signal }) => readFrames(server, specOf('events', undefined, { signal }), closing.signal),
    assembleBeadContext,
    assembleCouncilContext,
    close: () => Promise.resolve(closing.abort()),
  }
}

type Ask = (operation: Operation, call: CallOptions | undefined, effect: () => unknown, what?: string) => Promise<unknown>

async function answerOf(server: FakeServer, operation: Operation, effect: () => unknown): Promise<SdkResult> {
  try {
    return { data: await server.call(operation, effect), response: new Response(null, { status: 200 }) }
  } catch (error) {
    if (error instanceof FakeHttpError) return { error: error.body, response: new Response(null, { status: error.status }) }
    return { error }
  }
}

const one = (raw: unknown): RemoteSession => readSession(raw) as RemoteSession

function sessionCalls(server: FakeServer, ask: Ask, askOrNull: Ask) {
  return {
    async createSession({ directory, title, metadata, rules }, call) {
      return one(await ask('create', call, () => server.createSession(directory, { title, metadata, permission: rules })))
    },
    async getSession(id, call) {
      const raw = await askOrNull('get', call, () => server.session(id), id)
      return raw === null ? null : one(raw)
    },
    listSessions: async (call) => readAll(await ask('list', call, () => server.sessions().slice(0, call?.limit ?? 1_000)), readSession),
    childSessions: async (id, call) => readAll(await ask('children', call, () => server.children(id), id), readSession),
    async promptSession(id, _directory, request, call) {
      const { provider, model, variant, agent } = request.model
      const prompt = { messageID: request.messageId, parts: request.parts, model: { providerID: provider, modelID: model } }
      const more = { ...(variant === undefined ? {} : { variant }), ...(agent === undefined ? {} : { agent }) }
      await ask('prompt', call, () => server.prompt(id, { ...prompt, ...more }), id)
    },
    async getSessionMessages(id, call) {
      const raw = await askOrNull('messages', call, () => server.messages(id, call?.limit), id)
      return raw === null ? null : readAll(raw, readMessage)
    },
    sessionStatuses: async (directory, call) => readStatuses(await ask('statuses', call, () => server.statuses(directory))),
    async abortSession(id, _directory, call) {
      await ask('abort', call, () => server.abort(id))
    },
    async deleteSession(id, call) {
      await askOrNull('delete', call, () => server.remove(id), id)
    },
    async disposeDirectory(directory, call) {
      await ask('dispose', call, () => server.dispose(directory))
    },
  } satisfies Partial<OpencodeAdapter>
}

function personCalls(server: FakeServer, ask: Ask) {
  return {
    listPendingQuestions: async (directory, call) => readAll(await ask('questions', call, () => server.pending('questions', directory)), readQuestion),
    async replyQuestion(id, directory, answers, call) {
      await ask('answer', call, () => server.answer('questions', { id, directory }, { kind: 'answers', answers }), id)
    },
    async rejectQuestion(id, directory, call) {
      await ask('answer', call, () => server.answer('questions', { id, directory }, { kind: 'rejected' }), id)
    },
    listPendingPermissions: async (directory, call) =>
      readAll(await ask('permissions', call, () => server.pending('permissions', directory)), readPermission),
    async replyPermission(id, directory, reply, call) {
      const message = call?.message === undefined ? {} : { message: call.message }
      await ask('answer', call, () => server.answer('permissions', { id, directory }, { kind: 'reply', reply, ...message }), id)
    },
  } satisfies Partial<OpencodeAdapter>
}

async function* readFrames(server: FakeServer, spec: CallSpec, closing: AbortSignal): AsyncGenerator<OpencodeEvent, void> {
  const queue: (string | null)[] = []
  let wake: () => void = () => undefined
  const push = (frame: string | null): void => {
    queue.push(frame)
    wake()
  }
  const end = (): void => push(null)
  const result = await answerOf(server, 'events', () => null)
  if (result.response?.ok !== true) throw failureOf(spec, { error: result.error })
  const leave = server.subscribe(push)
  const signals = [closing, ...(spec.options?.signal ? [spec.options.signal] : [])]
  for (const signal of signals) signal.addEventListener('abort', end, { once: true })
  try {
    while (!signals.some((signal) => signal.aborted)) {
      const frame = queue.shift()
      if (frame === null) return
      const reading = frame === undefined || isSyncFrame(frame) ? null : readFrame(frame)
      if (reading !== null && 'event' in reading) yield reading.event
      if (frame === undefined) await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    leave()
    for (const signal of signals) signal.removeEventListener('abort', end)
  }
}

