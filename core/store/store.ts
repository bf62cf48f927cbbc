/**
 * The store's port: one verb per transition, no `update(row)`. A verb is its guards and statements in one atomic batch;
 * the events that tell of the change are appended in the same batch. When a guard does not hold the verb throws
 * STORE_CONFLICT (or the code named beside it) and nothing is changed.
 *
 * The driver's verbs carry a fence (ticket, generation): LEASE_LOST when another generation drives the ticket by now.
 * A person's writes are commands: compare-and-set, with an `actionId`, consumed by the driver in the verb that acts
 * (`consume`). Times are epoch milliseconds and come from the caller.
 */
import type { EventVerbs, InboxVerbs } from './person-verbs.ts'
import type { KeepingVerbs } from './keeping-verbs.ts'
import type { BegunPrompt, SessionVerbs, TurnVerbs } from './turn-verbs.ts'
import type { ItemPatch, Json, Note } from '#plugins/contract'
import type { NewEvent } from '../events/events.ts'
import type { Settings, SettingsPatch } from '../settings.ts'
import type { Blocked, ListedTicket, PausedBy, Progress, Ticket, TicketStatus, WaitingFor } from '../ticket.ts'
import type {
  ArtifactRecord,
  AttemptRecord,
  ErrorRecord,
  ItemRecord,
  LeaseRecord,
  PhaseAt,
  PhaseNote,
  PromptRecord,
  Settlement,
  Slot,
  StepRecord,
} from './records.ts'

export type { BegunPrompt, EventVerbs, InboxVerbs, KeepingVerbs, SessionVerbs, TurnVerbs }

/** The right to drive: checked by every driver's verb in the batch that writes. */
export interface Fence {
  readonly ticketId: string
  readonly generation: number
}
export interface At {
  readonly at: number
}

export interface NewTicket extends At {
  readonly title: string
  readonly description: string
  readonly priority: number
  readonly pipeline: string
  readonly models: Ticket['models']
  /** A repeated create with the same one returns the first ticket. */
  readonly actionId?: string
}

export interface NewArtifact {
  readonly id: string
  readonly kind: string
  readonly content: string
  readonly sha256: string
  readonly derivedFrom: readonly string[]
}

export interface TicketVerbs {
  /** Numbers it within the project: `KEY-n`. Event `ticket.created`. */
  createTicket(input: NewTicket): Promise<Ticket>
  /** Drafts only (else TICKET_WRONG_STATUS by the caller's reading; STORE_CONFLICT here). Event `ticket.updated`. */
  editTicket(
    input: At & {
      ticketId: string
      revision: number
      patch: Partial<Pick<NewTicket, 'title' | 'description' | 'priority' | 'pipeline' | 'models'>> & Pick<Ticket, 'own'>
    },
  ): Promise<Ticket>
  /** CHANGES.start: pins pipeline and settings, opens attempt 1 of the first phase. Events `ticket.started`, `ticket.status`, `phase.entered`. */
  startTicket(
    fence: Fence,
    input: At & Omit<Progress, 'generation' | 'startedAt' | 'attempt' | 'visits'> & { actionId?: string },
  ): Promise<Ticket>
  /**
   * CHANGES.advance: compare-and-set on phase and attempt; closes the attempt with the outcome, opens the next phase's.
   * `output` is kept as an artifact of the phase that ends. Completes when `to` is null (CHANGES.complete).
   */
  advance(
    fence: Fence,
    input: At & { from: PhaseAt; outcome: string; to: (PhaseAt & { label: string; visits: number }) | null; output?: NewArtifact },
  ): Promise<Ticket>
  /** CHANGES.reattempt: a fresh attempt of the same phase after a failure that the retry rules cure. Waits until `notBefore` (parks for time) when it is later than now. */
  reattempt(
    fence: Fence,
    input: At & { from: PhaseAt; to: PhaseAt; label: string; failure: NonNullable<AttemptRecord['failure']>; notBefore: number },
  ): Promise<Ticket>
  /**
   * CHANGES.park. No change and no event when it already waits for the same, nor when one of the recorded verbs it waits on
   * (`awaiting`) was decided meanwhile: then it stays as it is and may run on.
   */
  park(
    fence: Fence,
    input: At & { waitingFor: WaitingFor; until: number | null; holder?: string; awaiting?: PhaseAt & { names: readonly string[] } },
  ): Promise<Ticket>
  /** CHANGES.wake. No change when it runs already. */
  wake(fence: Fence, input: At): Promise<Ticket>
  /** CHANGES.block: an error occurrence, the ticket's `blocked`, an inbox entry of kind `blocked`. */
  block(
    fence: Fence,
    input: At & { from: PhaseAt; blocked: Blocked; kind: string; evidence: Json; notices?: readonly NewEvent[] },
  ): Promise<Ticket>
  /** CHANGES.retry: archives the attempt, opens the next (counts begin anew), resolves the error, closes its inbox entry, abandons the phase's sessions in the store. */
  retryTicket(
    fence: Fence,
    input: At & { from: PhaseAt; to: PhaseAt; label: string; note: string | null; consume: string },
  ): Promise<Ticket>
  /** CHANGES.continue: same attempt; the prompt that failed is open again (result null, `continues` + 1). Resolves the error, closes its inbox entry. */
  continueTicket(fence: Fence, input: At & { from: PhaseAt; reopenPrompt: string | null; consume: string }): Promise<Ticket>
  /**
   * CHANGES.continue after a person said what became of an uncertain turn: it is settled. `giveUp`: its session is abandoned, and
   * its abort asked for until OpenCode confirms. Events as of `settleTurn` and `continueTicket`.
   */
  resolveTurn(
    fence: Fence,
    input: At & { from: PhaseAt; turnId: string; settlement: Settlement; giveUp: string | null; consume: string },
  ): Promise<Ticket>
  /** CHANGES.cancel: closes the inbox, abandons sessions in the store, drops pending commands, releases the exclusive lease. */
  cancelTicket(fence: Fence, input: At & { reason: string; consume: string }): Promise<Ticket>

  getTicket(ticketId: string): Promise<Ticket | null>
  listTickets(filter?: TicketFilter): Promise<readonly ListedTicket[]>
  attempts(ticketId: string): Promise<readonly AttemptRecord[]>
  errors(ticketId: string): Promise<readonly ErrorRecord[]>
}

export interface TicketFilter {
  readonly status?: readonly TicketStatus[]
  /** Numbers beyond it. */
  readonly after?: number
  readonly limit?: number
  /** Leaves out what has nothing to do at that time: it waits, no turn is open, and its record names the pause that holds it. */
  readonly due?: { readonly at: number; /** Wider than its own. */ readonly pause: PausedBy | null }
}

export interface LeaseVerbs {
  /**
   * Claims a ticket: free, expired (expiry == now is free), already ours, or held by an owner that the caller has proven
   * dead (`dead`). A new owner raises the generation. LEASE_HELD with the holder otherwise.
   */
  claimLease(
    input: At & { ticketId: string; owner: string; host: string; pid: number; startToken: string; ttlMs: number; dead?: string },
  ): Promise<LeaseRecord>
  /** Renews all leases of an owner; keeps generations. Returns the ticket ids still held. */
  renewLeases(input: At & { owner: string; ttlMs: number }): Promise<readonly string[]>
  releaseLeases(input: At & { owner: string; ticketId?: string }): Promise<void>
  lease(ticketId: string): Promise<LeaseRecord | null>
  /** Takes the project's execution lease: true, or false when `limit` other tickets hold it. Idempotent for a holder. */
  takeExclusive(fence: Fence, input: At & { limit: number }): Promise<boolean>
  releaseExclusive(fence: Fence, input: At): Promise<void>
  /** Tickets that hold the execution lease now, oldest first. */
  exclusiveHolders(): Promise<readonly string[]>
}

export interface PromptEnd {
  readonly name: string
  /** The `Turned`. */
  readonly result: Json
  readonly session: { readonly slot: Slot; readonly state: 'ended' | 'abandoned'; readonly reason: string } | null
  readonly repairs: readonly string[]
}

export interface JournalVerbs {
  journal(ticketId: string, at: PhaseAt): Promise<{ readonly steps: readonly StepRecord[]; readonly prompts: readonly PromptRecord[] }>
  /** The first half of a recorded verb. Returns what is there when it was begun before. */
  beginStep(fence: Fence, input: At & PhaseAt & { name: string; verb: string; inputHash: string }): Promise<StepRecord>
  /** The second half: value recorded, with events of its own. */
  completeStep(fence: Fence, input: At & PhaseAt & { name: string; value: Json; events?: readonly NewEvent[] }): Promise<void>
  /** Records the `Turned`; ends the session in its slot, if there is one, unless `session` is null. Event `prompt.recorded`. */
  completePrompt(fence: Fence, input: At & PhaseAt & PromptEnd): Promise<void>
  /** Milliseconds of its budget that a prompt has used; replaces the number. */
  spendBudget(fence: Fence, input: PhaseAt & { name: string; usedMs: number }): Promise<void>
  items(ticketId: string): Promise<readonly ItemRecord[]>
  /** Creates or patches. Event `item.changed` when title, state, iteration or commit changed. */
  putItem(fence: Fence, input: At & { id: string; patch: ItemPatch }): Promise<void>
  addPhaseNote(fence: Fence, input: At & { phase: string; note: Note }): Promise<void>
  phaseNotes(ticketId: string, phase: string): Promise<readonly PhaseNote[]>
}

export interface ArtifactVerbs {
  /** Not for an archived attempt. Immutable; the revision is max + 1 of (ticket, kind). Same content as the newest revision of this phase and attempt: returns that one. Event `artifact.saved`. */
  saveArtifact(fence: Fence, input: At & PhaseAt & NewArtifact): Promise<ArtifactRecord>
  /**
   * CHANGES.edit: a person's own revision of an approved document, approved by the same act. Guarded: `edited.sha256` is its newest.
   * `voids` (artifact ids) are read no more, `archives` count no more. With `to` the ticket goes on there: inbox and errors are closed,
   * sessions abandoned, unfinished items begin anew. Events `artifact.saved`, `artifact.edited`, `artifact.voided`.
   */
  editArtifact(
    fence: Fence,
    input: At & {
      from: PhaseAt
      to: (PhaseAt & { label: string; exclusive: boolean }) | null
      artifact: NewArtifact
      edited: PhaseAt & { sha256: string }
      voids: readonly string[]
      archives: readonly PhaseAt[]
      consume: string
    },
  ): Promise<Ticket>
  /** Newest first match; void ones only by their `revision`. */
  artifact(ticketId: string, query: { kind: string; phase?: string; attempt?: number; revision?: number }): Promise<ArtifactRecord | null>
  /** Without contents. */
  artifacts(ticketId: string): Promise<readonly Omit<ArtifactRecord, 'content'>[]>
}

/** One project's database. */
export interface Store
  extends TicketVerbs, LeaseVerbs, JournalVerbs, ArtifactVerbs, SessionVerbs, TurnVerbs, InboxVerbs, EventVerbs, KeepingVerbs {
  /** Random id of this database; a restore renews it. */
  readonly epoch: string
  readonly projectId: string
  readonly projectKey: string
  /** Sizes and counts for doctor: rows per table, bytes of the file. */
  stats(): Promise<Readonly<Record<string, number>>>
  settings(): Promise<Partial<Settings>>
  putSettings(input: At & { patch: SettingsPatch }): Promise<void>
  close(): Promise<void>
}
