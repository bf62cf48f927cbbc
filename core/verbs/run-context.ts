/** What the verbs of one phase run share. */
import type { ExecResult, Note, PhasePlugin } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import type { Requests } from '../inbox/requests.ts'
import type { DrivenTicket } from '../ticket.ts'
import type { Journal } from './journal.ts'

/** Git and commands in one ticket's worktree: what the workspace folder provides. */
export interface TicketWorkspace {
  readonly path: string
  ensure(): Promise<void>
  head(): Promise<string>
  changed(since?: string): Promise<readonly string[]>
  reset(commit: string): Promise<void>
  commit(options: { message: string; key: string; paths?: readonly string[] }): Promise<string | null>
  squash(options: { message: string; key: string; baseBranch: string }): Promise<{ commit: string; base: string; commits: number }>
  diff(options?: { from?: string; to?: string; maxChars?: number }): Promise<{ patch: string; stat: string; truncated: boolean }>
  push(options: { remote?: string }): Promise<{ pushed: boolean; reason?: string }>
  run(options: { command: string; timeoutMs: number; signal: AbortSignal }): Promise<ExecResult>
  /** Hash over tracked and untracked contents. */
  treeState(): Promise<string>
  remove(): Promise<void>
}

export interface RunContext {
  readonly driving: Driving
  readonly journal: Journal
  readonly plugin: PhasePlugin
  readonly ticket: DrivenTicket
  readonly workspace: TicketWorkspace
  readonly requests: Requests
  /** Caps on concurrent turns: holds a place while a turn runs, gives it away while a person is asked. */
  readonly turnPlace: <T>(work: () => Promise<T>) => Promise<T>
  /** Refuses a model that OpenCode does not offer before anything is sent (MODEL_UNKNOWN). */
  readonly assertModel: (ref: { provider: string; model: string }) => Promise<void>
  readonly notes: readonly Note[]
}
