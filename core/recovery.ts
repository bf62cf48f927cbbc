/**
 * What a start finds and does, per ticket: pure planning over stored facts, the same for the server's start and for doctor
 * (which only prints it). The work itself is the ordinary path: a run that is taken up again replays its journal, rejoins
 * its turn by the table, and reconnects or abandons its session.
 */
import type { ReconnectClass } from './sessions/ownership.ts'
import type { InboxRecord, LeaseRecord, SessionRecord, TurnRecord } from './store/records.ts'
import { isBlocked, isDraft, isFinal, isRunning, isWaiting } from './ticket.ts'
import type { ListedTicket, PausedBy } from './ticket.ts'

export interface TicketFacts {
  readonly ticket: ListedTicket
  readonly lease: LeaseRecord | null
  readonly leaseDead: boolean
  readonly sessions: readonly SessionRecord[]
  readonly turns: readonly TurnRecord[]
  readonly inbox: readonly InboxRecord[]
  readonly now: number
}
export interface RecoveryItem {
  readonly ticketId: string
  readonly phase: string | null
  readonly attempt: number | null
  readonly found: string
  /** What a start does about it. */
  readonly does: string
  readonly turns: readonly { readonly turnId: string; readonly receipt: string; readonly does: string }[]
  readonly sessions: readonly { readonly nonce: string; readonly sessionId: string | null; readonly state: string; readonly does: string }[]
  readonly inbox: readonly { readonly id: string; readonly kind: string; readonly detached: boolean }[]
}
export interface Classified {
  readonly ticketId: string
  readonly nonce: string
  readonly sessionId: string | null
  readonly found: ReconnectClass | 'adopted'
}
export interface RecoveryReport {
  readonly at: number
  readonly tickets: readonly RecoveryItem[]
  /** Null when OpenCode was asked; else why it could not be yet. */
  readonly opencode: string | null
  /** What became of every open session, once OpenCode answered. */
  readonly sessions: readonly Classified[]
  readonly counts: Readonly<Record<string, number>>
  readonly problems: readonly { readonly projectId: string; readonly code: string; readonly message: string }[]
}

export function planRecovery(facts: TicketFacts): RecoveryItem {
  const { ticket } = facts
  const at = isDraft(ticket) ? { phase: null, attempt: null } : { phase: ticket.phase ?? null, attempt: ticket.attempt ?? null }
  return {
    ticketId: ticket.id,
    ...at,
    found: foundIn(facts),
    does: doesWith(facts),
    turns: facts.turns.map((t) => ({ turnId: t.turnId, receipt: t.receipt, does: turnPlan(t) })),
    sessions: facts.sessions.map((s) => ({ nonce: s.nonce, sessionId: s.sessionId, state: s.state, does: sessionPlan(s, ticket) })),
    inbox: facts.inbox.map((i) => ({ id: i.id, kind: i.kind, detached: i.detached })),
  }
}

export function countRecovery(items: readonly RecoveryItem[]): Readonly<Record<string, number>> {
  const sum = (of: (item: RecoveryItem) => number): number => items.reduce((n, item) => n + of(item), 0)
  return {
    tickets: items.length,
    turns: sum((i) => i.turns.length),
    sessions: sum((i) => i.sessions.length),
    inbox: sum((i) => i.inbox.length),
  }
}

function foundIn({ ticket, lease, leaseDead, now }: TicketFacts): string {
  const words = `${statusWords(ticket)}${ticket.heldBy === null || isFinal(ticket) ? '' : `, paused (${ticket.heldBy})`}`
  if (!lease || lease.expiresAt <= now) return words
  return `${words}, driven by ${lease.host}/${lease.pid}${leaseDead ? ' (which is gone)' : ''}`
}

const statusWords = (ticket: ListedTicket): string => (isWaiting(ticket) ? `${ticket.status} for ${ticket.waitingFor}` : ticket.status)

const RESUME: Record<PausedBy, string> = {
  ticket: 'looptroop resume TICKET goes on',
  project: 'looptroop resume --project KEY goes on',
  server: 'looptroop resume --server goes on',
}

function doesWith({ ticket, turns, lease, leaseDead, now }: TicketFacts): string {
  if (isDraft(ticket) || isFinal(ticket)) return 'nothing'
  if (lease && lease.expiresAt > now && !leaseDead) return 'nothing: another process drives it'
  if (ticket.heldBy !== null && turns.length === 0) return `nothing: it is paused by the ${ticket.heldBy}; ${RESUME[ticket.heldBy]}`
  if (isBlocked(ticket)) return `waits for a person: ${ticket.blocked.actions.join(', ')}`
  if (isRunning(ticket))
    return turns.length > 0
      ? 'replays the phase and rejoins its open turn'
      : 'replays the phase and goes on at the first thing not recorded'
  if (ticket.waitingFor === 'person') return turns.length > 0 ? 'rejoins the open turn that asks' : 'waits for the decision'
  return ticket.waitingFor === 'time'
    ? `goes on at ${new Date(ticket.until ?? now).toISOString()}`
    : 'goes on when the execution lease is free'
}

function turnPlan(turn: TurnRecord): string {
  if (turn.receipt === 'uncertain') return 'looks again; a person may decide (tickets.resolveTurn)'
  if (turn.posts === 0) return 'posts it: it was stored but never sent'
  return 'reads its messages and settles, rejoins or posts the stored bytes, by the table'
}

function sessionPlan(session: SessionRecord, ticket: ListedTicket): string {
  const inPhase = 'phase' in ticket && ticket.phase === session.slot.phase && ticket.attempt === session.slot.phaseAttempt
  if (isFinal(ticket) || !inPhase) return 'abandons it: the ticket has left its phase'
  return session.state === 'creating' ? 'looks for it by its nonce: adopts it, or creates another' : 'reconnects, if all four checks hold'
}
