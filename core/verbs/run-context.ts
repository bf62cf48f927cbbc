/** What the verbs of one phase run share. */
import type { EvidenceFile, PhasePlugin } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import type { Requests } from '../inbox/requests.ts'
import type { SideEffects } from '../turns/side-effects.ts'
import type { DrivenTicket } from '../ticket.ts'
import type { Workspace } from '../workspace/index.ts'
import type { Journal } from './journal.ts'

export interface RunContext {
  readonly driving: Driving
  readonly journal: Journal
  readonly plugin: PhasePlugin
  readonly ticket: DrivenTicket
  readonly workspace: Workspace
  readonly requests: Requests
  /** Content hashes of all artifacts that this attempt has read: what it makes is derived from them, unless it says otherwise. */
  readonly sources: Set<string>
  /** Caps on concurrent turns: holds a place while a turn runs; `pause` gives it away while a person is asked. */
  readonly turnPlace: <T>(work: (pause: (on: boolean) => void) => Promise<T>) => Promise<T>
  /** Refuses when what may be spent is spent (BUDGET_EXCEEDED), before anything is sent. */
  readonly assertMaySpend: () => Promise<void>
  readonly effects: SideEffects
  /** Files that a person attached to the ticket. */
  readonly evidence: (sha256s: readonly string[], options: { maxChars: number }) => Promise<readonly EvidenceFile[]>
  /** Refuses a model that OpenCode does not offer before anything is sent (MODEL_UNKNOWN). */
  readonly assertModel: (ref: { provider: string; model: string }) => Promise<void>
}
