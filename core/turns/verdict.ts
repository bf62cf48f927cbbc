/**
 * What became of a turn: the pure table. Facts in, verdict out; nothing here asks, waits or writes.
 *
 * The rows and their order are the promise "a turn runs once". They rest on what OpenCode does (measured on 1.18): a 204
 * is no admission; a message id is an upsert key; a turn ended by error or crash runs again when its id is posted again;
 * after a crash nothing resumes and an unfinished assistant stays unfinished for ever; a rejected question leaves a last
 * assistant that finished with `tool-calls`.
 */
import type { RemoteError, RemoteMessage } from '../opencode/adapter.ts'
import { isRefusal } from '../store/records.ts'
import type { SettledHow, Stopping } from '../store/records.ts'

/** Milliseconds after the last POST in which an absent message may still arrive. */
export const ADMISSION_WINDOW_MS = 30_000
export const MAX_POSTS = 3
/** Asked twice, this far apart, before "not running" is believed. */
export const QUIET_MS = 1_000

export interface TurnFacts {
  readonly turnId: string
  readonly partTexts: readonly string[]
  readonly settled: boolean
  readonly posts: number
  readonly msSincePost: number | null
  /** OpenCode's process is proven to have started after the last POST: what is absent now will not come. */
  readonly youngerProcess: boolean
  readonly stopping: Stopping | null
  /** `other_opencode`: another server than the turn's; `unreadable`: it could not be asked. */
  readonly reach: 'ok' | 'session_gone' | 'unreadable' | 'other_opencode'
  /** Oldest first. Meaningless unless `reach` is ok. */
  readonly messages: readonly RemoteMessage[]
  /** From the status of the session's own directory. `quiet`: no entry, twice, QUIET_MS apart, no durable event between. */
  readonly running: 'busy' | 'retry' | 'absent' | 'quiet'
  /** Times the stored bytes were posted for a stored-but-never-started message (row 9). */
  readonly restarts: number
}

export type Verdict = { readonly row: number; readonly chains: number } & (
  | { readonly do: 'return' }
  | {
      readonly do: 'settle'
      readonly how: SettledHow
      readonly answer: readonly RemoteMessage[]
      readonly finish: string | null
      readonly error: RemoteError | null
    }
  | { readonly do: 'unverified'; readonly why: string }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'post'; readonly restart: boolean }
  | { readonly do: 'rejoin' }
  | { readonly do: 'look_again' }
  | { readonly do: 'uncertain'; readonly why: string }
)

const NOT_FINAL = new Set(['tool-calls', 'unknown'])

export function verdict(facts: TurnFacts): Verdict {
  if (facts.settled) return { row: 1, chains: 0, do: 'return' }
  if (facts.reach === 'session_gone') return settle(2, 'lost', NO_CHAIN)
  if (facts.reach !== 'ok') return { row: 3, chains: 0, do: 'unverified', why: facts.reach }
  const chain = chainOf(facts)
  if (!chain) return absent(facts)
  return chain.disturbed ? disturbed(facts, chain) : undisturbed(facts, chain)
}

export interface Chain {
  /** Assistants that answer us, oldest first, summaries left out. */
  readonly answer: readonly RemoteMessage[]
  /** Of compactions on the way. */
  readonly summaries: readonly RemoteMessage[]
  /** A later user message that is neither a compaction, nor synthetic, nor a copy of ours. */
  readonly disturbed: boolean
  readonly newestUser: boolean
  /** Distinct runs under our message: more than one means OpenCode answered us twice. */
  readonly chains: number
}
const NO_CHAIN: Chain = { answer: [], summaries: [], disturbed: false, newestUser: true, chains: 0 }

/** The chain = the messages after ours up to the next foreign user message. Null when ours is absent. */
export function chainOf(facts: Pick<TurnFacts, 'turnId' | 'partTexts' | 'messages'>): Chain | null {
  const start = facts.messages.findIndex((m) => m.id === facts.turnId)
  if (start < 0) return null
  const after = facts.messages.slice(start + 1)
  const foreign = after.findIndex((m) => m.role === 'user' && !continuesOurs(m, facts.partTexts))
  const chain = foreign < 0 ? after : after.slice(0, foreign)
  const answer = chain.filter((m) => m.role === 'assistant' && !m.summary)
  const summaries = chain.filter((m) => m.role === 'assistant' && m.summary)
  return { answer, summaries, disturbed: foreign >= 0, newestUser: !after.some((m) => m.role === 'user'), chains: countRuns(answer) }
}

/** A run ends with a final assistant, or with one that was cut off; the steps before it finished with `tool-calls`. */
const countRuns = (answer: readonly RemoteMessage[]): number =>
  answer.filter((m, i) => isFinal(m) || m.completedAt === undefined || i === answer.length - 1).length

function continuesOurs(message: RemoteMessage, ours: readonly string[]): boolean {
  if (message.parts.some((p) => p.type === 'compaction')) return true
  const texts = message.parts.filter((p) => p.type === 'text')
  if (texts.length > 0 && texts.every((p) => p.synthetic)) return true
  return texts.length > 0 && texts.length === ours.length && texts.every((p, i) => p.text === ours[i])
}

/** Nothing more follows in its run. */
export const isFinal = (m: RemoteMessage): boolean =>
  m.completedAt !== undefined && (m.error !== undefined || (m.finish !== undefined && !NOT_FINAL.has(m.finish)))

function absent(facts: TurnFacts): Verdict {
  const late = isLate(facts)
  if (facts.posts > 0 && !late) return { row: 4, chains: 0, do: 'wait', ms: ADMISSION_WINDOW_MS - (facts.msSincePost ?? 0) }
  if (facts.stopping) return settle(4, howStopped(facts), NO_CHAIN)
  if (facts.posts >= MAX_POSTS) return settle(4, 'not_started', NO_CHAIN)
  return { row: 4, chains: 0, do: 'post', restart: false }
}

/** What the last POST was to bring will not come any more. */
const isLate = (facts: TurnFacts): boolean => facts.youngerProcess || facts.msSincePost === null || facts.msSincePost >= ADMISSION_WINDOW_MS

function undisturbed(facts: TurnFacts, chain: Chain): Verdict {
  const last = chain.answer.at(-1)
  if (last && isFinal(last)) return settleBy(5, facts, chain)
  if (facts.running === 'busy' || facts.running === 'retry') return { row: 6, chains: chain.chains, do: 'rejoin' }
  if (facts.running === 'absent') return { row: last ? 7 : 9, chains: chain.chains, do: 'look_again' }
  if (last && last.completedAt !== undefined) return settle(7, howStopped(facts), chain)
  if (last) return settle(8, facts.stopping ? howStopped(facts) : 'interrupted', chain)
  return facts.stopping ? settle(9, howStopped(facts), chain) : neverStarted(facts, chain)
}

/** Row 9: stored, and nothing began to answer it. */
function neverStarted(facts: TurnFacts, chain: Chain): Verdict {
  if (chain.newestUser && facts.restarts === 0) return { row: 9, chains: chain.chains, do: 'post', restart: true }
  // A directory that OpenCode opens only now may take seconds to begin; given up too early, it would be asked twice.
  if (!isLate(facts)) return { row: 9, chains: chain.chains, do: 'wait', ms: ADMISSION_WINDOW_MS - (facts.msSincePost ?? 0) }
  return settle(9, 'not_started', chain)
}

function disturbed(facts: TurnFacts, chain: Chain): Verdict {
  const last = chain.answer.at(-1)
  if (last && isFinal(last)) return settleBy(10, facts, chain)
  return { row: 10, chains: chain.chains, do: 'uncertain', why: 'another user message follows ours and no finished answer lies between' }
}

function settleBy(row: number, facts: TurnFacts, chain: Chain): Verdict {
  const last = chain.answer.at(-1)
  if (!last?.error) return settle(row, 'finished', chain)
  const aborted = last.error.name === 'MessageAbortedError'
  return settle(row, aborted ? (isRefusal(facts.stopping) ? 'rejected' : 'aborted') : 'failed', chain)
}

const howStopped = (facts: TurnFacts): SettledHow =>
  isRefusal(facts.stopping) ? 'rejected' : facts.stopping === null ? 'interrupted' : 'aborted'

function settle(row: number, how: SettledHow, chain: Chain): Verdict {
  const last = chain.answer.at(-1)
  return { row, chains: chain.chains, do: 'settle', how, answer: chain.answer, finish: last?.finish ?? null, error: last?.error ?? null }
}
