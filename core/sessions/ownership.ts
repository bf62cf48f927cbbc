/** Who owns which OpenCode session: the slot, and what a look at the remote side means for its row. Pure. */
import type { PromptOptions } from '#plugins/contract'
import type { RemoteSession } from '../opencode/adapter.ts'
import type { PhaseAt, SessionRecord, Slot } from '../store/records.ts'

/** The slot of a prompt: its own name is the step unless the phase says otherwise. */
export function slotOf(ticketId: string, at: PhaseAt, prompt: { readonly name: string; readonly slot?: PromptOptions['slot'] }): Slot {
  const given = prompt.slot
  return {
    ticketId,
    phase: at.phase,
    phaseAttempt: at.attempt,
    memberId: given?.memberId ?? null,
    beadId: given?.beadId ?? null,
    iteration: given?.iteration ?? null,
    step: given?.step ?? (given ? null : prompt.name),
  }
}

/** What a reconnect found. Only `reconnected` may be prompted; `unverified` is neither prompted nor given up. */
export type ReconnectClass = 'reconnected' | 'stale' | 'missing' | 'unverified'

export interface ReconnectFacts {
  readonly ticketExists: boolean
  /** The ticket is in the session's phase and attempt now (or blocked there with an error that may continue it). */
  readonly samePhase: boolean
  /** The row is still there, active, and this driver's to take. */
  readonly owned: boolean
  readonly sameOpencode: boolean
  readonly remote: RemoteSession | null | 'unreadable'
}

export function classifyReconnect(facts: ReconnectFacts): ReconnectClass {
  if (!facts.ticketExists || !facts.samePhase || !facts.owned) return 'stale'
  if (!facts.sameOpencode || facts.remote === 'unreadable') return 'unverified'
  return facts.remote === null ? 'missing' : 'reconnected'
}

/** The nonce is carried in title and metadata, so that a session created just before a crash is found again. */
export const sessionTitle = (row: Pick<SessionRecord, 'slot' | 'nonce'>, name: string): string =>
  `LoopTroop ${row.slot.ticketId} ${name} [${row.nonce}]`
export const carriesNonce = (session: RemoteSession, nonce: string): boolean =>
  session.metadata?.['looptroop'] === nonce || session.title.endsWith(`[${nonce}]`)
