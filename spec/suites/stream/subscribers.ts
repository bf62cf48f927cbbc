/** Four ways to subscribe: tRPC's stock client and ours, each over WebSocket and over server-sent events. */
import { createTRPCClient, createWSClient, httpSubscriptionLink, wsLink, type TRPCClient } from '@trpc/client'
import { EventSource } from 'eventsource'
import { WebSocket } from 'ws'
import type { DurableEvent } from '../../../core/index.ts'
import type { AppRouter } from '../../../router/index.ts'
import { applyBatch, createLoopTroopClient, emptyView, type LiveEvent, type WatchedTicket } from '../../../router/client.ts'
import { TOKEN } from '../../router/wire.ts'

export interface Subscriber {
  readonly name: string
  readonly connect: (url: string) => { readonly client: TRPCClient<AppRouter>; readonly close: () => Promise<void> }
}

const authorization = { authorization: `Bearer ${TOKEN}` }

export const SUBSCRIBERS: readonly Subscriber[] = [
  ...(['ws', 'sse'] as const).map((transport): Subscriber => ({
    name: `our client over ${transport}`,
    connect: (url) => {
      const client = createLoopTroopClient({ url, token: TOKEN, transport })
      return { client, close: () => client.close() }
    },
  })),
  {
    name: 'the stock client over ws',
    connect: (url) => {
      const socket = createWSClient({
        url: `${url.replace('http', 'ws')}/trpc`,
        connectionParams: { token: TOKEN },
        WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
        retryDelayMs: () => 20,
      })
      return { client: createTRPCClient<AppRouter>({ links: [wsLink({ client: socket })] }), close: () => socket.close() }
    },
  },
  {
    name: 'the stock client over sse',
    connect: (url) => {
      const link = httpSubscriptionLink<AppRouter, typeof EventSource>({
        url: `${url}/trpc`,
        EventSource,
        eventSourceOptions: () => ({ fetch: (to, init) => fetch(to, { ...init, headers: { ...init.headers, ...authorization } }) }),
      })
      return { client: createTRPCClient<AppRouter>({ links: [link] }), close: () => Promise.resolve() }
    },
  },
]

/** All that came of a ticket, and the view that a client would show. */
export class Seen implements Disposable {
  readonly events: DurableEvent[] = []
  readonly gaps: string[] = []
  readonly errors: unknown[] = []
  id = ''
  view: WatchedTicket
  readonly #stop: () => void

  constructor(client: TRPCClient<AppRouter>, ticketId: string, lastEventId?: string) {
    this.view = emptyView(ticketId)
    const subscription = client.events.onTicket.subscribe(
      { ticketId, lastEventId },
      {
        onData: ({ id, data }) => this.#take(id, data as { events: DurableEvent[]; live: LiveEvent[] }),
        onError: (error) => this.errors.push(error),
      },
    )
    this.#stop = () => subscription.unsubscribe()
  }

  #take(id: string, { events, live }: { events: DurableEvent[]; live: LiveEvent[] }): void {
    this.id = id
    for (const entry of live) if (entry.type === 'gap') this.gaps.push(entry.reason)
    this.events.push(...events)
    this.view = applyBatch(this.view, { id, events, live })
  }
  get seqs(): readonly number[] {
    return this.events.map((event) => event.seq)
  }
  get text(): string {
    return this.view.turns.flatMap((turn) => turn.parts.map((part) => part.text)).join('')
  }
  [Symbol.dispose](): void {
    this.#stop()
  }
}
