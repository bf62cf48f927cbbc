/** What stands in for the model of the fake server: a function from what the model would see to what it does. */
import { LOOK } from '../../prompt-text.ts'
import type { Raw } from '../normalize.ts'

/** One model request: the brain is asked again after its tools have run, as a model is. */
export interface FakeTurn {
  /** 0 for the first request of this server. */
  readonly index: number
  readonly sessionId: string
  readonly directory: string
  readonly messageId: string
  readonly model: { readonly providerID: string; readonly modelID: string; readonly variant?: string }
  /** Text of the user message that is answered. */
  readonly text: string
  /** Names of the tools that the session's rules leave. */
  readonly tools: readonly string[]
  readonly rules: readonly FakeRule[]
  /** Of the tools called since that user message, oldest first. */
  readonly toolResults: readonly { readonly tool: string; readonly output: string }[]
  /** Raw `{info, parts}` of the session, oldest first. */
  readonly messages: readonly { readonly info: Raw; readonly parts: readonly Raw[] }[]
}
export interface FakeRule {
  readonly permission: string
  readonly pattern: string
  readonly action: string
}

export type FakeAction =
  /** `hold`: the part stays open, its text unstored, until the promise is fulfilled. */
  | { readonly type: 'text'; readonly text: string; readonly chunks?: readonly string[]; readonly hold?: PromiseLike<unknown> }
  | { readonly type: 'reasoning'; readonly text: string }
  /** `run` is the tool's effect (a spec really writes the file); what it returns is the output, a throw is a tool error. */
  | {
      readonly type: 'tool'
      readonly tool: string
      readonly input?: unknown
      readonly run?: (directory: string) => string | Promise<string>
    }
  | { readonly type: 'question'; readonly questions: readonly FakeQuestion[] }
  /** A tool that asks first: `run` happens after the permission was given. */
  | {
      readonly type: 'permission'
      readonly permission: string
      readonly patterns: readonly string[]
      readonly run?: (directory: string) => string | Promise<string>
    }
  /** A sub-agent in a session of its own, which says `text`. */
  | { readonly type: 'subagent'; readonly description: string; readonly text: string; readonly figures?: FakeFigures }
  /** What the step took; null: the message does not say. */
  | ({ readonly type: 'figures' } & FakeFigures)
  | { readonly type: 'todos'; readonly todos: readonly { readonly content: string; readonly status: string; readonly priority: string }[] }
  /** The provider refused: OpenCode waits and asks again; the next actions are that second answer. */
  | { readonly type: 'retry'; readonly message: string; readonly waitMs: number }
  /** The turn ends with this error, as OpenCode would word it. */
  | { readonly type: 'error'; readonly name: string; readonly message: string; readonly statusCode?: number }
  /** Says nothing until it is aborted. */
  | { readonly type: 'hang' }
  /** Goes on when the promise is fulfilled: how a spec holds a turn. */
  | { readonly type: 'wait'; readonly until: PromiseLike<unknown> }
  | { readonly type: 'finish'; readonly reason: string }

export interface FakeFigures {
  /** Tokens that went in; five come out. */
  readonly input: number | null
  readonly cost: number | null
}
export interface FakeQuestion {
  readonly header: string
  readonly question: string
  readonly options: readonly { readonly label: string; readonly description: string }[]
  readonly multiple?: boolean
}
export type FakeActions = Iterable<FakeAction> | AsyncIterable<FakeAction>
export type FakeBrain = (turn: FakeTurn) => FakeActions | Promise<FakeActions>

/** Answers with the example that the prompt shows: its last complete `<TAG>…</TAG>` block or json/yaml fence; where it must look first, it does. */
export const exampleBrain: FakeBrain = (turn) => [
  ...(turn.text.includes(LOOK) && turn.toolResults.length === 0 ? [{ type: 'tool' as const, tool: 'list', input: { path: '.' } }] : []),
  { type: 'text', text: lastExample(turn.text) ?? `You said: ${turn.text.slice(0, 200)}` },
]

export function lastExample(prompt: string): string | undefined {
  const blocks = [...prompt.matchAll(/<([A-Z][A-Z0-9_]*)>[^]*?<\/\1>/g), ...prompt.matchAll(/^```(?:json|yaml|jsonl|yml)\n[^]*?^```/gm)]
  return blocks.toSorted((a, b) => endOf(a) - endOf(b)).at(-1)?.[0]
}

/** Of two that end at the same place the outer one, which begins first, is listed last. */
const endOf = (match: RegExpExecArray): number => match.index + match[0].length - match.index / 1e9
