/** What everything that acts for one ticket carries: the right to drive it, and the world outside. */
import type { Clock, Chance } from './ports.ts'
import type { EventFeed } from './events/feed.ts'
import type { OpencodeAdapter } from './opencode/adapter.ts'
import type { EventHub } from './opencode/event-hub.ts'
import type { Fence, Store } from './store/store.ts'

export interface Opencode {
  readonly adapter: OpencodeAdapter
  readonly hub: EventHub
  /**
   * Epoch milliseconds when the server's process started, when we know it: what was posted before and is absent now will not
   * come. Asked at every look: a managed server that dies is started again.
   */
  readonly startedAt: number | null
}

export interface Driving {
  readonly store: Store
  readonly fence: Fence
  readonly opencode: Opencode
  readonly clock: Clock
  readonly chance: Chance
  readonly feed: EventFeed
  /** Aborts when this process must not act for the ticket any more: cancel, shutdown, lost lease. */
  readonly signal: AbortSignal
}
