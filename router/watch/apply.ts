/** Batches of a ticket's stream → its view. Pure bookkeeping: the same batches give the same view, wherever they were cut. */
import { NOTHING_SPENT, plus, spentBy, TICKET_STATUSES, type DurableEvent, type EventData, type LiveEvent } from '#core/events'
import type { WatchedPart, WatchedRequest, WatchedTicket, WatchedTurn } from './view.ts'

const [draft, , , blocked] = TICKET_STATUSES

export interface Batch {
  readonly id: string
  readonly events: readonly DurableEvent[]
  readonly live: readonly LiveEvent[]
}

export function emptyView(ticketId: string): WatchedTicket {
  return {
    ...{ ticketId, id: null, title: '', pipeline: '', status: draft, waitingFor: null, until: null, branch: null },
    ...{ paused: null, deleted: false },
    ...{
      phases: [],
      phase: null,
      attempt: null,
      blocked: null,
      turns: [],
      beads: [],
      artifacts: [],
      todos: [],
      waiting: [],
      spent: NOTHING_SPENT,
    },
  }
}

/** The view after a batch. Types that this version does not know change nothing. */
export function applyBatch(view: WatchedTicket, batch: Batch): WatchedTicket {
  const began = batch.live.some((live) => live.type === 'gap') ? emptyView(view.ticketId) : view
  let now = began
  for (const event of batch.events) now = applyEvent(now, event)
  return { ...batch.live.reduce(applyLive, now), id: batch.id }
}

/** A delta counts only when it goes on where the text ends; else a snapshot or the finished text sets it right. */
function applyLive(view: WatchedTicket, live: LiveEvent): WatchedTicket {
  switch (live.type) {
    case 'gap':
    case 'step.started':
      return view
    case 'session.activity':
      return changeTurn(view, live.turnId, (turn) => (live.status === 'busy' && live.owner === null ? { ...turn, note: null } : turn))
    case 'tool.progress':
      return workingTool(view, live)
    default:
      return growingText(view, live)
  }
}

type LiveOf<T extends LiveEvent['type']> = Extract<LiveEvent, { type: T }>

function workingTool(
  view: WatchedTicket,
  { turnId, partId, tool, state, title, input, output, cut, owner }: LiveOf<'tool.progress'>,
): WatchedTicket {
  const shown = { tool, state, title, input: input as EventData['tool']['input'], cut }
  return changeTurn(view, turnId, (turn) =>
    changePart(turn, { partId, kind: 'tool', text: '', open: true, tool: shown, owner }, (part) =>
      part.open ? { ...part, text: output ?? part.text, tool: shown } : part,
    ),
  )
}

function growingText(view: WatchedTicket, live: LiveOf<'delta' | 'part.snapshot'>): WatchedTicket {
  const { turnId, partId, kind } = live
  return changeTurn(view, turnId, (turn) =>
    changePart(turn, { partId, kind, text: '', open: true, owner: null }, (part) => {
      if (!part.open) return part
      if (live.type === 'part.snapshot') return { ...part, text: live.text }
      return part.text.length === live.offset ? { ...part, text: part.text + live.text } : part
    }),
  )
}

type Change = Partial<WatchedTicket>
type Changes = { readonly [T in keyof EventData]?: (view: WatchedTicket, data: EventData[T]) => Change }

function applyEvent(view: WatchedTicket, event: DurableEvent): WatchedTicket {
  const change = CHANGES[event.type] as ((view: WatchedTicket, data: unknown) => Change) | undefined
  return change ? { ...view, ...change(view, event.data) } : view
}

const note =
  <T extends { readonly turnId: string }>(say: (data: T) => string | null) =>
  (view: WatchedTicket, data: T): Change =>
    changeTurn(view, data.turnId, (turn) => ({ ...turn, note: say(data) }))
const receipt =
  (to: WatchedTurn['receipt']) =>
  (view: WatchedTicket, data: { readonly turnId: string }): Change =>
    changeTurn(view, data.turnId, (turn) => ({ ...turn, receipt: to, note: null }))

const CHANGES: Changes = {
  'ticket.created': (_view, { title, pipeline }) => ({ title, pipeline }),
  'ticket.started': (_view, { pipeline, branch, phases }) => ({ pipeline, branch, phases }),
  'ticket.status': (_view, { status, waitingFor = null, until = null }) => {
    return { status, waitingFor, until, ...(status === blocked ? {} : { blocked: null }) }
  },
  'ticket.blocked': (_view, { code, message, hint, actions }) => ({ blocked: { code, message, hint, actions } }),
  'ticket.paused': (_view, { by }) => ({ paused: by }),
  'ticket.resumed': () => ({ paused: null }),
  'ticket.deleted': () => ({ deleted: true }),
  'phase.entered': (_view, { phase, attempt }) => ({ phase, attempt }),
  'turn.intended': (view, { turnId, phase, attempt, prompt, model }) =>
    changeTurn(view, turnId, (turn) => ({ ...turn, phase, attempt, prompt, model })),
  'turn.sent': receipt('sent'),
  'turn.admitted': receipt('admitted'),
  'turn.rejoined': note(() => null),
  'turn.uncertain': (view, { turnId, problem }) => changeTurn(view, turnId, (turn) => ({ ...turn, receipt: 'uncertain', note: problem })),
  'turn.settled': (view, { turnId, how, finish, tokens, cost, untold, error, ms }) => ({
    ...changeTurn(view, turnId, (turn) => ({
      ...turn,
      receipt: 'settled',
      note: null,
      settled: { how, finish, tokens, cost, ...(untold ? { untold } : {}), error, ms },
      parts: turn.parts.map((part) => (part.open ? { ...part, open: false } : part)),
    })),
    spent: plus(view.spent, spentBy({ tokens, cost, untold: untold ?? 0 })),
  }),
  'turn.silent': note(({ ms }) => `no sign from the model for ${Math.round(ms / 1_000)} s`),
  'turn.unverified': note(({ problem }) => problem),
  'turn.verified': note(() => null),
  'session.status': note(({ status, message }) => (message === undefined ? status : `${status}: ${message}`)),
  'session.error': note(({ error }) => error.message),
  text: (view, data) => closedText(view, data, 'text'),
  reasoning: (view, data) => closedText(view, data, 'reasoning'),
  tool: (view, { turnId, partId, tool, state, title, input, output, cut, owner }) =>
    changeTurn(view, turnId, (turn) => {
      const open = state === 'pending' || state === 'running'
      const now: WatchedPart = { partId, kind: 'tool', text: output ?? '', open, tool: { tool, state, title, input, cut }, owner }
      // What it has printed so far came ahead of the event that says it runs.
      return changePart({ ...turn, note: null }, now, (known) => (open && output === null ? { ...now, text: known.text } : now))
    }),
  todo: (_view, { todos }) => ({ todos }),
  'item.changed': (view, item) => ({ beads: placed(view.beads, item, (other) => other.id === item.id) }),
  'artifact.saved': (view, saved) => ({
    artifacts: placed(view.artifacts, saved, (other) => other.kind === saved.kind && other.phase === saved.phase),
  }),
  'artifact.voided': (view, { kind, revision }) => ({
    artifacts: view.artifacts.filter((a) => a.kind !== kind || a.revision !== revision),
  }),
  'gate.opened': (view, data) => asked(view, { id: data.gateId, kind: 'gate', detached: false, data }),
  'question.asked': (view, data) => asked(view, { id: data.requestId, kind: 'question', detached: false, data }),
  'permission.asked': (view, data) => asked(view, { id: data.requestId, kind: 'permission', detached: false, data }),
  'question.detached': (view, { requestId }) => ({
    waiting: view.waiting.map((entry) => (entry.id === requestId ? { ...entry, detached: true } : entry)),
  }),
  'request.held': (view, { requestId, deadline }) => ({
    waiting: view.waiting.map((entry) => (entry.id === requestId ? { ...entry, data: { ...entry.data, deadline } } : entry)),
  }),
  'gate.decided': (view, { gateId }) => closed(view, gateId),
  'gate.closed': (view, { gateId }) => closed(view, gateId),
  'question.closed': (view, { requestId }) => closed(view, requestId),
  'permission.closed': (view, { requestId }) => closed(view, requestId),
}

function closedText(view: WatchedTicket, { turnId, partId, text, owner }: EventData['text'], kind: 'text' | 'reasoning'): WatchedTicket {
  const now: WatchedPart = { partId, kind, text, open: false, owner }
  return changeTurn(view, turnId, (turn) => changePart({ ...turn, note: null }, now, () => now))
}

function changeTurn(view: WatchedTicket, turnId: string, change: (turn: WatchedTurn) => WatchedTurn): WatchedTicket {
  const known = view.turns.find((turn) => turn.turnId === turnId)
  const turn: WatchedTurn = known ?? {
    ...{ turnId, phase: view.phase ?? '', attempt: view.attempt ?? 1, prompt: '', model: null },
    ...{ receipt: 'intended', note: null, settled: null, parts: [] },
  }
  return { ...view, turns: placed(view.turns, change(turn), (other) => other.turnId === turnId) }
}

function changePart(turn: WatchedTurn, fresh: WatchedPart, change: (part: WatchedPart) => WatchedPart): WatchedTurn {
  const known = turn.parts.find((part) => part.partId === fresh.partId) ?? fresh
  return { ...turn, parts: placed(turn.parts, change(known), (other) => other.partId === fresh.partId) }
}

const asked = (view: WatchedTicket, request: WatchedRequest): Change => ({
  waiting: placed(view.waiting, request, (other) => other.id === request.id),
})
const closed = (view: WatchedTicket, id: string): Change => ({ waiting: view.waiting.filter((entry) => entry.id !== id) })

/** In the place of the one that it replaces, else at the end. */
function placed<T>(list: readonly T[], entry: T, isIt: (other: T) => boolean): readonly T[] {
  const at = list.findLastIndex(isIt)
  return at < 0 ? [...list, entry] : list.with(at, entry)
}
