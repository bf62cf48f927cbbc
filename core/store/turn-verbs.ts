/** The store's verbs for OpenCode sessions and the turns in them. See `store.ts` for the rules. */
import type { Json, ModelRef } from '#plugins/contract'
import type { NewEvent } from '../events/events.ts'
import type { PhaseAt, SessionRecord, Settlement, Slot, TurnRecord } from './records.ts'
import type { At, Fence, PromptEnd } from './store.ts'

/** A prompt is begun with the session that it will use. */
export interface BegunPrompt {
  readonly name: string
  readonly inputHash: string
}

export interface SessionVerbs {
  /**
   * Claims the slot before the session exists (`creating`), and begins the prompt it is for. SLOT_TAKEN when a row there is
   * creating or active; STORE_CONFLICT unless the ticket is driven in the slot's phase and attempt.
   */
  claimSlot(
    fence: Fence,
    input: At & {
      nonce: string
      slot: Slot
      opencodeId: string
      directory: string
      model: ModelRef
      prompt: BegunPrompt
    },
  ): Promise<SessionRecord>
  /** Only from `creating`. Event `session.created`. */
  activateSession(fence: Fence, input: At & { nonce: string; sessionId: string; directory: string }): Promise<SessionRecord>
  /** To `ended` or `abandoned`, from creating or active. No change when it is over already. Event `session.ended`. */
  endSession(
    fence: Fence,
    input: At & { nonce: string; state: 'ended' | 'abandoned'; reason: string; abortPending?: boolean },
  ): Promise<void>
  /** Given up without OpenCode's confirmation that they stopped (`abortPending`), of all tickets. */
  pendingAborts(): Promise<readonly SessionRecord[]>
  /** OpenCode confirmed it, or no longer knows the session. No fence: the session is given up whoever drives. Event `session.aborted`. */
  confirmAbort(input: At & { ticketId: string; nonce: string }): Promise<void>
  /** This driver's generation on an active row it re-attached; begins the prompt that goes on there, unless it was begun before. */
  adoptSession(fence: Fence, input: At & { nonce: string; prompt?: BegunPrompt }): Promise<SessionRecord>
  /** The creating or active row of exactly this slot. */
  sessionInSlot(slot: Slot): Promise<SessionRecord | null>
  sessions(ticketId: string): Promise<readonly SessionRecord[]>
  /** Creating or active, of all tickets. */
  openSessions(): Promise<readonly SessionRecord[]>
}

export interface TurnVerbs {
  /**
   * Stored before anything is sent. STORE_CONFLICT when the session has an open turn, the row is not active, or the ticket is not
   * driven in this phase and attempt. `activate`: the session was created for this turn, and its row becomes active with it
   * (as `activateSession`). Event `turn.intended`.
   */
  intendTurn(
    fence: Fence,
    turn: At &
      PhaseAt &
      Pick<
        TurnRecord,
        'turnId' | 'prompt' | 'ordinal' | 'reason' | 'sessionNonce' | 'sessionId' | 'opencodeId' | 'directory' | 'request'
      > & {
        activate?: boolean
        /** Content hashes of the artifacts that the request carries; kept with its prompt. */
        sources?: readonly string[]
      },
  ): Promise<TurnRecord>
  /** Recorded before each POST: posts + 1, receipt `sent` (from intended or sent, and from uncertain when a person chose resend: its inbox entry closes; an admitted turn keeps its receipt); `restart` counts in `restarts` too. Event `turn.sent`. */
  recordPost(fence: Fence, input: At & { turnId: string; restart: boolean; row?: number }): Promise<TurnRecord>
  /** From intended or sent; no change when it is further. Event `turn.admitted`. */
  admitTurn(fence: Fence, input: At & { turnId: string }): Promise<void>
  /** Stored before we abort or reject. */
  markStopping(fence: Fence, input: At & { turnId: string; stopping: NonNullable<TurnRecord['stopping']> }): Promise<void>
  /** Once; a second one is STORE_CONFLICT. `usedMs` as in `spendBudget` and `ends` as in `completePrompt`, for the turn's prompt. Event `turn.settled`; open questions and permissions of its session are detached when `how` is interrupted or lost, closed otherwise. */
  settleTurn(
    fence: Fence,
    input: At & {
      turnId: string
      settlement: Settlement
      row?: number
      usedMs?: number
      ends?: PhaseAt & PromptEnd
      events?: readonly NewEvent[]
    },
  ): Promise<TurnRecord>
  /** Receipt `uncertain`, and an inbox entry of kind `uncertain_turn`. */
  turnUncertain(fence: Fence, input: At & { turnId: string; problem: string; evidence: Json }): Promise<void>
  turns(ticketId: string, at?: PhaseAt & { prompt?: string }): Promise<readonly TurnRecord[]>
  turn(turnId: string): Promise<TurnRecord | null>
  /** Not settled, of all tickets. */
  openTurns(): Promise<readonly TurnRecord[]>
}
