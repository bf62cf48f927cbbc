/** The store's verbs for keeping house and for telling people: deleting, clearing away, nudges. See `store.ts` for the rules. */
import type { InboxRecord } from './records.ts'
import type { TicketLimits } from '../caps.ts'
import type { Caps, Spent, SpentTurn } from '../money.ts'
import type { BranchEnd, PausedBy, Ticket } from '../ticket.ts'
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

  /**
   * By whose pause a ticket that is not over rests (null: by none); `paused` sets the wish for this ticket too. No fence: a
   * person's write, which any server may make, and no change when it is so already. Event `ticket.paused` or `ticket.resumed`.
   */
  holdTicket(input: At & { ticketId: string; heldBy: PausedBy | null; paused?: boolean }): Promise<Ticket>
  pauseProject(input: At & { paused: boolean }): Promise<void>
  projectPaused(): Promise<boolean>
  /** Open entries that nobody was told of, with fewer than `tries` tries, whose next is due. */
  dueNudges(input: At & { tries: number; limit: number }): Promise<readonly InboxRecord[]>
  /**
   * Before each try: the number of the try that the caller may make, null when it is not due (another server is at it).
   * The next is due by `againAfterMs`, also when this one is never heard of again.
   */
  claimNudge(input: At & { ticketId: string; id: string; tries: number; againAfterMs: readonly number[] }): Promise<number | null>
  /** `problem` null: it was taken, and none follows. */
  endNudge(input: At & { ticketId: string; id: string; problem: string | null }): Promise<void>
  /** As they are now: a person may have raised them since its start. None for a draft. */
  ticketCaps(ticketId: string): Promise<Caps>
  /** What each ticket has spent, deleted ones too; or one ticket. None without a turn that is over. */
  spentByTicket(ticketId?: string): Promise<readonly (Spent & { readonly ticketId: string })[]>
  /** In the order of their ends. */
  spentTurns(ticketId: string): Promise<readonly SpentTurn[]>
  /**
   * What a started ticket that is not over may spend from its next turn on. No fence: a person's write, which any server may
   * make, and no change when it is so already. Event `ticket.limits`.
   */
  changeLimits(input: At & { ticketId: string; limits: TicketLimits }): Promise<Ticket>
  /** Open entries whose last try failed, for doctor. */
  failedNudges(): Promise<readonly { readonly ticketId: string; readonly id: string; readonly tries: number; readonly problem: string }[]>
}
