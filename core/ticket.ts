/**
 * The ticket record and its legal changes. This is the only place that spells a ticket status: everything else goes
 * through the lists and predicates here, so a renamed status makes the compiler name what must follow.
 */
import type { ModelRef, PipelineRow } from '#plugins/contract'
import type { ResolvedSettings, Settings } from './settings.ts'

export const TICKET_STATUSES = ['draft', 'running', 'waiting', 'blocked', 'completed', 'canceled'] as const
export type TicketStatus = (typeof TICKET_STATUSES)[number]

/** What a waiting ticket waits for. */
export const WAITING_FOR = ['person', 'time', 'lease'] as const
export type WaitingFor = (typeof WAITING_FOR)[number]

/** The pipeline table as it was when the ticket started: rows, and the major version of each phase. */
export interface PinnedPipeline {
  readonly name: string
  readonly rows: readonly (PipelineRow & { readonly version: number; readonly label: string })[]
}

/** Why a ticket is blocked and what a person can do. */
export interface Blocked {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly actions: readonly BlockedAction[]
  /** Row of the stored error occurrence. */
  readonly errorId: string
}
export const BLOCKED_ACTIONS = ['retry', 'continue', 'cancel', 'release', 'resolve_turn'] as const
export type BlockedAction = (typeof BLOCKED_ACTIONS)[number]

/** What became of a ticket's branch when it was cleared away; `none`: there was none. */
export const BRANCH_ENDS = ['deleted', 'kept', 'none'] as const
export type BranchEnd = (typeof BRANCH_ENDS)[number]

/** Whose pause lets a ticket rest: what is under way is finished, nothing new begins. The widest is named. */
export const PAUSED_BY = ['server', 'project', 'ticket'] as const
export type PausedBy = (typeof PAUSED_BY)[number]

export interface TicketBase {
  /** `AUTH-12`: project key and number. */
  readonly id: string
  readonly projectId: string
  readonly number: number
  readonly title: string
  readonly description: string
  readonly priority: number
  readonly pipeline: string
  readonly models: { readonly main?: ModelRef; readonly members?: readonly ModelRef[] } | null
  /** Settings of its own, stronger than the project's. Lists do without. */
  readonly own?: Partial<Settings>
  /** A person wants it to rest, whatever its project and the server do. */
  readonly paused: boolean
  /** By whose pause it rests; null: by none. */
  readonly heldBy: PausedBy | null
  /** Grows with every change of the row. */
  readonly revision: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** What a ticket has from its start on, as lists show it. */
export interface ListedProgress {
  readonly phase: string
  readonly attempt: number
  /** How often the present phase was entered since the last upstream edit or manual Retry. */
  readonly visits: number
  /** Generation of the driver that wrote last. */
  readonly generation: number
  readonly branch: string
  readonly baseBranch: string
  readonly baseCommit: string
  readonly startedAt: number
}
/** And what was pinned at its start: some kilobytes, which lists do without. */
export interface Progress extends ListedProgress {
  readonly pinned: PinnedPipeline
  readonly settings: Settings
  /** Where each of them came from when it started; a ticket of an older program does not know. */
  readonly sources?: ResolvedSettings['sources']
}

type TicketOf<P> =
  | (TicketBase & { readonly status: 'draft' })
  | (TicketBase & P & { readonly status: 'running' })
  | (TicketBase & P & { readonly status: 'waiting'; readonly waitingFor: WaitingFor; readonly until: number | null })
  | (TicketBase & P & { readonly status: 'blocked'; readonly blocked: Blocked })
  | (TicketBase & P & { readonly status: 'completed' })
  | (TicketBase & Partial<P> & { readonly status: 'canceled' })
type Of<T, S extends TicketStatus> = Extract<T, { readonly status: S }>

export type Ticket = TicketOf<Progress>
export type ListedTicket = TicketOf<ListedProgress>
export type DraftTicket = Of<Ticket, 'draft'>
export type RunningTicket = Of<Ticket, 'running'>
export type WaitingTicket = Of<Ticket, 'waiting'>
export type BlockedTicket = Of<Ticket, 'blocked'>
export type CompletedTicket = Of<Ticket, 'completed'>
export type CanceledTicket = Of<Ticket, 'canceled'>
/** A ticket whose phase may run. */
export type DrivenTicket = RunningTicket | WaitingTicket
/** A ticket that a driver may hold. */
export type StartedTicket = RunningTicket | WaitingTicket | BlockedTicket

/** Every legal change of status: from where, to where. A store verb names one of these. */
export const CHANGES = {
  start: { from: ['draft'], to: 'running' },
  advance: { from: ['running', 'waiting'], to: 'running' },
  /** A fresh attempt of the same phase, by the retry rules. */
  reattempt: { from: ['running', 'waiting'], to: 'running' },
  park: { from: ['running', 'waiting'], to: 'waiting' },
  wake: { from: ['waiting'], to: 'running' },
  block: { from: ['running', 'waiting'], to: 'blocked' },
  retry: { from: ['blocked'], to: 'running' },
  continue: { from: ['blocked'], to: 'running' },
  /** A document it builds on was edited: it goes on at the first phase that has to run again. */
  edit: { from: ['running', 'waiting', 'blocked'], to: 'running' },
  complete: { from: ['running', 'waiting'], to: 'completed' },
  cancel: { from: ['draft', 'running', 'waiting', 'blocked'], to: 'canceled' },
} as const satisfies Record<string, { readonly from: readonly TicketStatus[]; readonly to: TicketStatus }>
export type TicketChange = keyof typeof CHANGES

/** Tickets that a worker looks at: they run, or wait for something that may have come. */
export const DRIVEN_STATUSES = ['running', 'waiting'] as const satisfies readonly TicketStatus[]
/** Needs a person's retry, continue or cancel. */
export const BLOCKED_STATUS = 'blocked' satisfies TicketStatus
/** Nothing is at work for it: only such a ticket may be deleted. */
export const RESTING_STATUSES = ['draft', 'completed', 'canceled'] as const satisfies readonly TicketStatus[]
/** It is over. */
export const FINAL_STATUSES = ['completed', 'canceled'] as const satisfies readonly TicketStatus[]
/** A ticket is born with this. */
export const FIRST_STATUS = 'draft' satisfies TicketStatus

export const mayChange = (status: TicketStatus, change: TicketChange): boolean =>
  (CHANGES[change].from as readonly TicketStatus[]).includes(status)

export const isDraft = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'draft'> => ticket.status === 'draft'
export const isRunning = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'running'> => ticket.status === 'running'
export const isWaiting = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'waiting'> => ticket.status === 'waiting'
export const isBlocked = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'blocked'> => ticket.status === 'blocked'
export const isCompleted = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'completed'> => ticket.status === 'completed'
export const isCanceled = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'canceled'> => ticket.status === 'canceled'
export const isFinal = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'completed' | 'canceled'> =>
  isCompleted(ticket) || isCanceled(ticket)
/** Started and not final: a driver may hold it. */
export const isStarted = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'running' | 'waiting' | 'blocked'> =>
  !isDraft(ticket) && !isFinal(ticket)
/** A finished phase or a gate's decision may move it on. */
export const isDriven = <T extends ListedTicket>(ticket: T): ticket is Of<T, 'running' | 'waiting'> =>
  isRunning(ticket) || isWaiting(ticket)

/** The stored columns of a ticket, decoded but not yet told apart by status. */
export interface TicketFields<P> {
  readonly base: TicketBase
  readonly status: TicketStatus
  readonly waitingFor: WaitingFor | null
  readonly until: number | null
  readonly blocked: Blocked | null
  readonly progress: P | null
}

/**
 * The union member of a stored row. Total over statuses: a new status does not compile until it has a member. `base` becomes it: a
 * spread of so many fields costs twenty times as much, which a list of a thousand pays a thousand times.
 */
export function toTicket<P extends ListedProgress>({ base, status, waitingFor, until, blocked, progress }: TicketFields<P>): TicketOf<P> {
  const started = progress as P // every status but the first has it; the store writes both in one verb
  switch (status) {
    case 'draft':
      return Object.assign(base, { status })
    case 'running':
    case 'completed':
      return Object.assign(base, started, { status })
    case 'waiting':
      return Object.assign(base, started, { status, waitingFor: waitingFor as WaitingFor, until })
    case 'blocked':
      return Object.assign(base, started, { status, blocked: blocked as Blocked })
    case 'canceled':
      return Object.assign(base, progress, { status })
  }
}
