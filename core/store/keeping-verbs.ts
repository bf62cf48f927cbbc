/** The store's verbs for tickets that are over: clearing away and deleting. See `store.ts` for the rules. */
import type { BranchEnd, Ticket } from '../ticket.ts'
import type { At, Fence } from './store.ts'

export interface KeepingVerbs {
  /**
   * Takes away everything that is stored of a ticket at rest (STORE_CONFLICT else, or while a turn of it is not settled) and
   * appends `ticket.deleted`. Of its events only that one stays: it is the newest of the whole log, so the positions
   * that clients of all tickets hold stay true, none is given out twice, and each of them is told once that the ticket is
   * gone. Of the ticket its emptied row stays, which no reader sees: neither its number nor the `actionId` of its
   * creation can come to stand for another ticket.
   */
  deleteTicket(fence: Fence, input: At & { branch: BranchEnd; left: readonly string[] }): Promise<void>
  /** Whether it was there once and is deleted; with what its deletion told. */
  deletedTicket(ticketId: string): Promise<{ readonly branch: BranchEnd; readonly left: readonly string[] } | null>
  /** Over and unchanged since `before`, not tidied, in the order of their numbers after `after`. */
  untidyTickets(input: { before: number; after: number; limit: number }): Promise<readonly Ticket[]>
  /** What it held outside the database is cleared away. Final tickets without an open turn only, once. Event `ticket.tidied`. */
  markTidied(fence: Fence, input: At & { branch: BranchEnd; sessions: number }): Promise<void>
}
