/** What the store hands out: rows decoded into the words of the kernel. */
import type { Item, Json, ModelRef, Note } from '#plugins/contract'
import type { PromptRequest, RemoteError, Tokens } from '../opencode/adapter.ts'
import type { BlockedAction } from '../ticket.ts'

export interface ProjectRecord {
  readonly id: string
  readonly key: string
  readonly name: string
  /** Absolute path of the repository. The app database is the only place that holds one. */
  readonly path: string
  readonly defaultBranch: string
  readonly databaseUrl: string
  readonly attachedAt: number
}

export interface PhaseAt {
  readonly phase: string
  readonly attempt: number
}

/** The ownership tuple. Nulls match exactly. */
export interface Slot {
  readonly ticketId: string
  readonly phase: string
  readonly phaseAttempt: number
  readonly memberId: string | null
  readonly beadId: string | null
  readonly iteration: number | null
  readonly step: string | null
}

export interface AttemptRecord extends PhaseAt {
  /** `edit`: taken back here, since a document it builds on was edited. */
  readonly reason: 'entered' | 'reattempt' | 'retry' | 'edit'
  readonly state: 'active' | 'done' | 'failed' | 'archived'
  readonly outcome: string | null
  readonly failure: { readonly kind: string; readonly code: string; readonly message: string } | null
  /** False once a manual Retry or an upstream edit began the count anew. */
  readonly counted: boolean
  readonly startedAt: number
  readonly endedAt: number | null
}

/** Who drives a ticket. `owner` is a random id of one kernel process. */
export interface LeaseRecord {
  readonly ticketId: string
  readonly owner: string
  readonly generation: number
  readonly host: string
  readonly pid: number
  /** Start time of the process as the system tells it, so that a reused pid is no proof of life. */
  readonly startToken: string
  readonly expiresAt: number
}

/** One recorded verb of a phase run, except prompts. */
export interface StepRecord {
  readonly name: string
  readonly verb: string
  readonly inputHash: string
  readonly state: 'open' | 'done'
  readonly value: Json
  readonly startedAt: number
}

export interface PromptRecord extends PhaseAt {
  readonly name: string
  readonly slot: Slot
  readonly inputHash: string
  readonly state: 'open' | 'done'
  /** The recorded `Turned`, as JSON; null while open. */
  readonly result: Json
  readonly startedAt: number
  /** Milliseconds of its budget used in earlier runs of the process. */
  readonly usedMs: number
  /** How often a person's Continue opened it again; each grants one continuation turn. */
  readonly continues: number
  /** Content hashes of the artifacts that its context carried. */
  readonly sources: readonly string[]
}

export const SESSION_STATES = ['creating', 'active', 'ended', 'abandoned'] as const
/** `ended` after success, `abandoned` otherwise; both leave the slot free. */
export type SessionState = (typeof SESSION_STATES)[number]
export interface SessionRecord {
  /** Chosen before the session exists; carried in its title and metadata, so that recovery finds it. */
  readonly nonce: string
  readonly slot: Slot
  readonly state: SessionState
  /** Null while creating. */
  readonly sessionId: string | null
  readonly opencodeId: string
  readonly directory: string
  readonly model: ModelRef
  readonly generation: number
  readonly createdAt: number
  readonly endedAt: number | null
  readonly reason: string | null
}

export const RECEIPTS = ['intended', 'sent', 'admitted', 'settled', 'uncertain'] as const
export type Receipt = (typeof RECEIPTS)[number]
/** How a turn ended. `finished` carries the model's own finish word. `resent`: a person had its request sent again, as another turn. */
export const SETTLED_HOW = ['finished', 'failed', 'aborted', 'rejected', 'interrupted', 'not_started', 'lost', 'resent'] as const
export type SettledHow = (typeof SETTLED_HOW)[number]
export interface Settlement {
  readonly how: SettledHow
  readonly text: string
  readonly finish: string | null
  readonly error: RemoteError | null
  /** With what its sub-agents took. */
  readonly tokens: Tokens | null
  readonly cost: number | null
  /** Requests to the model of which OpenCode told no figures: tokens and cost are of the others. Absent in older records. */
  readonly untold?: number
  /** Of tokens and cost, what its sub-agents took. Null: they could not be asked. Absent: it had none. */
  readonly sub?: { readonly sessions: number; readonly tokens: Tokens | null; readonly cost: number | null } | null
  /** Tools the answer used, by name, for the policy check after the turn. */
  readonly tools: readonly string[]
}
/** `rejected`: a person refused what it asked. `declined`: nobody answered in time. Either ends the turn without an abort. */
export type Stopping = 'deadline' | 'cancel' | 'rejected' | 'declined' | 'retry_limit'
export const isRefusal = (stopping: Stopping | null): boolean => stopping === 'rejected' || stopping === 'declined'
export interface TurnRecord extends PhaseAt {
  /** The OpenCode message id. */
  readonly turnId: string
  readonly ticketId: string
  readonly prompt: string
  /** 1 is the first turn of the prompt. */
  readonly ordinal: number
  readonly reason: 'first' | 'structured' | 'keep_working' | 'continue' | 'declined' | 'resend'
  readonly sessionNonce: string
  readonly sessionId: string
  readonly opencodeId: string
  readonly directory: string
  /** The exact request; a re-send posts these bytes. */
  readonly request: PromptRequest
  readonly receipt: Receipt
  readonly posts: number
  /** Of these, posts of a stored message that never started (row 9 of the verdict table): at most one. */
  readonly restarts: number
  readonly lastPostAt: number | null
  /** Stored before we abort or reject, so that what follows is told from a crash. */
  readonly stopping: Stopping | null
  readonly settlement: Settlement | null
  readonly intendedAt: number
  readonly admittedAt: number | null
  readonly settledAt: number | null
  readonly problem: string | null
}

export interface ArtifactRecord extends PhaseAt {
  readonly id: string
  readonly kind: string
  readonly revision: number
  readonly content: string
  readonly sha256: string
  /** Content hashes of what it was made from. */
  readonly derivedFrom: readonly string[]
  readonly createdAt: number
  readonly approvedBy: string | null
  /** The phase of the gate that approved it. */
  readonly approvedIn: string | null
  /** Since when it is void: an edit changed what it was made from. */
  readonly voidAt: number | null
}

/** A form that was begun and not sent. */
export interface GateDraft {
  readonly revision: number
  readonly content: Json
  readonly savedAt: number
}

export const INBOX_KINDS = ['gate', 'question', 'permission', 'uncertain_turn', 'blocked'] as const
export type InboxKind = (typeof INBOX_KINDS)[number]
/** open → claimed (an answer is on its way) → closed; back to open when sending failed. */
export type InboxState = 'open' | 'claimed' | 'closed'
export interface InboxRecord {
  /** Gate id, OpenCode request id, turn id or error id. */
  readonly id: string
  readonly kind: InboxKind
  readonly ticketId: string
  readonly phase: string | null
  readonly attempt: number | null
  readonly sessionId: string | null
  readonly directory: string | null
  /** Gate: {form, step, artifact?: {id, kind, sha256}}; question: {questions, messageId}; permission: {permission, patterns}. */
  readonly payload: Json
  readonly state: InboxState
  readonly detached: boolean
  readonly answer: Json
  readonly reason: string | null
  readonly actions: readonly string[]
  readonly since: number
  /** When it is declined, unless somebody answers before; null: never. */
  readonly deadline: number | null
  readonly closedAt: number | null
}

export const COMMAND_KINDS = ['decide', 'cancel', 'retry', 'continue', 'resolve_turn', 'release', 'edit'] as const
export type CommandKind = (typeof COMMAND_KINDS)[number]
/** A person's write: accepted by any server, consumed by the driver in the transaction that acts. */
export interface CommandRecord {
  readonly actionId: string
  readonly ticketId: string
  readonly kind: CommandKind
  /** The gate, turn or kind of document it is about. */
  readonly target: string | null
  readonly payload: Json
  readonly state: 'pending' | 'consumed' | 'dropped'
  readonly at: number
}

export interface ErrorRecord extends PhaseAt {
  readonly id: string
  readonly code: string
  readonly kind: string
  readonly message: string
  readonly hint: string
  readonly actions: readonly BlockedAction[]
  readonly evidence: Json
  readonly at: number
  readonly resolvedAt: number | null
  readonly resolution: string | null
}

export interface ItemRecord extends Item {
  readonly updatedAt: number
}
export type PhaseNote = Note & { readonly phase: string }
