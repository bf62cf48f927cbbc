/**
 * What a phase plugin is and what it gets: the whole surface a plugin author sees.
 *
 * A plugin supplies three things: a context builder (what the model may see), a tool policy (what it may do) and retry
 * rules (when to try again). Everything else has a default. Built-in phases use exactly this file and nothing more.
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
  'ticket_details', 'relevant_files', 'interview', 'full_answers', 'user_answers', 'prd', 'beads_draft', 'beads',
  'drafts', 'votes', 'execution_setup_profile', 'execution_setup_plan', 'execution_setup_plan_notes',
  'execution_setup_notes', 'bead_data', 'bead_notes', 'final_test_notes', 'tests', 'error_context',
] as const
export type KnownSlice = (typeof SLICE_NAMES)[number]
export type SliceName = KnownSlice | (string & {})

/** A context given as an allow-list of slices. The model sees these and nothing else. */
export interface SliceContext {
  readonly slices: readonly SliceName[]
  /** Slices the phase is about: when the token budget is exceeded they are never dropped; the ticket blocks instead. */
  readonly keep: readonly SliceName[]
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
  'invalid', 'truncated', 'empty', 'timed_out', 'provider', 'transport', 'interrupted', 'lost', 'aborted', 'rejected',
  'not_started', 'plugin', 'internal',
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

/** Who is asked: the ticket's main model, each council member, or the member that won an earlier council. */
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

// ----------------------------------------------------------------------------------------------------- plugin

export interface PhasePlugin<Out = unknown> {
  /** Stored in sessions, events and artifacts: never rename. Upper case with underscores, `CODING`. */
  readonly id: string
  /** Major version: raise it when recorded progress of older runs cannot be replayed by the new code. */
  readonly version: number
  /** What a person sees while the phase runs. */
  readonly label: string
  readonly prompt: PromptTemplate
  readonly context: ContextBuilder
  readonly tools: ToolPolicy
  readonly retry: RetryRules
  readonly output: OutputSpec<Out>
  /** Artifact kind under which the output is kept. */
  readonly artifact?: string
  readonly model?: ModelRole
  /** Every outcome this phase can have. The pipeline row is checked against them at load. Default `['done']`. */
  readonly outcomes?: readonly string[]
  /** May the model ask the person (OpenCode's `question` tool)? Default false. */
  readonly questions?: boolean
  readonly budget?: Budget
  /** Which primitive made it; shown by `phases.list`. */
  readonly primitive?: string
  /** Take over. Without it the phase is one prompt, validated, saved: `phase.default()`. */
  run?(phase: PhaseRun<Out>): Promise<Outcome<Out>>
}

/** How a phase ended. `outcome` picks the next row; `output` is kept as the phase's artifact when it names one. */
export interface Outcome<Out = unknown> {
  readonly outcome: string
  readonly output?: Out
}

// ------------------------------------------------------------------------------------------------------ verbs

export interface PromptOptions<T = unknown> {
  /** Parts of the ownership slot beside ticket, phase and attempt. Equal slots share a session (see `keep`). */
  readonly slot?: { readonly memberId?: string; readonly beadId?: string; readonly iteration?: number; readonly step?: string }
  readonly model?: ModelRole | ModelRef
  readonly context?: ContextBuilder
  /** Replaces the plugin's template for this prompt. */
  readonly text?: string | PromptTemplate
  readonly tools?: ToolPolicy
  readonly output?: OutputSpec<T>
  /** Leave the session open when the prompt is done, so that a later prompt of the same slot continues in it. */
  readonly keep?: boolean
  /** Milliseconds for this prompt, all turns together. */
  readonly deadline?: number
  /** The item whose data and notes the context shows. */
  readonly item?: string
}

export type TurnedWhy = 'timed_out' | 'invalid' | 'failed' | 'rejected'
/** The end of a prompt. A failure is a value, so that a phase can decide what it means. */
export type Turned<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: TurnedWhy; readonly error: { readonly code: string; readonly kind: FailureKind; readonly message: string } }

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
export type ItemPatch = Partial<Omit<Item, 'id'>>

export interface GateAction {
  readonly id: string
  readonly label: string
  /** Approves the gate's artifact: needs the hash of what the person saw. */
  readonly approves?: boolean
}
/** What a gate shows and what can be decided there. */
export type Form = {
  readonly kind: 'document' | 'list' | 'questionnaire' | 'checklist' | 'pull_request'
  readonly title: string
  readonly actions: readonly GateAction[]
  /** The artifact kind that is decided on; its newest revision's hash is what an approval must name. */
  readonly artifact?: string
  readonly questions?: readonly Json[]
}
export interface Decision {
  readonly action: string
  readonly payload: Json
  /** Hash of the decided artifact. */
  readonly sha256?: string
}

export interface ArtifactView {
  readonly kind: string
  readonly phase: string
  readonly attempt: number
  readonly revision: number
  readonly content: string
  readonly sha256: string
}

export interface ExecResult {
  readonly command: string
  readonly exitCode: number | null
  readonly output: string
  readonly durationMs: number
  readonly timedOut: boolean
  readonly truncated: boolean
}
export interface ExecOptions {
  /** A command line for `/bin/sh -c`, run in the worktree in a process group of its own. */
  readonly command: string
  readonly timeoutMs?: number
}

/** Git and commands in the ticket's worktree. Every call is recorded under its name, and replayed. */
export interface WorkspaceVerbs {
  /** Current commit. */
  head(name: string): Promise<string>
  /** Paths that differ from `since` (default HEAD), untracked ones included, ignored ones not. */
  changed(name: string, since?: string): Promise<readonly string[]>
  /** Back to a commit; ignored files stay; processes whose working directory is in the worktree are ended first. */
  reset(name: string, commit: string): Promise<void>
  /** Null when there is nothing to commit. Without `paths`: everything `changed`. Looks for its own earlier commit first. */
  commit(name: string, options: { message: string; paths?: readonly string[] }): Promise<string | null>
  /** One commit on the merge base with the base branch. Restores the head on any error. */
  squash(name: string, options: { message: string }): Promise<{ commit: string; base: string; commits: number }>
  diff(name: string, options?: { from?: string; to?: string; maxChars?: number }): Promise<{ patch: string; stat: string; truncated: boolean }>
  push(name: string, options?: { remote?: string }): Promise<{ pushed: boolean; reason?: string }>
  exec(name: string, options: ExecOptions): Promise<ExecResult>
  /** Removes the worktree and keeps the branch. */
  remove(name: string): Promise<void>
}

/** A phase while it runs. Every verb takes a name unique in its attempt; its result is recorded once, then replayed. */
export interface PhaseRun<Out = unknown> {
  readonly ticket: { readonly id: string; readonly title: string; readonly description: string; readonly branch: string; readonly baseBranch: string; readonly baseCommit: string }
  readonly attempt: number
  /** How often the phase was entered since the last upstream edit or manual Retry; caps count visits. */
  readonly visits: number
  readonly signal: AbortSignal
  readonly settings: Readonly<Record<string, Json>>

  prompt<T = Out>(name: string, options?: PromptOptions<T>): Promise<Turned<T>>
  /** An effect with a trace outside: runs at least once. `again` says that an earlier run may have acted: look first. */
  step<T extends Json>(name: string, effect: (key: string, again: boolean) => Promise<T>, input?: Json): Promise<T>
  /** Parks until a person decides; holds no process and no session. */
  ask(name: string, form: Form): Promise<Decision>
  /** Parks for a time (milliseconds). */
  sleep(name: string, duration: number): Promise<void>
  now(name: string): Promise<number>
  random(name: string): Promise<number>

  read(kind: string, from?: { phase?: string; attempt?: number }): Promise<ArtifactView | null>
  save(kind: string, content: string | Json, options?: { derivedFrom?: readonly string[] }): Promise<ArtifactView>

  readonly items: { list(): Promise<readonly Item[]>; put(id: string, patch: ItemPatch): Promise<void> }
  readonly workspace: WorkspaceVerbs
  readonly forge: ForgeVerbs

  /** A durable event of the plugin's own: `plugin` with this name and data. */
  emit(event: { readonly name: string; readonly data: Json }): Promise<void>
  /** The built-in loop: one prompt named `answer`, validated, saved. */
  default(): Promise<Outcome<Out>>
  done(output?: Out, outcome?: string): Outcome<Out>
}

/** Pull requests: a port. Without a remote `available` says why. */
export interface ForgeVerbs {
  available(name: string): Promise<{ ok: boolean; reason?: string }>
  openPullRequest(name: string, options: { title: string; body: string; draft?: boolean }): Promise<Json>
  pullRequest(name: string): Promise<Json>
  merge(name: string): Promise<Json>
  close(name: string): Promise<Json>
}

// --------------------------------------------------------------------------------------------------- pipeline

/** Where an outcome leads: a phase id, or `end`. */
export interface PipelineRow {
  readonly phase: string
  /** Outcome → phase id or `END`. A missing outcome goes to the next row. */
  readonly next?: Readonly<Record<string, string>>
  /** The row is skipped unless this setting is on. */
  readonly when?: { readonly setting: string }
  /** Needs the project's execution lease. */
  readonly exclusive?: boolean
  readonly group: string
}
export const END = 'end'
export interface Pipeline {
  readonly name: string
  readonly label: string
  readonly rows: readonly PipelineRow[]
}

/** `looptroop.config.ts`: phases from outside and the pipelines that use them. */
export interface LoopTroopConfig {
  /** npm names, file paths, or the plugins themselves. A module exports one plugin or an array, as `default`. */
  readonly plugins?: readonly (string | PhasePlugin)[]
  readonly pipelines?: readonly Pipeline[]
  readonly settings?: Readonly<Record<string, Json>>
}
