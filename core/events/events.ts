/**
 * The durable events of a ticket. A verb of the store appends them in the transaction that makes them true, numbered
 * 1, 2, 3 … per ticket. What is live only (deltas, snapshots of open parts) is in `live.ts` and is never numbered.
 */
import type { Json } from '#plugins/contract'
import type { RemoteError, Tokens, ToolState } from '../opencode/adapter.ts'
import type { BlockedAction, TicketStatus, WaitingFor } from '../ticket.ts'

/** Whose turn an event belongs to. */
type OfTurn = { readonly turnId: string; readonly phase: string; readonly attempt: number; readonly prompt: string }
type OfPhase = { readonly phase: string; readonly attempt: number }

export interface EventData {
  'ticket.created': { title: string; pipeline: string }
  'ticket.updated': { fields: readonly string[] }
  'ticket.started': {
    pipeline: string
    branch: string
    baseCommit: string
    phases: readonly { phase: string; label: string; group: string }[]
  }
  'ticket.status': { status: TicketStatus; waitingFor?: WaitingFor; until?: number }
  'ticket.blocked': OfPhase & { code: string; message: string; hint: string; actions: readonly BlockedAction[]; evidence?: Json }
  'ticket.command': { kind: string; actionId: string }
  'phase.entered': OfPhase & { label: string; visits: number; reason: string }
  'phase.left': OfPhase & { outcome: string; next: string | null }
  'attempt.failed': OfPhase & { kind: string; code: string; message: string; again: number | null }
  'session.created': OfPhase & { sessionId: string; slot: Json }
  /** OpenCode confirmed that a session that was given up has stopped. */
  'session.aborted': { sessionId: string | null }
  'session.ended': { sessionId: string | null; how: string; reason: string }
  'turn.intended': OfTurn & { ordinal: number; model: string; sessionId: string; reason: string }
  /** `row` of the verdict table that said to post; null when the store does not know it. */
  'turn.sent': OfTurn & { post: number; row: number | null }
  'turn.admitted': OfTurn
  /** Taken up after a restart, and found running: nothing was sent. */
  'turn.rejoined': OfTurn & { status: string }
  'turn.settled': OfTurn & {
    how: string
    finish: string | null
    text: string
    tokens: Tokens | null
    cost: number | null
    error: RemoteError | null
    ms: number
    /** Of the verdict table that settled it; null when no look at the messages did. */
    row: number | null
  }
  'turn.uncertain': OfTurn & { problem: string; evidence: Json }
  'turn.ran_twice': OfTurn & { chains: number }
  'turn.unverified': OfTurn & { problem: string }
  'turn.verified': OfTurn & { ms: number }
  'turn.silent': OfTurn & { ms: number }
  'prompt.invalid': OfPhase & { prompt: string; turnId: string; problem: string; again: boolean }
  'prompt.recorded': OfPhase & { prompt: string; ok: boolean; why: string | null; repairs: readonly string[] }
  text: OfTurn & { partId: string; text: string; owner: string | null }
  reasoning: OfTurn & { partId: string; text: string; owner: string | null }
  tool: OfTurn & {
    partId: string
    tool: string
    state: ToolState
    title: string | null
    input: Json
    output: string | null
    cut: boolean
    owner: string | null
  }
  'step.finished': OfTurn & { partId: string; reason: string; tokens: Tokens | null; cost: number | null; owner: string | null }
  'session.status': OfTurn & { status: string; attempt?: number; message?: string; next?: number }
  'session.error': OfTurn & { error: RemoteError }
  todo: OfTurn & { todos: readonly { content: string; status: string; priority: string }[] }
  'file.edited': { file: string }
  'question.asked': OfPhase & { requestId: string; sessionId: string; questions: Json }
  'question.closed': { requestId: string; how: string; answers: Json; reason: string | null }
  'question.detached': { requestId: string; reason: string }
  'permission.asked': OfPhase & { requestId: string; sessionId: string; permission: string; patterns: readonly string[] }
  'permission.closed': { requestId: string; how: string; reason: string | null }
  'gate.opened': OfPhase & {
    gateId: string
    title: string
    kind: string
    actions: readonly string[]
    artifact: string | null
    sha256: string | null
  }
  'gate.decided': OfPhase & { gateId: string; action: string; sha256: string | null }
  'gate.closed': { gateId: string; reason: string }
  'artifact.saved': OfPhase & { kind: string; revision: number; sha256: string; bytes: number }
  'item.changed': { id: string; title: string; state: string; iteration: number; commit: string | null }
  'step.recorded': OfPhase & { name: string }
  'command.finished': OfPhase & {
    name: string
    command: string
    exitCode: number | null
    timedOut: boolean
    output: string
    durationMs: number
  }
  'context.trimmed': OfPhase & { prompt: string; trims: readonly { source: string; before: number; after: number; how: string }[] }
  'lease.waiting': { holder: string | null }
  recovered: { found: string; did: string }
  plugin: OfPhase & { name: string; data: Json }
}
export type EventType = keyof EventData

/** An event before it has a number. */
export type NewEvent = { [T in EventType]: { readonly type: T; readonly data: EventData[T]; readonly key?: string } }[EventType]
/** A numbered event. `id` is `<epoch>.<seq>`: what a client gives back to resume. */
export type DurableEvent = {
  [T in EventType]: { readonly seq: number; readonly id: string; readonly type: T; readonly at: number; readonly data: EventData[T] }
}[EventType]

/**
 * `event('text', {…}, key)`. With a key the event is appended once per ticket and key, however often it is seen: the
 * key of an observed part is (session, part, terminal state).
 */
export const event = <T extends EventType>(type: T, data: EventData[T], key?: string): NewEvent =>
  ({ type, data, ...(key === undefined ? {} : { key }) }) as NewEvent
