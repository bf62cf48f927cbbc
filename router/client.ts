/**
 * The typed client. Calls go over HTTP in batches; subscriptions over WebSocket (the default) or server-sent events. Both
 * come back by themselves with the last id they saw, so that a stream has no gap and no duplicate.
 *
 * No server code is loaded: what is imported from the server are types.
 */
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpSubscriptionLink,
  retryLink,
  splitLink,
  wsLink,
  type TRPCClient,
  type TRPCLink,
} from '@trpc/client'
import type { EventSource as EventSourceOfNode } from 'eventsource'
import type { AppRouter } from './app.ts'
import { attachFile, type AttachedFile, type FileToAttach } from './attach-file.ts'
import { watchTicket } from './watch/watch.ts'
import type { WatchedTicket } from './watch/view.ts'

export { DurableEventSchema, EVENT_TYPES, EVENTS_VERSION, LiveEventSchema, readEvent } from '#core/events'
export type { DurableEvent, EventData, EventType, LiveEvent } from '#core/events'
export { applyBatch, emptyView } from './watch/apply.ts'
export type { WatchedPart, WatchedRequest, WatchedTicket, WatchedTurn } from './watch/view.ts'
export type { AppRouter } from './app.ts'
export type { AttachedFile, FileToAttach } from './attach-file.ts'
/** Consumers that export an inferred client need the name. */
export type { Ctx } from './trpc.ts'

type WebSocketClass = typeof globalThis.WebSocket
type BatchFetch = NonNullable<Parameters<typeof httpBatchLink>[0]['fetch']>
type EventSourceClass = typeof EventSourceOfNode

export interface ClientOptions {
  /** As the server printed it: `http://127.0.0.1:4747`. */
  readonly url: string
  /** The token, or where to get it each time it is needed. */
  readonly token: string | (() => string | Promise<string>)
  readonly transport?: 'ws' | 'sse'
  /** Where the platform has none; on Node the defaults are `ws` and `eventsource`. */
  readonly WebSocket?: WebSocketClass
  /** It has to take a `fetch`, for the token goes into a header: the browser's own does not. */
  readonly EventSource?: EventSourceClass
  readonly fetch?: typeof fetch
}

/** `client.tickets.create.mutate(…)`, `client.events.onTicket.subscribe(…)`. */
export type LoopTroopClient = TRPCClient<AppRouter> &
  AsyncDisposable & {
    /** `for await (const ticket of client.watch('AUTH-12')) render(ticket)`: everything about a ticket, as it changes. */
    watch(ticketId: string, options?: { readonly signal?: AbortSignal }): AsyncGenerator<WatchedTicket, void>
    /** A screenshot or a log for a manual test that waits for its results; name its `sha256` in the result's `evidence`. */
    attachFile(ticketId: string, file: FileToAttach): Promise<AttachedFile>
    /** Hangs up. */
    close(): Promise<void>
  }

const LONGEST_RETRY_MS = 5_000
const FIRST_RETRY_MS = 250
const QUERY_TRIES = 3
/** The server takes no larger batch. */
const MAX_BATCH = 20
const onNode = typeof process !== 'undefined' && typeof process.versions?.node === 'string'
/** The name is hidden from bundlers: in a browser neither is needed. */
const load = async <T>(name: string): Promise<T> => (await import(name)) as T
const nodeWebSocket = onNode && globalThis.WebSocket === undefined ? (await load<{ WebSocket: unknown }>('ws')).WebSocket : undefined
const nodeEventSource = onNode ? (await load<{ EventSource: EventSourceClass }>('eventsource')).EventSource : undefined

export function createLoopTroopClient(options: ClientOptions): LoopTroopClient {
  const base = options.url.replace(/\/+$/, '').replace(/\/trpc$/, '')
  const token = async (): Promise<string> => (typeof options.token === 'string' ? options.token : options.token())
  const subscriptions = options.transport === 'sse' ? eventStream(`${base}/trpc`, options, token) : socket(base, options, token)
  const client = createTRPCClient<AppRouter>({
    links: [
      // A connection that the server has just closed fails the call that takes it from the pool. Reading again is harmless;
      // a mutation is the caller's to repeat, with the same actionId.
      retryLink({
        retry: ({ op, error, attempts }) =>
          op.type === 'query' && attempts < QUERY_TRIES && error.data === undefined && op.signal?.aborted !== true,
      }),
      splitLink({
        condition: (operation) => operation.type === 'subscription',
        true: subscriptions.link,
        false: httpBatchLink({
          url: `${base}/trpc`,
          maxItems: MAX_BATCH,
          maxURLLength: 8_000,
          headers: async () => ({ authorization: `Bearer ${await token()}` }),
          ...(options.fetch === undefined ? {} : { fetch: options.fetch as BatchFetch }),
        }),
      }),
    ],
  })
  const own: Partial<LoopTroopClient> = {
    watch: (ticketId, given) => watchTicket(client, ticketId, given),
    attachFile: async (ticketId, file) => attachFile({ base, token: await token(), send: options.fetch ?? fetch }, ticketId, file),
    close: subscriptions.close,
    [Symbol.asyncDispose]: subscriptions.close,
  }
  return new Proxy(client as LoopTroopClient, {
    get: (target, name) => (Object.hasOwn(own, name) ? Reflect.get(own, name) : Reflect.get(target, name)) as unknown,
  })
}

interface Subscriptions {
  readonly link: TRPCLink<AppRouter>
  readonly close: () => Promise<void>
}

function socket(base: string, options: ClientOptions, token: () => Promise<string>): Subscriptions {
  const chosen = options.WebSocket ?? (nodeWebSocket as WebSocketClass | undefined)
  const client = createWSClient({
    url: `${base.replace(/^http/, 'ws')}/trpc`,
    connectionParams: async () => ({ token: await token() }),
    retryDelayMs: (attempt) => (attempt === 0 ? 0 : Math.min(FIRST_RETRY_MS * 2 ** attempt, LONGEST_RETRY_MS)),
    // A connection that died without a word is noticed within fifteen seconds.
    keepAlive: { enabled: true, intervalMs: 10_000, pongTimeoutMs: 5_000 },
    lazy: { enabled: true, closeMs: 1_000 },
    ...(chosen === undefined ? {} : { WebSocket: chosen }),
  })
  return { link: wsLink({ client }), close: () => client.close() }
}

function eventStream(url: string, options: ClientOptions, token: () => Promise<string>): Subscriptions {
  const chosen = options.EventSource ?? nodeEventSource
  const open = new Set<{ close(): void }>()
  const EventSource = chosen === undefined ? undefined : remembering(chosen, open)
  const send = options.fetch ?? fetch
  const link = httpSubscriptionLink<AppRouter, EventSourceClass>({
    url,
    ...(EventSource === undefined ? {} : { EventSource }),
    eventSourceOptions: () => ({
      fetch: async (input, init) => send(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${await token()}` } }),
    }),
  })
  const close = async (): Promise<void> => {
    for (const source of open) source.close()
  }
  return { link, close }
}

/** The link keeps its sources to itself; hanging up needs them. */
const remembering = (Chosen: EventSourceClass, open: Set<{ close(): void }>): EventSourceClass =>
  class extends Chosen {
    constructor(...args: ConstructorParameters<EventSourceClass>) {
      super(...args)
      open.add(this)
    }
    override close(): void {
      open.delete(this)
      super.close()
    }
  }
