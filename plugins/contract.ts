/**
 * What a phase plugin is and what it gets: the whole surface a plugin author sees.
 *
 * A plugin supplies three things: a context builder (what the model may see), a tool policy (what it may do) and retry
 * rules (when to try again). Everything else has a default. Built-in phases use exactly this file and nothing more.
 */
import type {
  Budget,
  ContextBuilder,
  EvidenceFile,
  FailureKind,
  Item,
  ItemPatch,
  Json,
  ModelRef,
  ModelRole,
  OutputSpec,
  PromptTemplate,
  Proposal,
  RetryRules,
  ToolPolicy,
} from './declarations.ts'
import type { ForgeVerbs, WorkspaceVerbs } from './workspace.ts'

export * from './declarations.ts'
export * from './workspace.ts'

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
  /**
   * Outcomes with which the phase's work is not there: the ticket blocks with the outcome's `reason`, unless its row says where one leads.
   * They do not go on to the next row by themselves.
   */
  readonly stops?: readonly string[]
  /** May the model ask the person (OpenCode's `question` tool)? Default false. */
  readonly questions?: boolean
  /**
   * Milliseconds that a question or permission waits for its answer before it is declined: three times at most in an attempt, then the
   * model is told to decide itself. Null: for ever. Default: the setting `questions.windowMs`.
   */
  readonly answerWindow?: number | null
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
  /** Of an outcome that stops the ticket: why, and what a person can do. */
  readonly reason?: string
  readonly hint?: string
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
  /** The answer counts only when the model has looked for it: used a tool that reads, and it ended well. */
  readonly look?: boolean
}

export type TurnedWhy = 'timed_out' | 'invalid' | 'failed' | 'rejected'
/** The end of a prompt. A failure is a value, so that a phase can decide what it means. */
export type Turned<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false
      readonly why: TurnedWhy
      readonly error: { readonly code: string; readonly kind: FailureKind; readonly message: string }
    }

export interface GateAction {
  readonly id: string
  readonly label: string
  /** Approves the gate's artifact: needs the hash of what the person saw. */
  readonly approves?: boolean
  /** Replaces the gate's artifact by `payload.content`, which is held against the schema of the phase that makes it. */
  readonly edits?: boolean
}
/** What a gate shows and what can be decided there. */
export type Form = {
  readonly kind: 'document' | 'list' | 'questionnaire' | 'checklist' | 'pull_request'
  readonly title: string
  readonly actions: readonly GateAction[]
  /** The artifact kind that is decided on; its newest revision's hash is what an approval must name. */
  readonly artifact?: string
  /** Of a questionnaire or checklist: `{id, question, answer_type, options, …}`, or what is to be checked. */
  readonly questions?: readonly Json[]
  /** Questions that were answered before, with their answers: they may be answered anew. */
  readonly earlier?: readonly Json[]
  /** Artifact kinds that a person should read beside the one that is decided on, such as what a check left open. */
  readonly beside?: readonly string[]
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

/** A phase while it runs. Every verb takes a name unique in its attempt; its result is recorded once, then replayed. */
export interface PhaseRun<Out = unknown> {
  readonly ticket: {
    readonly id: string
    readonly title: string
    readonly description: string
    readonly branch: string
    readonly baseBranch: string
    readonly baseCommit: string
  }
  readonly attempt: number
  /** How often the phase was entered since the last upstream edit or manual Retry; caps count visits. */
  readonly visits: number
  readonly signal: AbortSignal
  readonly settings: Readonly<Record<string, Json>>

  prompt<T = Out>(name: string, options?: PromptOptions<T>): Promise<Turned<T>>
  /** An effect with a trace outside: runs at least once. `again` says that an earlier run may have acted: look first. */
  step<T extends Json>(name: string, effect: (key: string, again: boolean) => Promise<T>, input?: Json): Promise<T>
  /** Parks until a person decides, or `poll` sees a decision; holds no process and no session. */
  ask(name: string, form: Form, poll?: Poll): Promise<Decision>
  /** Parks for a time (milliseconds). */
  sleep(name: string, duration: number): Promise<void>
  now(name: string): Promise<number>
  random(name: string): Promise<number>

  read(kind: string, from?: { phase?: string; attempt?: number }): Promise<ArtifactView | null>
  /**
   * A revision of a document. `derivedFrom`: content hashes of what it is made from; by default of all that this attempt was shown:
   * the documents in its prompts' contexts, those it read, those decided on. Who edits one of them makes this one void.
   */
  save(kind: string, content: string | Json, options?: { derivedFrom?: readonly string[] }): Promise<ArtifactView>

  readonly items: { list(): Promise<readonly Item[]>; put(id: string, patch: ItemPatch): Promise<void> }
  readonly workspace: WorkspaceVerbs
  readonly forge: ForgeVerbs

  /** A draft ticket of the same project; null when a person has deleted it since. */
  propose(name: string, proposal: Proposal): Promise<{ readonly ticketId: string | null }>
  /** Files that a person attached, by their hashes, texts with at most `maxChars`; one that is gone is left out. */
  evidence(name: string, sha256s: readonly string[], options: { maxChars: number }): Promise<readonly EvidenceFile[]>

  /** A durable event of the plugin's own: `plugin` with this name and data. */
  emit(event: { readonly name: string; readonly data: Json }): Promise<void>
  /** The built-in loop: one prompt named `answer`, validated, saved. */
  default(): Promise<Outcome<Out>>
  done(output?: Out, outcome?: string): Outcome<Out>
}

/** Something outside that may decide a gate while it is open, beside the person: a pull request that was merged elsewhere. */
export interface Poll {
  /** Milliseconds between two looks, right after something changed. */
  readonly every: number
  /** It grows up to this while nothing changes: a tenth of the time since then. Default: always `every`. */
  readonly most?: number
  /**
   * Null while there is nothing to say, or when it last changed (epoch milliseconds). Records nothing and calls no verb; an error is a
   * look without a result, and `RetryAfter` one that says when the next may be.
   */
  look(): Promise<Decision | { readonly changedAt: number } | null>
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
