/** What a ticket and a project may spend, looked at before each turn. Turns under way are finished: what they take may go past it. */
import { fail } from './errors.ts'
import { capReached, NOTHING_SPENT, totalOf } from './money.ts'
import type { CapReached, Caps, Spent } from './money.ts'
import type { Settings } from './settings.ts'
import type { Store } from './store/store.ts'
import { isDraft } from './ticket.ts'
import type { Ticket } from './ticket.ts'

/** Of a started ticket these alone can be changed: everything else stays as it was pinned. */
export const TICKET_LIMITS = ['limits.ticketTokens', 'limits.ticketCost'] as const satisfies readonly (keyof Settings)[]
export type TicketLimits = Partial<Pick<Settings, (typeof TICKET_LIMITS)[number]>>

export const ticketCaps = (settings: Partial<Settings>): Caps => ({
  tokens: settings['limits.ticketTokens'] ?? null,
  cost: settings['limits.ticketCost'] ?? null,
})
export const projectCaps = (settings: Partial<Settings>): Caps => ({
  tokens: settings['limits.projectTokens'] ?? null,
  cost: settings['limits.projectCost'] ?? null,
})
export const capsOf = (ticket: Ticket): Caps => ticketCaps(isDraft(ticket) ? {} : (ticket.settings ?? {}))

const isCapped = ({ tokens, cost }: Caps): boolean => tokens !== null || cost !== null

export interface Purse {
  readonly store: Pick<Store, 'ticketCaps' | 'spentByTicket'>
  readonly ticketId: string
  /** Of the project as they are now: its limits are not pinned. */
  readonly projectSettings: () => Promise<Settings>
}

/** BUDGET_EXCEEDED when no further turn may be sent. As it is stored now: a person may have raised it, or set it, meanwhile. */
export async function assertMaySpend({ store, ticketId, projectSettings }: Purse): Promise<void> {
  const own = await store.ticketCaps(ticketId)
  if (isCapped(own)) {
    const [spent = NOTHING_SPENT] = await store.spentByTicket(ticketId)
    refuse(capReached(own, spent), spent, { what: ticketId, scope: 'ticket' })
  }
  const shared = projectCaps(await projectSettings())
  if (!isCapped(shared)) return
  const spent = totalOf(await store.spentByTicket())
  refuse(capReached(shared, spent), spent, { what: `The project of ${ticketId}`, scope: 'project' })
}

function refuse(reached: CapReached | null, spent: Spent, { what, scope }: { what: string; scope: 'ticket' | 'project' }): void {
  if (reached === null) return
  const { unit, limit, spent: used } = reached
  const setting = `limits.${scope}${unit === 'cost' ? 'Cost' : 'Tokens'}` satisfies keyof Settings
  throw fail('BUDGET_EXCEEDED', { what, unit, limit, used, setting, scope, missing: spent.missing, turns: spent.turns })
}
