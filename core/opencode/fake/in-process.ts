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
  const specOf = ({ operation, what, call }: Asked): CallSpec => ({
    baseUrl: BASE_URL,
    clock,
    operation,
    ...(what === undefined ? {} : { what }),
    options: call,
  })
  const ask: Ask = (asked, effect) => callOpencode(specOf(asked), () => answerOf(server, asked.operation, effect))
  const askOrNull: Ask = (asked, effect) => callOrNull(specOf(asked), () => answerOf(server, asked.operation, effect))
  return {
    opencodeId,
    baseUrl: BASE_URL,
    mode: 'mock',
    ...sessionCalls(server, ask, askOrNull),
    ...personCalls(server, ask),
    listModels: async (call) => readCatalogue(await ask({ operation: 'models', call }, () => server.catalogue())),
    async checkHealth(call) {
      try {
        await ask({ operation: 'health', call }, () => null)
        return { reachable: true, version: server.version }
      } catch (error) {
        return { reachable: false, message: messageOf(error), code: failureOf(specOf({ operation: 'health', call }), { error }).code }
      }
    },
    subscribeToEvents: ({ signal }) => readFrames(server, specOf({ operation: 'events', call: { signal } }), closing.signal),
    assembleBeadContext,
    assembleCouncilContext,
    close: () => Promise.resolve(closing.abort()),
  }
}

interface Asked {
  readonly operation: Operation
  readonly call: CallOptions | undefined
  /** What a 404 is about. */
  readonly what?: string
}
type Ask = (asked: Asked, effect: () => unknown) => Promise<unknown>

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
      return one(await ask({ operation: 'create', call }, () => server.createSession(directory, { title, metadata, permission: rules })))
    },
    async getSession(id, call) {
      const raw = await askOrNull({ operation: 'get', call, what: id }, () => server.session(id))
      return raw === null ? null : one(raw)
    },
    listSessions: async (call) =>
      readAll(await ask({ operation: 'list', call }, () => server.sessions().slice(0, call?.limit ?? 1_000)), readSession),
    childSessions: async (id, call) =>
      readAll(await ask({ operation: 'children', call, what: id }, () => server.children(id)), readSession),
    async promptSession(id, _directory, request, call) {
      const { provider, model, variant, agent } = request.model
      const prompt = { messageID: request.messageId, parts: request.parts, model: { providerID: provider, modelID: model } }
      const more = { ...(variant === undefined ? {} : { variant }), ...(agent === undefined ? {} : { agent }) }
      await ask({ operation: 'prompt', call, what: id }, () => server.prompt(id, { ...prompt, ...more }))
    },
    async getSessionMessages(id, call) {
      const raw = await askOrNull({ operation: 'messages', call, what: id }, () => server.messages(id, call?.limit))
      return raw === null ? null : readAll(raw, readMessage)
    },
    sessionStatuses: async (directory, call) => readStatuses(await ask({ operation: 'statuses', call }, () => server.statuses(directory))),
    async abortSession(id, _directory, call) {
      await ask({ operation: 'abort', call }, () => server.abort(id))
    },
    async deleteSession(id, call) {
      await askOrNull({ operation: 'delete', call, what: id }, () => server.remove(id))
    },
    async disposeDirectory(directory, call) {
      await ask({ operation: 'dispose', call }, () => server.dispose(directory))
    },
  } satisfies Partial<OpencodeAdapter>
}

function personCalls(server: FakeServer, ask: Ask) {
  return {
    listPendingQuestions: async (directory, call) =>
      readAll(await ask({ operation: 'questions', call }, () => server.pending('questions', directory)), readQuestion),
    async replyQuestion(id, directory, answers, call) {
      await ask({ operation: 'answer', call, what: id }, () => server.answer('questions', { id, directory }, { kind: 'answers', answers }))
    },
    async rejectQuestion(id, directory, call) {
      await ask({ operation: 'answer', call, what: id }, () => server.answer('questions', { id, directory }, { kind: 'rejected' }))
    },
    listPendingPermissions: async (directory, call) =>
      readAll(await ask({ operation: 'permissions', call }, () => server.pending('permissions', directory)), readPermission),
    async replyPermission(id, directory, reply, call) {
      const message = call?.message === undefined ? {} : { message: call.message }
      await ask({ operation: 'answer', call, what: id }, () =>
        server.answer('permissions', { id, directory }, { kind: 'reply', reply, ...message }),
      )
    },
  } satisfies Partial<OpencodeAdapter>
}

async function* readFrames(server: FakeServer, spec: CallSpec, closing: AbortSignal): AsyncGenerator<readonly OpencodeEvent[], void> {
  const queue: (string | null)[] = []
  let wake: (() => void) | undefined
  const push = (frame: string | null): void => {
    queue.push(frame)
    wake?.()
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
      if (reading !== null && 'event' in reading) yield [reading.event]
      if (frame === undefined) await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    leave()
    for (const signal of signals) signal.removeEventListener('abort', end)
  }
}
