/**
 * The port on a server, through OpenCode's SDK. The only file that imports it. Each method is one call: bounded, its
 * result checked, its answer normalised.
 */
import { createOpencodeClient, type OpencodeClient } from '@opencode-ai/sdk/v2'
import { assembleBeadContext, assembleCouncilContext } from '../context-builder.ts'
import { fail } from '../errors.ts'
import { systemClock, type Clock } from '../ports.ts'
import type { CallOptions, OpencodeAdapter, OpencodeEvent, PromptRequest, RemoteMessage, RemoteSession } from './adapter.ts'
import { authHeader, callOpencode, callOrNull, guardedFetch, type CallSpec, type SdkResult } from './call.ts'
import { readEvents } from './event-stream.ts'
import { checkHealth, type Credentials } from './health.ts'
import { readAll, readCatalogue, readMessage, readPermission, readQuestion, readSession, readStatuses } from './normalize.ts'

export interface SdkAdapterOptions {
  readonly baseUrl: string
  readonly opencodeId: string
  readonly mode: 'managed' | 'attached'
  readonly auth?: Credentials | undefined
  readonly clock?: Clock | undefined
  /** Default: the global one, looked up at each call. */
  readonly fetch?: typeof fetch | undefined
  /** Events of other directories are dropped unread. Default: all are read. */
  readonly directories?: ((directory: string) => boolean) | undefined
  /** What was skipped and why; nothing is thrown for it. */
  readonly onDiagnostic?: ((message: string) => void) | undefined
}

/** Creating boots the directory, which a busy machine does in seconds; a longer answer is late, not lost. */
const CREATE_TIMEOUT_MS = 15_000
/** An abort answers when the turn has ended; a tool that ignores TERM delays it. */
const ABORT_TIMEOUT_MS = 15_000
/** The whole list of providers is 6 MB and took 2.7 s. */
const CATALOGUE_TIMEOUT_MS = 15_000
const SESSIONS_LIMIT = 1_000

export function createSdkAdapter(options: SdkAdapterOptions): OpencodeAdapter {
  const server = openServer(options)
  const closing = new AbortController()
  return {
    opencodeId: options.opencodeId,
    baseUrl: options.baseUrl,
    mode: options.mode,
    ...sessionCalls(server),
    ...turnCalls(server),
    ...personCalls(server),
    listModels: async (call) =>
      readCatalogue(
        await server.ask({ operation: 'the models', call, ms: CATALOGUE_TIMEOUT_MS }, (client, to) =>
          call?.all ? client.provider.list({}, to) : client.config.providers({}, to),
        ),
      ),
    checkHealth: (call) => checkHealth(options, call),
    subscribeToEvents: ({ signal }): AsyncIterable<readonly OpencodeEvent[]> =>
      readEvents({ ...options, signal: AbortSignal.any([signal, closing.signal]) }),
    assembleBeadContext,
    assembleCouncilContext,
    close: () => Promise.resolve(closing.abort()),
  }
}

// ---------------------------------------------------------------------------------------------------- calls

interface Ask {
  readonly operation: string
  readonly what?: string
  readonly call?: CallOptions | undefined
  /** Time-out when the caller names none. */
  readonly ms?: number
}
type Send = (client: OpencodeClient, to: { readonly signal: AbortSignal }) => Promise<SdkResult>
interface Server {
  ask(ask: Ask, send: Send): Promise<unknown>
  /** Null for a 404. */
  askOrNull(ask: Ask, send: Send): Promise<unknown>
  /** An answer of the right status but the wrong shape. */
  odd(operation: string): Error
}

function openServer(options: SdkAdapterOptions): Server {
  const { baseUrl, clock = systemClock } = options
  const client = createOpencodeClient({
    baseUrl,
    headers: authHeader(options.auth),
    fetch: guardedFetch(options.fetch, baseUrl) as typeof fetch,
    redirect: 'manual',
  })
  const specOf = (ask: Ask): CallSpec => ({
    baseUrl,
    clock,
    operation: ask.operation,
    ...(ask.what === undefined ? {} : { what: ask.what }),
    options: { ...(ask.ms === undefined ? {} : { timeoutMs: ask.ms }), ...ask.call },
  })
  return {
    ask: (ask, send) => callOpencode(specOf(ask), (signal) => send(client, { signal })),
    askOrNull: (ask, send) => callOrNull(specOf(ask), (signal) => send(client, { signal })),
    odd: (operation) => fail('OPENCODE_STRANGER', { baseUrl, problem: `its answer to ${operation} has an unknown shape` }),
  }
}

type SessionCalls = Pick<
  OpencodeAdapter,
  'createSession' | 'getSession' | 'listSessions' | 'childSessions' | 'deleteSession' | 'disposeDirectory'
>

function sessionCalls(server: Server): SessionCalls {
  const session = (raw: unknown): RemoteSession => {
    const read = readSession(raw)
    if (read === undefined) throw server.odd('a session')
    return read
  }
  return {
    async createSession({ directory, title, metadata, rules }, call) {
      return session(
        await server.ask({ operation: 'a new session', call, ms: CREATE_TIMEOUT_MS }, (client, to) =>
          client.session.create({ directory, title, metadata, permission: rules.map((rule) => ({ ...rule })) }, to),
        ),
      )
    },
    async getSession(sessionID, call) {
      const raw = await server.askOrNull(about('a session', sessionID, call), (client, to) => client.session.get({ sessionID }, to))
      return raw === null ? null : session(raw)
    },
    async listSessions(call) {
      const limit = call?.limit ?? SESSIONS_LIMIT
      return readAll(
        await server.ask({ operation: 'the sessions', call }, (client, to) =>
          client.experimental.session.list({ limit, archived: true }, to),
        ),
        readSession,
      )
    },
    async childSessions(sessionID, call) {
      return readAll(
        await server.ask(about('sub-sessions', sessionID, call), (client, to) => client.session.children({ sessionID }, to)),
        readSession,
      )
    },
    /** Gone already is as good. */
    async deleteSession(sessionID, call) {
      await server.askOrNull(about('deleting', sessionID, call), (client, to) => client.session.delete({ sessionID }, to))
    },
    async disposeDirectory(directory, call) {
      await server.ask({ operation: `disposing ${directory}`, call, ms: ABORT_TIMEOUT_MS }, (client, to) =>
        client.instance.dispose({ directory }, to),
      )
    },
  }
}

type TurnCalls = Pick<OpencodeAdapter, 'promptSession' | 'getSessionMessages' | 'sessionStatuses' | 'abortSession'>

function turnCalls(server: Server): TurnCalls {
  return {
    async promptSession(sessionID, directory, request, call) {
      await server.ask({ ...about('a prompt', sessionID, call), ms: CREATE_TIMEOUT_MS }, (client, to) =>
        client.session.promptAsync({ sessionID, directory, ...promptBody(request) }, to),
      )
    },
    async getSessionMessages(sessionID, call) {
      const raw = await server.askOrNull(about('messages', sessionID, call), (client, to) =>
        client.session.messages({ sessionID, ...(call?.limit === undefined ? {} : { limit: call.limit }) }, to),
      )
      return raw === null ? null : readMessages(raw)
    },
    async sessionStatuses(directory, call) {
      return readStatuses(await server.ask({ operation: 'statuses', call }, (client, to) => client.session.status({ directory }, to)))
    },
    async abortSession(sessionID, directory, call) {
      await server.ask({ ...about('an abort', sessionID, call), ms: ABORT_TIMEOUT_MS }, (client, to) =>
        client.session.abort({ sessionID, directory }, to),
      )
    },
  }
}

/** Never `tools`: it would replace the session's rules for good. */
const promptBody = ({ messageId, parts, model }: PromptRequest) => ({
  messageID: messageId,
  model: { providerID: model.provider, modelID: model.model },
  ...(model.variant === undefined ? {} : { variant: model.variant }),
  ...(model.agent === undefined ? {} : { agent: model.agent }),
  parts: parts.map((part) => ({ ...part })),
})

/** In the order of creation; the list already is, by time and then id. */
const readMessages = (raw: unknown): readonly RemoteMessage[] => readAll(raw, readMessage)

type PersonCalls = Pick<
  OpencodeAdapter,
  'listPendingQuestions' | 'replyQuestion' | 'rejectQuestion' | 'listPendingPermissions' | 'replyPermission'
>

function personCalls(server: Server): PersonCalls {
  return {
    async listPendingQuestions(directory, call) {
      return readAll(
        await server.ask({ operation: 'open questions', call }, (client, to) => client.question.list({ directory }, to)),
        readQuestion,
      )
    },
    async replyQuestion(requestID, directory, answers, call) {
      const lists = answers.map((one) => [...one])
      await server.ask(about('an answer', requestID, call), (client, to) =>
        client.question.reply({ requestID, directory, answers: lists }, to),
      )
    },
    async rejectQuestion(requestID, directory, call) {
      await server.ask(about('a rejection', requestID, call), (client, to) => client.question.reject({ requestID, directory }, to))
    },
    async listPendingPermissions(directory, call) {
      return readAll(
        await server.ask({ operation: 'open permissions', call }, (client, to) => client.permission.list({ directory }, to)),
        readPermission,
      )
    },
    async replyPermission(requestID, directory, reply, call) {
      const message = call?.message === undefined ? {} : { message: call.message }
      await server.ask(about('a permission reply', requestID, call), (client, to) =>
        client.permission.reply({ requestID, directory, reply, ...message }, to),
      )
    },
  }
}

const about = (operation: string, id: string, call: CallOptions | undefined): Ask => ({ operation: `${operation} (${id})`, what: id, call })
