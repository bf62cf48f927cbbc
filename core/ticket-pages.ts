/** Many tickets, some at a time: whoever reads them all lets others in between. */
import { setImmediate as others } from 'node:timers/promises'
import type { Store, TicketFilter } from './store/store.ts'
import type { ListedTicket } from './ticket.ts'

/** So many are read and decoded in a few milliseconds. */
const PAGE = 100

/** In the order of their numbers, `limit` of them at most. */
export async function* ticketPages(store: Pick<Store, 'listTickets'>, filter: TicketFilter): AsyncGenerator<readonly ListedTicket[], void> {
  let left = filter.limit ?? Infinity
  let after = filter.after ?? 0
  while (left > 0) {
    const page = await store.listTickets({ ...filter, after, limit: Math.min(PAGE, left) })
    if (page.length > 0) yield page
    if (page.length < Math.min(PAGE, left)) return
    left -= page.length
    after = page.at(-1)?.number ?? Infinity
    await others()
  }
}
