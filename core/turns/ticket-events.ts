/** What OpenCode tells of a turn, as ticket events: pure. The key makes each durable fact count once, however often it is seen. */
import type { OpencodeEvent, RemoteMessage, RemotePart } from '../opencode/adapter.ts'
import { event } from '../events/events.ts'
import { redactDeep } from '../redact.ts'
import type { NewEvent } from '../events/events.ts'
import type { Progress } from '../events/live.ts'
import type { Json } from '#plugins/contract'
import type { TurnRecord } from '../store/records.ts'

const MAX_OUTPUT = 8_000
const MAX_TEXT = 200_000
/** Of each text in a tool's input: a whole file may be written with one. */
const MAX_INPUT = 4_000
/** Of what a tool at work has printed so far. */
const MAX_PROGRESS = 2_000

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
      const { tool, state, title } = part
      const output = part.output === null || state === 'running' ? null : cut(part.output, MAX_OUTPUT)
      const input = cutInput(part.input)
      return event(
        'tool',
        {
          ...base(of),
          partId: part.id,
          tool,
          state,
          title,
          input: input.value,
          output: output?.text ?? null,
          cut: input.cut || (output?.cut ?? false),
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

/** The event of a part, and what follows from it: a tool that ended well may have written a file. */
export function partEvents(sessionId: string, part: RemotePart, of: OfTurn): readonly NewEvent[] {
  const made = partEvent(sessionId, part, of)
  if (made === null) return []
  const file = part.type === 'tool' && part.state === 'completed' && WRITERS.has(part.tool) ? textOf(part.input, 'filePath') : undefined
  return file === undefined ? [made] : [made, event('file.edited', { file }, `${sessionId}:${part.id}:file`)]
}
const WRITERS: ReadonlySet<string> = new Set(['write', 'edit'])
const textOf = (input: Json, name: string): string | undefined => {
  const value =
    typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Readonly<Record<string, Json>>)[name] : undefined
  return typeof value === 'string' ? value : undefined
}

/** What is worth showing of a part before its end, and is not kept. */
export function progressOf(part: RemotePart, { turn: { turnId }, owner }: OfTurn): Progress | null {
  const { id: partId } = part
  if (part.type === 'step-start') return { type: 'step.started', turnId, partId, owner }
  if (part.type !== 'tool' || (part.state !== 'pending' && part.state !== 'running')) return null
  const { tool, state, title } = part
  const input = cutInput(part.input)
  const output = part.output?.slice(-MAX_PROGRESS) ?? null
  const shortened = input.cut || (part.output?.length ?? 0) > MAX_PROGRESS
  return redactDeep({ type: 'tool.progress', turnId, partId, tool, state, title, input: input.value, output, cut: shortened, owner })
}

/** Busy or idle; a wait for the provider is durable. */
export function activityOf(seen: OpencodeEvent, { turn: { turnId }, owner }: OfTurn): Progress | null {
  if (seen.type !== 'session.status' || seen.status.type === 'retry') return null
  return { type: 'session.activity', turnId, status: seen.status.type, owner }
}

/** Everything durable in the messages of a turn's answer. A cut-off turn's open parts are left out. */
export const messageEvents = (messages: readonly RemoteMessage[], of: OfTurn): readonly NewEvent[] =>
  messages.filter((m) => m.role === 'assistant').flatMap((m) => m.parts.flatMap((part) => partEvents(m.sessionId, part, of)))

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
    case 'session.compacted':
      return event('session.compacted', { ...base(of), owner: of.owner })
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

/** Long texts in a tool's input, each cut by itself. */
function cutInput(input: Json): { value: Json; cut: boolean } {
  let shortened = false
  const walk = (value: Json): Json => {
    if (typeof value === 'string') {
      const short = cut(value, MAX_INPUT)
      shortened ||= short.cut
      return short.text
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((one: Json) => walk(one))
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, inner === undefined ? null : walk(inner)]))
  }
  return { value: walk(input), cut: shortened }
}
