/** Which tickets may run now: pure. */
import { isRunning } from './ticket.ts'
import type { DrivenTicket, ListedTicket } from './ticket.ts'

export interface PickFacts {
  readonly now: number
  readonly exclusiveHolders: readonly string[]
  readonly exclusiveLimit: number
  /** A turn of the ticket is not settled: after a restart it is taken up again even while a person is asked. */
  readonly openTurn: boolean
}

export function mayRun(ticket: Extract<ListedTicket, Pick<DrivenTicket, 'status'>>, facts: PickFacts): boolean {
  if (isRunning(ticket)) return true
  if (ticket.until !== null && ticket.until <= facts.now) return true
  if (ticket.waitingFor === 'person') return facts.openTurn
  if (ticket.waitingFor === 'lease')
    return facts.exclusiveHolders.includes(ticket.id) || facts.exclusiveHolders.length < facts.exclusiveLimit
  return false
}
