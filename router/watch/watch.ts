/** A ticket's view that follows its stream. */
import type { TRPCClient } from '@trpc/client'
import type { AppRouter } from '../app.ts'
import { applyBatch, emptyView, type Batch } from './apply.ts'
import type { WatchedTicket } from './view.ts'

/**
 * The newest view each time it has changed, until the loop is left or the signal aborts. A reader that takes its time
 * misses views in between, never what they told of. Throws what the server refuses (an unknown ticket).
 */
export async function* watchTicket(
  client: TRPCClient<AppRouter>,
  ticketId: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<WatchedTicket, void> {
  const news = {
    view: emptyView(ticketId),
    fresh: false,
    ended: signal?.aborted ?? false,
    error: undefined as unknown,
    wake: (): void => {},
  }
  const tell = (change: Partial<typeof news>): void => {
    Object.assign(news, change)
    news.wake()
  }
  const end = (): void => tell({ ended: true })
  const subscription = client.events.onTicket.subscribe(
    { ticketId },
    {
      onData: ({ id, data }) => tell({ view: applyBatch(news.view, { ...(data as Omit<Batch, 'id'>), id }), fresh: true }),
      onError: (error) => tell({ error, ended: true }),
      onComplete: end,
    },
  )
  signal?.addEventListener('abort', end, { once: true })
  try {
    while (!news.ended) {
      if (!news.fresh) await new Promise<void>((resolve) => (news.wake = resolve))
      if (!news.fresh) continue
      news.fresh = false
      yield news.view
    }
    if (news.error !== undefined) throw news.error
  } finally {
    signal?.removeEventListener('abort', end)
    subscription.unsubscribe()
  }
}
