/** The store's verbs for what waits for a person, what a person wrote, and the log that clients read. See `store.ts` for the rules. */
import type { Json } from '#plugins/contract'
import type { DurableEvent, NewEvent } from '../events/events.ts'
import type { CommandKind, CommandRecord, GateDraft, InboxKind, InboxRecord, PhaseAt, StepRecord } from './records.ts'
import type { At, Fence } from './store.ts'

export interface InboxVerbs {
  /** A gate's entry and its open step in one; no change when both are there. Event `gate.opened`. */
  openGate(
    fence: Fence,
    input: At & PhaseAt & { gateId: string; name: string; inputHash: string; payload: Json; actions: readonly string[]; opened: NewEvent },
  ): Promise<StepRecord>
  /** Consumes the decision (`consume` null: nobody sent it, it was seen outside): step recorded, entry closed, the newest revision of the artifact kind `approves` marked approved by this action, CHANGES.wake when it waits for a person. Event `gate.decided`. */
  decideGate(
    fence: Fence,
    input: At & PhaseAt & { gateId: string; name: string; decision: Json; approves: string | null; consume: string | null },
  ): Promise<void>
  /** A question or permission of the model; no change when it is known. A running ticket waits for a person from here on. */
  openRequest(
    fence: Fence,
    input: At &
      PhaseAt & {
        id: string
        kind: 'question' | 'permission'
        sessionId: string
        directory: string
        payload: Json
        actions: readonly string[]
        /** When it is declined, unless somebody answers before. */
        deadline?: number | null
        opened: NewEvent
      },
  ): Promise<void>
  /** Open ones whose deadline has come. */
  overdueRequests(input: At): Promise<readonly InboxRecord[]>
  /** How many were declined in an attempt so far, for nobody answered in time. */
  declined(ticketId: string, at: PhaseAt): Promise<number>
  /**
   * A person is at it: an open one with a deadline is not declined before `until`, but at most `most` milliseconds after its first
   * deadline. Event `request.held` when that is later than it was. QUESTION_UNKNOWN, QUESTION_ANSWERED, QUESTION_DECLINED.
   */
  holdRequest(input: At & { ticketId: string; id: string; until: number; most: number }): Promise<InboxRecord>
  /** A person's answer is on its way: open → claimed, answer stored. No fence: any server may. QUESTION_UNKNOWN, QUESTION_ANSWERED, QUESTION_DECLINED. */
  claimRequest(input: At & { ticketId: string; id: string; answer: Json }): Promise<InboxRecord>
  /** Sending failed: claimed → open. */
  reopenRequest(input: At & { ticketId: string; id: string }): Promise<void>
  /** Closed with how and why. When the ticket waits for a person and no gate, question or permission of it is open or claimed any more, it runs again. Event `question.closed` or `permission.closed`. */
  closeRequest(input: At & { ticketId: string; id: string; how: string; reason: string | null }): Promise<void>
  /** Detached entries with an answer that no prompt has carried yet; `consume` marks them carried. */
  storedAnswers(ticketId: string): Promise<readonly InboxRecord[]>
  consumeAnswers(fence: Fence, input: At & { ids: readonly string[] }): Promise<void>
  /**
   * What a person has filled in at an open gate (GATE_CLOSED else), over the revision that was seen (0: none); DRAFT_STALE when there is a
   * newer one. No fence: any server may. The same once more changes nothing.
   */
  saveDraft(input: At & { ticketId: string; gateId: string; seen: number; content: Json }): Promise<GateDraft>
  draft(ticketId: string, gateId: string): Promise<GateDraft | null>
  inboxEntry(ticketId: string, id: string): Promise<InboxRecord | null>
  /** Open and claimed, oldest first. */
  inbox(filter?: { ticketId?: string; kinds?: readonly InboxKind[] }): Promise<readonly InboxRecord[]>

  /**
   * Stores a person's write. The same actionId again with the same content: returns the first (nothing happens twice);
   * with other content: ACTION_CONSUMED. `gate`: the entry must be open and undecided (GATE_CLOSED), and when `sha256` is
   * given the gate's artifact kind must still have it as newest (GATE_HASH_STALE with both hashes). `edit` is the same for a document
   * that `target` names, of which no other edit may be pending (TICKET_MOVED).
   */
  submitCommand(
    input: At & {
      actionId: string
      ticketId: string
      kind: CommandKind
      target: string | null
      payload: Json
      gate?: { artifact: string | null; sha256: string | null }
      edit?: { sha256: string }
    },
  ): Promise<CommandRecord>
  /** Done, where the act itself has no verb that consumes (release). */
  consumeCommand(fence: Fence, input: At & { actionId: string }): Promise<void>
  /** Without effect: its moment has passed. Events none. */
  dropCommand(fence: Fence, input: At & { actionId: string; reason: string }): Promise<void>
  pendingCommands(): Promise<readonly CommandRecord[]>
  command(ticketId: string, actionId: string): Promise<CommandRecord | null>
}

export interface PlacedEvent {
  readonly position: number
  readonly ticketId: string
  readonly event: DurableEvent
}

export interface EventVerbs {
  /** What was observed; those with a known key are skipped. */
  appendEvents(fence: Fence, input: At & { events: readonly NewEvent[] }): Promise<void>
  /** After `after` (0 = from the start), ascending. */
  events(ticketId: string, after: number, limit: number): Promise<readonly DurableEvent[]>
  lastSeq(ticketId: string): Promise<number>
  /** Of all tickets in the order of their commits; `position` counts over the whole project. After `after` (0 = from the start). */
  allEvents(after: number, limit: number): Promise<readonly PlacedEvent[]>
  lastPosition(): Promise<number>
  /** Called after a commit that appended events for this ticket. Never throws into the verb. */
  onAppend(listener: (ticketId: string) => void): () => void
  /** Called after a commit that touched inbox entries. */
  onInbox(listener: (ticketId: string) => void): () => void
}
