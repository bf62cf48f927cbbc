/**
 * The port to OpenCode: what LoopTroop asks of a server, in LoopTroop's words. Three implementations run one shared
 * suite: the SDK adapter on a real server, the SDK adapter on an msw-backed fake, the in-process mock.
 *
 * Every call takes an AbortSignal, has a bounded time-out of its own (5 s unless told) and throws a LoopTroopError with
 * an OPENCODE_* code. Session-id routes go to the session's own directory whatever `directory` says; lists (status,
 * questions, permissions) are scoped by `directory` and answer "empty" for the wrong one, so it is never optional there.
 */
import type { ModelRef, PermissionRule, Json, PromptPart, TicketState } from '#plugins/contract'

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Milliseconds; the implementation's default otherwise. */
  readonly timeoutMs?: number
}

export interface RemoteSession {
  readonly id: string
  /** Real path, as OpenCode resolved it. */
  readonly directory: string
  readonly title: string
  readonly parentId?: string
  readonly metadata?: Readonly<Record<string, Json>>
  readonly createdAt: number
}

/** `type` values we do not use are kept as `other`, so that a new kind of part never breaks reading. */
export type RemotePart =
  | { readonly id: string; readonly type: 'text'; readonly text: string; readonly synthetic: boolean; readonly ended: boolean }
  | { readonly id: string; readonly type: 'reasoning'; readonly text: string; readonly ended: boolean }
  | ({ readonly id: string; readonly type: 'tool' } & ToolCall)
  | { readonly id: string; readonly type: 'step-start' }
  | {
      readonly id: string
      readonly type: 'step-finish'
      readonly reason: string
      readonly tokens: Tokens | null
      readonly cost: number | null
    }
  | { readonly id: string; readonly type: 'compaction' }
  | { readonly id: string; readonly type: 'other'; readonly name: string }

export interface ToolCall {
  readonly callId: string
  readonly tool: string
  /** OpenCode's own words for a tool call's progress. */
  readonly state: ToolState
  readonly title: string | null
  readonly input: Json
  /** Output when it ended well, the error text when not; while it runs what it has printed so far, of tools that tell. */
  readonly output: string | null
}
export type ToolState = 'pending' | 'running' | 'completed' | 'error'

/** Missing is null, never zero. */
export interface Tokens {
  readonly input: number
  readonly output: number
  readonly reasoning: number
  readonly cacheRead: number
  readonly cacheWrite: number
}

/** OpenCode's error object, without headers and bodies (they can hold secrets). */
export interface RemoteError {
  /** `APIError`, `MessageAbortedError`, `ProviderAuthError`, `ContextOverflowError`, `ContentFilterError`, `UnknownError` … */
  readonly name: string
  readonly message: string
  readonly statusCode?: number
  readonly retryable?: boolean
  /** Of a provider's limit: when it is lifted, epoch milliseconds, as OpenCode announced it. */
  readonly resetAt?: number
}

export interface RemoteMessage {
  readonly id: string
  readonly sessionId: string
  readonly role: 'user' | 'assistant'
  /** Of an assistant: the user message it answers. */
  readonly parentId?: string
  readonly createdAt: number
  readonly completedAt?: number
  /** `stop`, `length`, `tool-calls`, `unknown` … absent while it runs. */
  readonly finish?: string
  readonly error?: RemoteError
  /** A compaction's summary: never the answer. */
  readonly summary: boolean
  readonly tokens: Tokens | null
  readonly cost: number | null
  readonly parts: readonly RemotePart[]
}

export type RemoteStatus =
  { readonly type: 'busy' } | { readonly type: 'retry'; readonly attempt: number; readonly message: string; readonly next: number }
/** Session id → status. No entry means not running, when asked with the session's own directory. */
export type RemoteStatuses = Readonly<Record<string, RemoteStatus>>

export interface RemoteQuestion {
  readonly requestId: string
  readonly sessionId: string
  readonly questions: readonly QuestionItem[]
  readonly messageId: string | null
  readonly callId: string | null
}
export interface QuestionItem {
  readonly header: string
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
  readonly multiple: boolean
  /** May be answered in free words. OpenCode drops the flag on listing, so true unless it says false. */
  readonly custom: boolean
}
export interface RemotePermission {
  readonly requestId: string
  readonly sessionId: string
  readonly permission: string
  readonly patterns: readonly string[]
  readonly metadata: Json
}

/** The exact bytes of a turn. What is stored is what is posted, and posted again. */
export interface PromptRequest {
  /** `msg_…`, ours, unique over all sessions. An upsert key at OpenCode, not a dedupe key. */
  readonly messageId: string
  readonly parts: readonly { readonly id: string; readonly type: 'text'; readonly text: string }[]
  readonly model: ModelRef
}

export interface CreateSession {
  readonly directory: string
  /** Always given: a session without a title costs a model request. */
  readonly title: string
  readonly metadata: Readonly<Record<string, Json>>
  readonly rules: readonly PermissionRule[]
}

export interface ModelInfo {
  readonly provider: string
  readonly model: string
  readonly name: string
  readonly contextTokens: number | null
  readonly variants: readonly string[]
}
export interface ModelCatalogue {
  readonly models: readonly ModelInfo[]
  readonly connectedProviders: readonly string[]
  /** provider → model */
  readonly defaultModels: Readonly<Record<string, string>>
}

export interface Health {
  readonly reachable: boolean
  readonly version?: string
  /** Why not, in words; with the error's code. */
  readonly message?: string
  readonly code?: string
}

/** What comes out of one connection to the event stream, normalised. `at` is when we saw it. */
export type OpencodeEvent = { readonly directory: string | null } & OpencodeEventBody
export type OpencodeEventBody =
  /** The stream is (again) connected: whatever happened before may have been missed. */
  | { readonly type: 'stream.connected' }
  | { readonly type: 'stream.lost'; readonly reason: string }
  | { readonly type: 'stream.heartbeat' }
  | { readonly type: 'session.created'; readonly session: RemoteSession }
  | { readonly type: 'session.deleted'; readonly sessionId: string }
  /** `message` without parts. Durable at OpenCode. */
  | { readonly type: 'message.updated'; readonly sessionId: string; readonly message: Omit<RemoteMessage, 'parts'> }
  /** The whole part as it now stands. Durable at OpenCode. */
  | { readonly type: 'part.updated'; readonly sessionId: string; readonly messageId: string; readonly part: RemotePart }
  /** `offset` is not given by OpenCode; the reader counts. Live only. */
  | { readonly type: 'part.delta'; readonly sessionId: string; readonly messageId: string; readonly partId: string; readonly text: string }
  | { readonly type: 'session.status'; readonly sessionId: string; readonly status: RemoteStatus | { readonly type: 'idle' } }
  | { readonly type: 'session.error'; readonly sessionId: string; readonly error: RemoteError }
  | { readonly type: 'session.compacted'; readonly sessionId: string }
  | { readonly type: 'question.asked'; readonly sessionId: string; readonly question: RemoteQuestion }
  | {
      readonly type: 'question.replied'
      readonly sessionId: string
      readonly requestId: string
      readonly answers: readonly (readonly string[])[]
    }
  | { readonly type: 'question.rejected'; readonly sessionId: string; readonly requestId: string }
  | { readonly type: 'permission.asked'; readonly sessionId: string; readonly permission: RemotePermission }
  | { readonly type: 'permission.replied'; readonly sessionId: string; readonly requestId: string; readonly reply: string }
  | {
      readonly type: 'todo.updated'
      readonly sessionId: string
      readonly todos: readonly { readonly content: string; readonly status: string; readonly priority: string }[]
    }
  | { readonly type: 'file.edited'; readonly file: string }
  | { readonly type: 'instance.disposed' }

/** The council steps whose context is fixed by the design. */
export type CouncilPhase =
  | 'interview_draft'
  | 'interview_vote'
  | 'interview_refine'
  | 'prd_draft'
  | 'prd_vote'
  | 'prd_refine'
  | 'beads_draft'
  | 'beads_vote'
  | 'beads_refine'

export interface OpencodeAdapter {
  /** Which OpenCode this is: a managed server's random id kept with its data, or host and base URL. Stored with every session. */
  readonly opencodeId: string
  readonly baseUrl: string
  readonly mode: 'managed' | 'attached' | 'mock'

  createSession(input: CreateSession, options?: CallOptions): Promise<RemoteSession>
  /** Null when this OpenCode does not know it (404). Boots the session's directory: ask only when it matters. */
  getSession(sessionId: string, options?: CallOptions): Promise<RemoteSession | null>
  /** All directories, newest first, boots none. */
  listSessions(options?: CallOptions & { readonly limit?: number }): Promise<readonly RemoteSession[]>
  childSessions(sessionId: string, options?: CallOptions): Promise<readonly RemoteSession[]>
  /** Asynchronous admission: resolves at OpenCode's 204, which is not durable. Confirm by the messages. */
  promptSession(sessionId: string, directory: string, request: PromptRequest, options?: CallOptions): Promise<void>
  /** Oldest first, with parts. Null when the session is unknown (404). */
  getSessionMessages(sessionId: string, options?: CallOptions & { readonly limit?: number }): Promise<readonly RemoteMessage[] | null>
  /** One connection, what came together in one list; ends when it ends. The hub owns reconnecting. The first event is `stream.connected`. */
  subscribeToEvents(options: { readonly signal: AbortSignal }): AsyncIterable<readonly OpencodeEvent[]>
  sessionStatuses(directory: string, options?: CallOptions): Promise<RemoteStatuses>

  listPendingQuestions(directory: string, options?: CallOptions): Promise<readonly RemoteQuestion[]>
  /** OPENCODE_NOT_FOUND when it is no longer asked. One list of labels or free words per question. */
  replyQuestion(requestId: string, directory: string, answers: readonly (readonly string[])[], options?: CallOptions): Promise<void>
  /** Ends the turn at OpenCode: finish `tool-calls`, no error. */
  rejectQuestion(requestId: string, directory: string, options?: CallOptions): Promise<void>
  listPendingPermissions(directory: string, options?: CallOptions): Promise<readonly RemotePermission[]>
  replyPermission(
    requestId: string,
    directory: string,
    reply: 'once' | 'always' | 'reject',
    options?: CallOptions & { readonly message?: string },
  ): Promise<void>

  /** Resolves after the turn has ended; true also for an idle or unknown session. */
  abortSession(sessionId: string, directory: string, options?: CallOptions): Promise<void>
  /** The only fence against a late POST. */
  deleteSession(sessionId: string, options?: CallOptions): Promise<void>
  /** Frees threads and memory of a directory (about 34 MB). Ends turns that run there. */
  disposeDirectory(directory: string, options?: CallOptions): Promise<void>

  /** Prompt parts for one bead: its data and notes. Pure; the same for every implementation. */
  assembleBeadContext(state: TicketState): readonly PromptPart[]
  /** Prompt parts for a council step, in the order of the allow-list. Pure; the same for every implementation. */
  assembleCouncilContext(phase: CouncilPhase, state: TicketState): readonly PromptPart[]

  listModels(options?: CallOptions & { readonly all?: boolean }): Promise<ModelCatalogue>
  /** Never throws: a server that does not answer in time is `reachable: false` with the reason. */
  checkHealth(options?: CallOptions): Promise<Health>
  /** Releases sockets and, for a managed server, nothing: that is the owner's to stop. */
  close(): Promise<void>
}
