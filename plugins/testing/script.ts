/** What an author says about the world around the phase: what the model answers, what people decide, what commands do. */
import type {
  Decision,
  EvidenceFile,
  ExecResult,
  FailureKind,
  Item,
  Json,
  OutputSpec,
  PromptOptions,
  PullRequest,
  Turned,
  TurnedWhy,
} from '../contract.ts'
import type { CandidateFile, HookCheck, Survey, WorkspaceInput } from '../workspace.ts'

export interface AskedPrompt {
  readonly name: string
  /** 1, and higher for "keep working" turns of the same prompt (`OutputSpec.more`). */
  readonly turn: number
  readonly options: PromptOptions
  readonly output: OutputSpec
}
/** A value to be validated, or the result of `failed(…)`. */
export type Answer = unknown

export interface PhaseScript {
  /** By prompt name, or a function. What is not answered gets the output's example, as from the mock. */
  readonly answers?: Readonly<Record<string, Answer>> | ((prompt: AskedPrompt) => Answer)
  /** By the name of the `ask`. An ask without a decision parks the phase. */
  readonly decisions?: Readonly<Record<string, Decision>>
  readonly items?: readonly Item[]
  /** By kind. */
  readonly artifacts?: Readonly<Record<string, string | Json>>
  /** What a command does; default: exit code 0, no output. */
  readonly exec?: (command: string) => Partial<ExecResult>
  /** Text files of the worktree. */
  readonly files?: Readonly<Record<string, string>>
  /** Paths that differ from the base; none means that a commit finds nothing. Default `['changed.txt']`. */
  readonly changed?: readonly string[]
  /** What the repository's hooks say; default: there are none. */
  readonly hooks?: Partial<HookCheck>
  /** More about files in `changed`, by path. */
  readonly candidates?: Readonly<Record<string, Partial<CandidateFile>>>
  readonly survey?: Partial<Survey>
  /** About files of the person's checkout, by path; default: each can be used. */
  readonly inputs?: Readonly<Record<string, Partial<WorkspaceInput>>>
  readonly settings?: Readonly<Record<string, Json>>
  /** Files that a person attached. */
  readonly evidence?: readonly EvidenceFile[]
  /** The ticket's pull request, as the forge has it; without it there is no forge. */
  readonly pullRequest?: PullRequest
  /** The base branch moved on meanwhile. */
  readonly baseMoved?: { readonly moved: boolean; readonly conflicts?: readonly string[] }
  readonly ticket?: { readonly title?: string; readonly description?: string }
  readonly attempt?: number
  readonly visits?: number
  /** Of the order in which the replay's verbs complete. */
  readonly seed?: number
}

const FAILED = Symbol('failed prompt')
type Failed = Extract<Turned<unknown>, { ok: false }>

/** A prompt that ends without a value: `answers: {plan: failed('timed_out')}`. */
export function failed(why: TurnedWhy, options: { readonly kind?: FailureKind; readonly message?: string } = {}): Answer {
  const { kind = why === 'failed' ? 'provider' : why, message = `the prompt ended as ${why}` } = options
  const turned: Failed = { ok: false, why, error: { code: 'TURN_FAILED', kind, message } }
  return { [FAILED]: turned }
}

export const failureIn = (answer: Answer): Failed | null =>
  typeof answer === 'object' && answer !== null && FAILED in answer ? (answer[FAILED] as Failed) : null

export function answerTo(script: PhaseScript, asked: AskedPrompt): Answer {
  const { answers = {} } = script
  if (typeof answers === 'function') return answers(asked) ?? asked.output.example
  return Object.hasOwn(answers, asked.name) ? answers[asked.name] : asked.output.example
}
