/** The calls about tickets. See `kernel-api.ts` for the rules of all calls. */
import type { Item, Json, ModelRef } from '#plugins/contract'
import type { ArtifactView, EditPreview, PartialFailure, TicketCosts, TicketView, TurnView } from './kernel-api.ts'
import type { AttemptRecord, ErrorRecord, GateDraft, LeaseRecord, SessionRecord } from './store/records.ts'
import type { BranchEnd, TicketStatus } from './ticket.ts'

export interface Acting {
  readonly ticketId: string
  readonly actionId?: string | undefined
}

export interface GateSubmission {
  readonly ticketId: string
  readonly gateId: string
  readonly action: string
  readonly actionId: string
  readonly expectedContentSha256?: string | undefined
  readonly payload?: Json | undefined
}

export interface DeletedTicket {
  readonly ticketId: string
  readonly deleted: true
  readonly branch: BranchEnd
  /** What could not be reached from here, in words. */
  readonly left: readonly string[]
}
export interface TidyReport {
  readonly tidied: readonly string[]
  readonly left: readonly { readonly ticketId: string; readonly problem: string }[]
}

export interface TicketCalls {
  create(input: {
    projectId: string
    title: string
    description?: string | undefined
    priority?: number | undefined
    pipeline?: string | undefined
    models?: { main?: ModelRef | undefined; members?: readonly ModelRef[] | undefined } | undefined
    actionId?: string | undefined
  }): Promise<TicketView>
  get(ticketId: string): Promise<TicketView>
  list(filter: {
    projectId?: string | undefined
    status?: TicketStatus | undefined
    cursor?: string | undefined
    limit?: number | undefined
  }): Promise<{ items: readonly TicketView[]; nextCursor?: string; errors: readonly PartialFailure[] }>
  /** Drafts only. */
  update(
    input: Acting & {
      title?: string | undefined
      description?: string | undefined
      priority?: number | undefined
      pipeline?: string | undefined
      models?: { main?: ModelRef | undefined; members?: readonly ModelRef[] | undefined } | undefined
    },
  ): Promise<TicketView>
  start(input: Acting): Promise<TicketView>
  cancel(input: Acting & { reason?: string | undefined }): Promise<TicketView>
  retry(input: Acting & { note?: string | undefined }): Promise<TicketView>
  continue(input: Acting): Promise<TicketView>
  resolveTurn(input: Acting & { turnId: string; as: 'resend' | 'adopt' | 'abandon' }): Promise<TicketView>
  /** A blocked holder gives the execution lease away. */
  release(input: Acting): Promise<TicketView>
  submitGate(input: GateSubmission): Promise<TicketView>
  /** What a person has filled in at a gate and not sent: kept over restarts, and never put over a newer one (DRAFT_STALE). */
  saveDraft(input: { ticketId: string; gateId: string; seen: number; content: Json }): Promise<GateDraft>
  draft(input: { ticketId: string; gateId: string }): Promise<GateDraft | null>
  /**
   * A person's own revision of an approved document. What was made from it is void, and the ticket goes back to the first phase that
   * has to run again. The same content does nothing; another hash than the newest is a conflict; at an open gate it is that gate's decision.
   */
  editArtifact(input: Acting & { kind: string; content: string; expectedContentSha256: string }): Promise<TicketView>
  /** What an edit would do, before it is done. Without `content`: one to another content. */
  previewEdit(input: { ticketId: string; kind: string; content?: string | undefined }): Promise<EditPreview>
  /** It finishes the turn that is under way and begins nothing new, until it is resumed. No change when it is so already. */
  pause(input: Acting): Promise<TicketView>
  resume(input: Acting): Promise<TicketView>
  /** For good. A ticket at work is refused (TICKET_AT_WORK). `branch`: its branch too when it is not merged. */
  delete(input: Acting & { branch?: boolean | undefined }): Promise<DeletedTicket>

  artifacts(ticketId: string): Promise<readonly Omit<ArtifactView, 'content'>[]>
  artifact(input: {
    ticketId: string
    kind: string
    phase?: string | undefined
    attempt?: number | undefined
    revision?: number | undefined
  }): Promise<ArtifactView>
  attempts(ticketId: string): Promise<readonly AttemptRecord[]>
  sessions(ticketId: string): Promise<readonly SessionRecord[]>
  turns(ticketId: string): Promise<readonly TurnView[]>
  /** Of the turns that are over; `tickets.turns` has them one by one. */
  costs(ticketId: string): Promise<TicketCosts>
  beads(ticketId: string): Promise<readonly Item[]>
  diff(input: { ticketId: string; maxChars?: number | undefined }): Promise<{ patch: string; stat: string; truncated: boolean }>
  errors(ticketId: string): Promise<readonly ErrorRecord[]>
  lease(ticketId: string): Promise<LeaseRecord | null>
}
