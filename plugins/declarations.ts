/**
 * What a phase declares, and what its prompts are about: context, tools, retry rules, output, model, items.
 * The first half of the contract; `contract.ts` hands it on together with the second.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'

/** A JSON value. Everything a verb records must be one: it is stored, and handed back on replay. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

// ---------------------------------------------------------------------------------------------------- context

/** One part of a prompt. `source` is shown to the model as the heading of the part. */
export interface PromptPart {
  readonly type: 'text'
  readonly source: string
  readonly content: string
}

/** A note that a later prompt of the same item carries: why an earlier attempt failed, or what a person added. */
export interface Note {
  readonly kind: 'failure' | 'person' | 'finalization'
  readonly at: number
  readonly iteration: number
  readonly text: string
}

/** Everything a context builder may draw from. Documents are the newest revision of their artifact kind, as text. */
export interface TicketState {
  readonly ticketId: string
  readonly title: string
  readonly description: string
  /** Newest content per artifact kind (`relevant_files`, `prd`, `beads`, or any kind a plugin keeps). */
  readonly artifacts: Readonly<Record<string, string>>
  /** The item the prompt is about, for `work` phases. */
  readonly item?: Item
  /** Notes of the phase itself (not of an item): `final_test_notes` and its like. Oldest first. */
  readonly notes: readonly Note[]
  /** Answers of a person that found no session to go to; the next prompt carries them. */
  readonly answers: readonly { readonly question: string; readonly answer: string }[]
}

/** Built-in slice names, in the order in which the prompt shows them. Any other name is read as an artifact kind. */
export const SLICE_NAMES = [
  'ticket_details',
  'relevant_files',
  'interview',
  'full_answers',
  'user_answers',
  'prd',
  'beads_draft',
  'beads',
  'drafts',
  'votes',
  'execution_setup_profile',
  'execution_setup_plan',
  'execution_setup_plan_notes',
  'execution_setup_notes',
  'bead_data',
  'bead_notes',
  'final_test_notes',
  'tests',
  'error_context',
] as const
export type KnownSlice = (typeof SLICE_NAMES)[number]
export type SliceName = KnownSlice | (string & {})

/** A context given as an allow-list of slices. The model sees these and nothing else. */
export interface SliceContext {
  readonly slices: readonly SliceName[]
  /** Slices the phase is about: when the token budget is exceeded they are never dropped; the ticket blocks instead. */
  readonly keep: readonly SliceName[]
  /** Parts that the phase makes itself, shown after the slices: drafts to compare, answers so far. `withParts` adds them. */
  readonly parts?: readonly PromptPart[]
}
export type ContextBuilder = SliceContext | ((state: TicketState) => readonly PromptPart[])

// ------------------------------------------------------------------------------------------------------ tools

/** One OpenCode permission rule; in a list the last match wins. `permission: 'edit'` covers edit, write and patch. */
export interface PermissionRule {
  readonly permission: string
  readonly pattern: string
  readonly action: 'allow' | 'ask' | 'deny'
}
export const TOOL_POLICIES = ['read_only', 'disabled', 'default', 'online'] as const
/** `read_only`: look, never touch · `disabled`: no tool · `default`: all but the web · `online`: all · or own rules. */
export type ToolPolicy = (typeof TOOL_POLICIES)[number] | readonly PermissionRule[]

// ------------------------------------------------------------------------------------------------------ retry

/** Why a prompt or a phase failed, as the kernel classifies it. */
export const FAILURE_KINDS = [
  'invalid',
  'truncated',
  'empty',
  'timed_out',
  'provider',
  'transport',
  'interrupted',
  'lost',
  'aborted',
  'rejected',
  'not_started',
  'plugin',
  'internal',
] as const
export type FailureKind = (typeof FAILURE_KINDS)[number]

export interface RetryRules {
  /** Further turns after an answer that did not validate, each with the precise error. */
  readonly structured: number
  /** Fresh attempts of a phase before its ticket blocks, counted over all; null = unlimited. */
  readonly attempts: number | null
  /** Milliseconds before attempt n+1; doubles with each further one. */
  readonly delay: number
  /** Failures that another attempt may cure. Everything else blocks the ticket at once. */
  readonly on: readonly FailureKind[]
  /** "Keep working" turns after a valid answer that says the work is not finished (see `OutputSpec.more`). */
  readonly keepWorking: number
}

// ----------------------------------------------------------------------------------------------------- output

export interface OutputSpec<Out = unknown> {
  /** Any Standard Schema (valibot, zod, arktype …). It decides what an answer is; its message goes back to the model. */
  readonly schema: StandardSchemaV1<unknown, Out>
  readonly format: 'json' | 'yaml' | 'jsonl'
  /** When given, the answer is the last complete `<TAG>…</TAG>` block; otherwise the whole text or its last fence. */
  readonly tag?: string
  /** A correct answer. The prompt shows it, and the mock answers with it. */
  readonly example: Out
  /** Other spellings of keys: `{bead_id: ['beadId', 'id']}`. Case, `_` and `-` never matter. */
  readonly aliases?: Readonly<Record<string, readonly string[]>>
  /** For a valid answer that says "not finished yet": the text of the next turn in the same session. */
  more?(value: Out): string | undefined
}

// ------------------------------------------------------------------------------------------------------ model

/**
 * Who is asked: the ticket's main model, each council member, or the member that won an earlier council. A council keeps
 * `<domain>_council` with `winner.model`; without such an artifact (a pipeline without that council) it is the main model.
 */
export type ModelRole = 'main' | 'members' | { readonly winner: string }

/** A model as OpenCode names it, with what the turn asks of it. */
export type ModelRef = {
  readonly provider: string
  readonly model: string
  readonly variant?: string
  readonly agent?: string
}

/** Milliseconds. `prompt`: one prompt with all its turns. `phase`: the whole attempt. Waiting for a person is free. */
export interface Budget {
  readonly prompt?: number
  readonly phase?: number
}

/** What the model is told to do. The kernel adds the context parts (labelled by source) and the output format. */
export interface PromptTemplate {
  readonly role?: string
  readonly task: string
  readonly steps?: readonly string[]
}

// -------------------------------------------------------------------------------------------- people's findings

/** A file that a person attached to a ticket: a screenshot, a log. */
export type EvidenceFile = {
  readonly sha256: string
  readonly name: string
  readonly bytes: number
  /** Media type, by its content. */
  readonly type: string
  /** The beginning of a text; null for anything else. */
  readonly text: string | null
}
/** A ticket that a phase proposes: a draft, which a person starts or deletes. */
export interface Proposal {
  /** What it came of. Of one origin a ticket proposes one draft, whatever is repeated. */
  readonly origin: string
  readonly title: string
  readonly description: string
  readonly priority?: number
}

// ------------------------------------------------------------------------------------------------------ items

export const ITEM_STATES = ['pending', 'in_progress', 'done', 'error'] as const
export type ItemState = (typeof ITEM_STATES)[number]
/** A unit a `work` phase iterates. It belongs to the ticket and survives attempts. */
export interface Item {
  readonly id: string
  readonly title: string
  readonly state: ItemState
  /** 1 is first. */
  readonly priority: number
  readonly blockedBy: readonly string[]
  /** Starts at 1, never reset. */
  readonly iteration: number
  /** HEAD when work on it began; what a reset goes back to. */
  readonly startCommit?: string
  /** The commit that finished it. */
  readonly commit?: string
  readonly notes: readonly Note[]
  readonly data: Json
}
/** `startCommit` null: it begins anew where the tree is then. */
export type ItemPatch = Partial<Omit<Item, 'id' | 'startCommit'>> & { readonly startCommit?: string | null }
