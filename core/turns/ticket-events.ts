/** What OpenCode tells of a turn, as ticket events: pure. The key makes each durable fact count once, however often it is seen. */
import type { OpencodeEvent, RemoteMessage, RemotePart } from '../opencode/adapter.ts'
import { event } from '../events/events.ts'
import type { NewEvent } from '../events/events.ts'
import type { TurnRecord } from '../store/records.ts'

const MAX_OUTPUT = 8_000
const MAX_TEXT = 200_000

/** `owner`: the sub-agent's session the event came from, null when it is the turn's own. */
export interface OfTurn {
  readonly turn: Pick<TurnRecord, 'turnId' | 'phase' | 'attempt' | 'prompt'>
  readonly owner: string | null
}
const base = ({ turn }: OfTurn): { turnId: string; phase: string; attempt: number; prompt: string } => ({
  turnId: turn.turnId,
  phase: turn.phase,
  attempt: turn.attempt,
  prompt: turn.prompt,
})

/** A part in a state worth keeping: ended text, a tool that runs or ended, a finished step. Else null. */
export function partEvent(sessionId: string, part: RemotePart, of: OfTurn): NewEvent | null {
  const key = (state: string): string => `${sessionId}:${part.id}:${state}`
  switch (part.type) {
    case 'text':
    case 'reasoning':
      if (!part.ended || part.text === '') return null
      return event(part.type, { ...base(of), partId: part.id, text: cut(part.text, MAX_TEXT).text, owner: of.owner }, key('ended'))
    case 'tool': {
      if (part.state === 'pending') return null
      const output = part.output === null ? null : cut(part.output, MAX_OUTPUT)
      const { tool, state, title, input } = part
      return event(
        'tool',
        {
          ...base(of),
          partId: part.id,
          tool,
          state,
          title,
          input,
          output: output?.text ?? null,
          cut: output?.cut ?? false,
          owner: of.owner,
        },
        key(state),
      )
    }
    case 'step-finish':
      return event(
        'step.finished',
        { ...base(of), partId: part.id, reason: part.reason, tokens: part.tokens, cost: part.cost, owner: of.owner },
        key('finished'),
      )
    default:
      return null
  }
}

/** Everything durable in the messages of a turn's answer. A cut-off turn's open parts are left out. */
export const messageEvents = (messages: readonly RemoteMessage[], of: OfTurn): readonly NewEvent[] =>
  messages
    .filter((m) => m.role === 'assistant')
    .flatMap((m) => m.parts.map((part) => partEvent(m.sessionId, part, of)))
    .filter((e) => e !== null)

/** Live facts that are kept in the log as they pass by. */
export function streamEvent(seen: OpencodeEvent, of: OfTurn): NewEvent | null {
  switch (seen.type) {
    case 'session.status': {
      const s = seen.status
      if (s.type === 'retry')
        return event(
          'session.status',
          { ...base(of), status: s.type, attempt: s.attempt, message: s.message, next: s.next },
          `${seen.sessionId}:${of.turn.turnId}:retry:${s.attempt}`,
        )
      return null
    }
    case 'session.error':
      return event('session.error', { ...base(of), error: seen.error })
    case 'todo.updated':
      return event('todo', { ...base(of), todos: seen.todos })
    default:
      return null
  }
}

function cut(text: string, max: number): { text: string; cut: boolean } {
  if (text.length <= max) return { text, cut: false }
  const half = Math.floor(max / 2)
  return { text: `${text.slice(0, half)}\n… ${text.length - max} characters left out …\n${text.slice(-half)}`, cut: true }
}
