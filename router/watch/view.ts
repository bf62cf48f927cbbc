/** A ticket as somebody who looks at it sees it: what `client.watch` yields. Every change makes new objects on its way up. */
import type { BlockedAction, EventData, PausedBy, Spent, TicketStatus, WaitingFor } from '#core/events'

export interface WatchedPart {
  readonly partId: string
  readonly kind: 'text' | 'reasoning' | 'tool'
  /** Text so far; a tool's output when it has ended. */
  readonly text: string
  /** Still being written, or still at work. */
  readonly open: boolean
  /** Of a tool. */
  readonly tool?: Pick<EventData['tool'], 'tool' | 'state' | 'title' | 'input' | 'cut'>
  /** The sub-agent's session, when it is not the turn's own. */
  readonly owner: string | null
}
export interface WatchedTurn {
  readonly turnId: string
  readonly phase: string
  readonly attempt: number
  readonly prompt: string
  readonly model: string | null
  readonly receipt: 'intended' | 'sent' | 'admitted' | 'settled' | 'uncertain'
  /** What stands in its way now: silence, a provider's wait, an OpenCode that is away. */
  readonly note: string | null
  readonly settled: Pick<EventData['turn.settled'], 'how' | 'finish' | 'tokens' | 'cost' | 'untold' | 'error' | 'ms'> | null
  readonly parts: readonly WatchedPart[]
}
export interface WatchedRequest {
  readonly id: string
  readonly kind: 'gate' | 'question' | 'permission'
  readonly detached: boolean
  readonly data: EventData['gate.opened'] | EventData['question.asked'] | EventData['permission.asked']
}
export interface WatchedTicket {
  readonly ticketId: string
  /** Id of the last durable event in it: `client.watch` can go on from there only with the view itself. */
  readonly id: string | null
  readonly title: string
  readonly pipeline: string
  readonly status: TicketStatus
  readonly waitingFor: WaitingFor | null
  /** Epoch milliseconds, when it waits for a time. */
  readonly until: number | null
  readonly branch: string | null
  /** The whole pipeline, and where it is in it. */
  readonly phases: readonly { readonly phase: string; readonly label: string; readonly group: string }[]
  readonly phase: string | null
  readonly attempt: number | null
  readonly blocked: (Pick<EventData['ticket.blocked'], 'code' | 'message' | 'hint'> & { readonly actions: readonly BlockedAction[] }) | null
  readonly turns: readonly WatchedTurn[]
  readonly beads: readonly EventData['item.changed'][]
  readonly artifacts: readonly EventData['artifact.saved'][]
  readonly todos: EventData['todo']['todos']
  /** What waits for a person. */
  readonly waiting: readonly WatchedRequest[]
  /** By all settled turns. What OpenCode did not tell is null and never zero; `missing` counts the turns whose figures are not all in it. */
  readonly spent: Spent
  /** By whose pause it rests. */
  readonly paused: PausedBy | null
  /** Somebody deleted it: nothing follows. */
  readonly deleted: boolean
}
