/**
 * The calls a server, a command line or a spec may make. Nothing here knows HTTP; every refusal is a LoopTroopError.
 * A mutation takes an optional `actionId`: the same one again does nothing twice and returns what the first returned.
 */
import type { Json, ModelRef } from '#plugins/contract'
import type { DurableEvent } from './events/events.ts'
import type { LiveEvent } from './events/live.ts'
import type { Caps, Costs, Spent } from './money.ts'
import type { NudgeReport } from './notify/nudges.ts'
import type { Health, ModelCatalogue, Tokens } from './opencode/adapter.ts'
import type { RecoveryReport } from './recovery.ts'
import type { Settings, SettingSource, SettingsPatch } from './settings.ts'
import type { ArtifactRecord, InboxKind, ProjectRecord, Settlement, Slot, TurnRecord } from './store/records.ts'
import type { Blocked, PausedBy, TicketStatus, WaitingFor } from './ticket.ts'
import type { EvidenceCalls } from './calls/evidence.ts'
import type { TicketCalls, TidyReport } from './ticket-calls.ts'

export type { Caps, Costs, Spent } from './money.ts'
export type { Acting, DeletedTicket, GateSubmission, TicketCalls, TidyReport } from './ticket-calls.ts'

export interface TicketView {
  readonly id: string
  readonly projectId: string
  readonly title: string
  readonly description: string
  readonly priority: number
  readonly pipeline: string
  readonly status: TicketStatus
  readonly waitingFor?: WaitingFor
  /** Epoch milliseconds, when it waits for a time. */
  readonly until?: number
  /** Null before the start. */
  readonly phase: string | null
  readonly attempt: number | null
  readonly blocked?: Pick<Blocked, 'code' | 'message' | 'hint' | 'actions'>
  /** By whose pause it rests. */
  readonly paused?: PausedBy
  readonly branch: string | null
  readonly baseBranch: string | null
  readonly baseCommit: string | null
  readonly revision: number
  readonly createdAt: number
  readonly updatedAt: number
}
export type ProjectView = Pick<ProjectRecord, 'id' | 'key' | 'name' | 'path' | 'defaultBranch'>
export interface ProjectPause {
  readonly projectId: string
  readonly paused: boolean
}
export interface ServerView {
  readonly paused: boolean
  /** Tickets that this server is working on at this moment; none of a paused server: it is drained. */
  readonly busy: readonly string[]
}
export interface TicketCosts extends Costs {
  readonly ticketId: string
  readonly limits: Caps
}
export interface ProjectCosts {
  readonly projectId: string
  readonly limits: Caps
  readonly project: Spent
  /** Deleted ones too: what was spent stays spent. */
  readonly byTicket: readonly (Spent & { readonly ticketId: string })[]
}
export interface PartialFailure {
  readonly projectId: string
  readonly code: string
  readonly message: string
}

export interface TurnView {
  readonly turnId: string
  readonly prompt: string
  readonly slot: Slot | null
  readonly sessionId: string
  readonly receipt: TurnRecord['receipt']
  readonly reason: TurnRecord['reason']
  readonly how: string | null
  readonly model: ModelRef
  readonly tokens: Tokens | null
  readonly cost: number | null
  /** Requests to the model of which OpenCode told no figures: tokens and cost are of the others. */
  readonly untold?: number
  /** What its sub-agents took of tokens and cost; null when that is not known. */
  readonly sub?: Settlement['sub']
  readonly posts: number
  readonly startedAt: number
  readonly settledAt: number | null
  readonly text: string | null
  readonly error?: { readonly name: string; readonly message: string }
}
export type ArtifactView = Pick<ArtifactRecord, 'kind' | 'phase' | 'attempt' | 'revision' | 'content'> & {
  readonly contentSha256: string
  readonly approved?: boolean
  /** Content hashes of what it was made from. */
  readonly derivedFrom: readonly string[]
  /** An edit changed what it was made from: it is kept, and read no more. */
  readonly void?: boolean
}

/** What an edit of a document would do. */
export interface EditPreview {
  readonly kind: string
  /** Of what is there now. */
  readonly contentSha256: string
  /** False: the content is the same, and nothing would happen. */
  readonly changes: boolean
  /** Where the ticket would go on; null: where it is. */
  readonly back: { readonly phase: string; readonly label: string } | null
  /** Documents that would be read no more; an approval of one is void with it. */
  readonly voids: readonly Omit<ArtifactView, 'content'>[]
  /** Attempts that would count no more. */
  readonly archives: readonly { readonly phase: string; readonly attempt: number }[]
  /** Turns under way that would be aborted. */
  readonly stops: number
}

export interface QuestionView {
  readonly requestId: string
  readonly ticketId: string
  readonly sessionId: string
  readonly questions: readonly {
    header: string
    question: string
    options: readonly { label: string; description: string }[]
    multiple: boolean
    custom: boolean
  }[]
  readonly askedAt: number
  /** When it is declined unless somebody answers before (epoch milliseconds). */
  readonly deadline?: number
  readonly detached?: boolean
}
export interface InboxView {
  readonly id: string
  readonly kind: InboxKind
  readonly ticketId: string
  readonly projectId: string
  readonly since: number
  /** When it is declined unless somebody answers before (epoch milliseconds). */
  readonly deadline?: number
  readonly actions: readonly string[]
  /** What a person needs to see to decide: the gate's form and artifact, the questions, the error. */
  readonly payload: Json
}

export interface PhaseView {
  readonly id: string
  readonly label: string
  readonly group: string
  readonly primitive: string
  readonly tools: Json
  readonly context: readonly string[] | 'custom'
  readonly outcomes: readonly string[]
  readonly version: number
  readonly exclusive: boolean
  readonly next: Readonly<Record<string, string>>
}
export interface PipelineView {
  readonly name: string
  readonly label: string
  readonly phases: readonly PhaseView[]
}

export interface HealthView {
  readonly status: 'ok' | 'recovering' | 'degraded'
  readonly version: string
  readonly opencode: Health & { readonly mode: string; readonly baseUrl: string }
  readonly store: { readonly ok: boolean; readonly message?: string }
  readonly recovery: Readonly<Record<string, number>>
}

/** One batch of a ticket's stream: durable events in order, and what is live only. `id` resumes after the batch. */
export interface EventBatch {
  readonly id: string
  readonly events: readonly DurableEvent[]
  readonly live: readonly LiveEvent[]
}

/** Given a batch: nothing while there is room for more, else when there is again. */
export type TakeBatch = (batch: EventBatch) => Promise<void> | undefined
/** `into`, where there is one, hands over the same batches as they come, without a promise for each; it ends when the signal aborts. */
export interface EventStream extends AsyncIterable<EventBatch> {
  into?(take: TakeBatch): Promise<void>
}

/** An event on the stream of everything. Its own `id` is that of its ticket. */
export type AnyEvent = DurableEvent & { readonly ticketId: string; readonly projectId: string }
/** `id` is a vector: one position per project. `gaps`: projects whose database is another one than the id knew, told anew. */
export interface AllBatch {
  readonly id: string
  readonly events: readonly AnyEvent[]
  readonly gaps: readonly string[]
}

export interface Kernel {
  readonly version: string
  health(): Promise<HealthView>
  readonly models: {
    list(input: { scope?: 'configured' | 'all' | undefined }): Promise<ModelCatalogue & { message?: string; stale?: boolean }>
    refresh(input?: { scope?: 'configured' | 'all' | undefined }): Promise<ModelCatalogue & { message?: string; stale?: boolean }>
  }
  readonly projects: {
    attach(input: { path: string; key?: string | undefined; name?: string | undefined }): Promise<ProjectView>
    list(): Promise<readonly ProjectView[]>
    get(projectId: string): Promise<ProjectView>
    update(input: {
      projectId: string
      name?: string | undefined
      key?: string | undefined
      defaultBranch?: string | undefined
    }): Promise<ProjectView>
    detach(projectId: string): Promise<{ detached: true }>
    /** All its tickets, those that come later too. */
    pause(projectId: string): Promise<ProjectPause>
    resume(projectId: string): Promise<ProjectPause>
    costs(projectId: string): Promise<ProjectCosts>
  }
  /** The server as a whole. Paused it drains: what is under way is finished, nothing new begins; a restart changes nothing about it. */
  readonly server: {
    status(): Promise<ServerView>
    pause(): Promise<ServerView>
    resume(): Promise<ServerView>
  }
  readonly settings: {
    /** `ticket`: the pinned ones of a started ticket, the resolved ones of a draft. `id` is the project or ticket. */
    get(input: {
      scope: 'app' | 'project' | 'ticket'
      id?: string | undefined
    }): Promise<{ values: Settings; sources: Readonly<Record<string, SettingSource>> }>
    /** Of a started ticket only what it may spend can be changed: `limits.ticketTokens` and `limits.ticketCost`. */
    update(input: {
      scope: 'app' | 'project' | 'ticket'
      id?: string | undefined
      patch: SettingsPatch
    }): Promise<{ values: Settings; sources: Readonly<Record<string, SettingSource>> }>
  }
  phases(): readonly PipelineView[]
  readonly tickets: TicketCalls
  readonly evidence: EvidenceCalls
  readonly questions: {
    list(filter: { ticketId?: string | undefined }): Promise<{ items: readonly QuestionView[]; errors: readonly PartialFailure[] }>
    reply(input: { ticketId: string; requestId: string; answers: readonly (readonly string[])[] }): Promise<{ ok: true }>
    reject(input: { ticketId: string; requestId: string; reason?: string | undefined }): Promise<{ ok: true }>
    replyPermission(input: {
      ticketId: string
      requestId: string
      reply: 'once' | 'always' | 'reject'
      message?: string | undefined
    }): Promise<{ ok: true }>
  }
  readonly inbox: {
    list(filter: { ticketId?: string | undefined }): Promise<{ items: readonly InboxView[]; errors: readonly PartialFailure[] }>
    /** A person is at a question or permission: it is not declined for two minutes from now. Said again, for an hour at most. */
    hold(input: { ticketId: string; id: string }): Promise<{ deadline?: number }>
    /** Yields whenever an entry of any attached project may have changed. */
    changes(signal: AbortSignal): AsyncIterable<void>
  }
  readonly events: {
    /** INVALID_INPUT (`after`) for an id that is not one of this database. */
    history(input: {
      ticketId: string
      after?: string | undefined
      limit?: number | undefined
    }): Promise<{ items: readonly DurableEvent[]; next?: string }>
    /**
     * Every durable event after `lastEventId` (from the first without it) exactly once and in order, then live ones, until
     * the signal aborts. An id of another epoch starts over with the first batch's `live` holding a `gap`.
     */
    follow(input: { ticketId: string; lastEventId?: string | undefined; signal: AbortSignal }): EventStream
    /**
     * Durable events of all projects (or of the given ones), each exactly once, in order per project; without an id from the
     * first, or with `from: 'now'` only what comes.
     */
    followAll(input: {
      projectIds?: readonly string[] | undefined
      lastEventId?: string | undefined
      from?: 'start' | 'now' | undefined
      signal: AbortSignal
    }): AsyncIterable<AllBatch>
  }
  recovery(): RecoveryReport
  /** One round: commands, leases, and starting what may run. Specs call it; the server loops over it. */
  tick(): Promise<{ readonly started: number; readonly acted: number }>
  /** Resolves when no run of this process is under way (parked and finished ones are not). */
  idle(): Promise<void>
  /** One bounded round of clearing away what finished tickets hold; the loop does it by interval. */
  tidy(): Promise<TidyReport>
  /** One round of telling people what waits for them (the setting `notify`); the loop does it as entries come. */
  nudge(): Promise<NudgeReport>
  /** The loop a server runs: tick, then wait for a nudge or a second. Ends when the kernel stops. */
  loop(): Promise<void>
  /** Stops starting work, ends runs where they can be taken up again, releases leases, closes databases. Turns go on in OpenCode: how many. */
  stop(): Promise<{ readonly openTurns: number }>
}
