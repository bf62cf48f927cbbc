/** The points of a turn at which something is killed, and how each is met: at a verb of the store, or at the wire. */
import type { Answer, Script, ScriptedRequest } from '../scripted-model.ts'
import type { Frame, Rule } from './proxy.ts'

/** Where in the store: the child program says so and stands still. */
export interface StorePoint {
  readonly verb: string
  readonly when: 'before' | 'after'
}
export interface Point {
  readonly at: { readonly store: StorePoint } | { readonly wire: Omit<Rule, 'act'> }
  /** What the model does. */
  readonly talk: keyof typeof TALKS
  /** Requests that the model has surely got at this point. */
  readonly asked: number
}

const PROMPT = /^\/session\/[^/]+\/prompt_async$/
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
  'last part': { at: part((p) => p['type'] === 'text' && timeOf(p)['end'] !== undefined), talk: 'plain', asked: 1 },
  completed: { at: message((info) => info['role'] === 'assistant' && timeOf(info)['completed'] !== undefined), talk: 'plain', asked: 1 },
  settled: { at: { store: { verb: 'settleTurn', when: 'after' } }, talk: 'plain', asked: 1 },
} as const satisfies Readonly<Record<string, Point>>
export type PointName = keyof typeof POINTS
export const POINT_NAMES = Object.keys(POINTS) as readonly PointName[]

function stateType(frame: Frame): unknown {
  return (frame.properties?.['status'] as { type?: unknown } | undefined)?.type
}

// ------------------------------------------------------------------------------------------------ the model

const SAID = '<SAID>{"said": "all of it"}</SAID>'
const plain: Answer = { chunks: [...Array.from({ length: 12 }, (_, i) => `word${i} `), SAID], everyMs: 25 }
const calls = (name: string, args: unknown): Answer => ({ toolCalls: [{ name, args }] })
const QUESTION = {
  questions: [
    {
      header: 'Colour',
      question: 'Which colour?',
      options: [
        { label: 'Red', description: 'as a rose' },
        { label: 'Blue', description: 'as the sea' },
      ],
    },
  ],
}
const RETRY_AFTER_MS = '1500'

/** One for each run of a cell: some remember that they were asked before. */
export const TALKS = {
  plain: (): Script => () => plain,
  tool: (): Script => onceATurn(calls('bash', { command: 'sleep 1; echo ready', description: 'Get ready' })),
  question: (): Script => onceATicket(calls('question', QUESTION)),
  permission: (): Script => onceATurn(calls('bash', { command: 'echo allowed > allowed.txt', description: 'Write' })),
  retry: (): Script => onceATicket({ status: 429, headers: { 'retry-after-ms': RETRY_AFTER_MS } }),
}

const onceATurn =
  (first: Answer): Script =>
  ({ toolResults }: ScriptedRequest) =>
    toolResults.length === 0 ? first : plain

function onceATicket(first: ReturnType<Script>): Script {
  let done = false
  return () => {
    if (done) return plain
    done = true
    return first
  }
}
