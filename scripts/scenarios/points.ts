/** The points of a turn at which something is killed, and how each is met: at a verb of the store, or at the wire. */
import { PROMPT } from './proxy.ts'
import type { Frame, Rule } from './proxy.ts'
import type { Talk } from './talks.ts'

/** Where in the store: the child program says so and stands still. */
export interface StorePoint {
  readonly verb: string
  readonly when: 'before' | 'after'
}
export interface Point {
  readonly at: { readonly store: StorePoint } | { readonly wire: Omit<Rule, 'act'> }
  /** What the model does. */
  readonly talk: Talk
  /** Requests that the model has surely got at this point; `all`: that the turn needs. */
  readonly asked: 0 | 1 | 'all'
}

const wire = (frame: (frame: Frame) => boolean): Point['at'] => ({ wire: { on: 'frame', frame } })
const infoOf = (frame: Frame): Record<string, unknown> => (frame.properties?.['info'] ?? {}) as Record<string, unknown>
const partOf = (frame: Frame): Record<string, unknown> => (frame.properties?.['part'] ?? {}) as Record<string, unknown>
const message = (fits: (info: Record<string, unknown>) => boolean): Point['at'] =>
  wire((frame) => frame.type === 'message.updated' && fits(infoOf(frame)))
const part = (fits: (part: Record<string, unknown>) => boolean): Point['at'] =>
  wire((frame) => frame.type === 'message.part.updated' && fits(partOf(frame)))
const timeOf = (of: Record<string, unknown>): Record<string, unknown> => (of['time'] ?? {}) as Record<string, unknown>
const stateOf = (of: Record<string, unknown>): unknown => (of['state'] as { status?: unknown } | undefined)?.status

export const POINTS = {
  'nothing stored': { at: { store: { verb: 'claimSlot', when: 'before' } }, talk: 'plain', asked: 0 },
  'slot claimed': { at: { store: { verb: 'claimSlot', when: 'after' } }, talk: 'plain', asked: 0 },
  intended: { at: { store: { verb: 'intendTurn', when: 'after' } }, talk: 'plain', asked: 0 },
  posted: { at: { wire: { on: 'request', method: 'POST', path: PROMPT } }, talk: 'plain', asked: 0 },
  'answered 204': { at: { wire: { on: 'reply', method: 'POST', path: PROMPT } }, talk: 'plain', asked: 0 },
  message: { at: message((info) => info['role'] === 'user'), talk: 'plain', asked: 0 },
  parts: { at: part((p) => p['type'] === 'text' && timeOf(p)['start'] === undefined), talk: 'plain', asked: 0 },
  assistant: { at: message((info) => info['role'] === 'assistant'), talk: 'plain', asked: 1 },
  'tool running': { at: part((p) => p['type'] === 'tool' && stateOf(p) === 'running'), talk: 'tool', asked: 1 },
  'question open': { at: wire((frame) => frame.type === 'question.asked'), talk: 'question', asked: 1 },
  'permission open': { at: wire((frame) => frame.type === 'permission.asked'), talk: 'permission', asked: 1 },
  'retry wait': {
    at: wire((frame) => frame.type === 'session.status' && stateType(frame) === 'retry'),
    talk: 'retry',
    asked: 1,
  },
  'last part': { at: part((p) => p['type'] === 'text' && timeOf(p)['end'] !== undefined && isAnswer(p)), talk: 'plain', asked: 'all' },
  completed: { at: message((info) => info['role'] === 'assistant' && isOver(info)), talk: 'plain', asked: 'all' },
  settled: { at: { store: { verb: 'settleTurn', when: 'after' } }, talk: 'plain', asked: 'all' },
} as const satisfies Readonly<Record<string, Point>>
export type PointName = keyof typeof POINTS
export const POINT_NAMES = Object.keys(POINTS) as readonly PointName[]

/** Not what is said before a tool is called. */
function isAnswer(textPart: Record<string, unknown>): boolean {
  return String(textPart['text']).includes('</')
}
function isOver(info: Record<string, unknown>): boolean {
  return timeOf(info)['completed'] !== undefined && info['finish'] !== 'tool-calls'
}
function stateType(frame: Frame): unknown {
  return (frame.properties?.['status'] as { type?: unknown } | undefined)?.type
}
