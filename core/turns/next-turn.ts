/** What a prompt does next, from the turns it already had: the same answer after every restart. Acts on nothing. */
import type { OutputSpec, RetryRules, TurnedWhy } from '#plugins/contract'
import { fail } from '../errors.ts'
import { turnFailure } from '../failure.ts'
import type { Failure } from '../failure.ts'
import { MAX_DECLINED } from '../inbox/requests.ts'
import type { TurnRecord } from '../store/records.ts'
import { parseAnswer } from '../structured-output.ts'
import type { AnswerFailure, ParsedAnswer } from '../structured-output.ts'
import { READING_TOOLS } from '../tools.ts'

export type NextTurn<T> =
  | { readonly do: 'send'; readonly ordinal: number; readonly reason: TurnRecord['reason']; readonly follow: FollowUp | null }
  | { readonly do: 'resume'; readonly turn: TurnRecord }
  /** The provider's limit ends at a known time: the ticket waits for it, then goes on by itself. */
  | { readonly do: 'wait'; readonly until: number }
  | { readonly do: 'value'; readonly value: T; readonly repairs: readonly string[] }
  | { readonly do: 'fail'; readonly why: TurnedWhy; readonly failure: Failure }
/** What the next turn answers: an invalid answer, or an answer that is not finished (its own words). */
export type FollowUp = { readonly kind: 'invalid'; readonly failure: AnswerFailure } | { readonly kind: 'words'; readonly text: string }

export interface PromptFacts<T> {
  readonly name: string
  readonly turns: readonly TurnRecord[]
  readonly output: OutputSpec<T>
  readonly rules: RetryRules
  /** Continuation turns a person granted. */
  readonly continues: number
  readonly now: number
  /** The longest wait for a provider's limit (milliseconds); null: a person decides. */
  readonly usageWaitMs: number | null
  /** The answer counts only when a tool that reads was used in one of the turns. */
  readonly look?: boolean
  /** How often nobody answered in time in this attempt, up to now. */
  readonly declined: number
}

/** Times that a prompt waits for a provider's limit by itself. */
const MAX_WAITS = 3
/** Turns of a prompt that go on after a question that nobody answered: past them the model asks and asks. */
const MAX_DECLINED_TURNS = MAX_DECLINED + 2
const CONTINUE_TEXT = 'Please continue where you left off, and finish with the required output.'

export async function nextTurn<T>(facts: PromptFacts<T>): Promise<NextTurn<T>> {
  const last = facts.turns.at(-1)
  if (!last) return { do: 'send', ordinal: 1, reason: 'first', follow: null }
  if (last.receipt !== 'settled') return { do: 'resume', turn: last }
  const used = (reason: TurnRecord['reason']): number => facts.turns.filter((t) => t.reason === reason).length
  const send = (reason: TurnRecord['reason'], follow: FollowUp | null): NextTurn<T> => ({
    do: 'send',
    ordinal: last.ordinal + 1,
    reason,
    follow,
  })
  // Continuations after a limit passed are ours, the others a person's: one never uses up the other.
  const limits = facts.turns.filter((t, i) => t.reason === 'continue' && limitOf(facts.turns[i - 1], facts) !== null).length
  const waited = Math.min(limits, MAX_WAITS)
  const orWait = (end: NextTurn<T>): NextTurn<T> => {
    const until = limitOf(last, facts)
    if (until === null || waited === MAX_WAITS) return end
    return facts.now < until ? { do: 'wait', until } : send('continue', { kind: 'words', text: CONTINUE_TEXT })
  }
  const orContinue = (end: NextTurn<T>): NextTurn<T> =>
    used('continue') - waited < facts.continues ? send('continue', { kind: 'words', text: CONTINUE_TEXT }) : end

  const people = afterPeople(facts, last)
  if (people) return send(people.reason, people.follow)
  const failed = turnFailure(last)
  if (failed) return orContinue(orWait({ do: 'fail', why: whyOf(failed), failure: failed }))
  const parsed = seen(facts, await parseAnswer(last.settlement?.text ?? '', facts.output))
  if (!parsed.ok) {
    if (used('structured') < facts.rules.structured) return send('structured', { kind: 'invalid', failure: parsed })
    return orContinue(invalid(facts, parsed.error))
  }
  const more = facts.output.more?.(parsed.value)
  if (more === undefined) return { do: 'value', value: parsed.value, repairs: parsed.repairs }
  if (used('keep_working') < facts.rules.keepWorking) return send('keep_working', { kind: 'words', text: more })
  return orContinue(invalid(facts, `it still says that the work is not finished after ${facts.rules.keepWorking} further turns`))
}

function seen<T>({ look, turns }: PromptFacts<T>, parsed: ParsedAnswer<T>): ParsedAnswer<T> {
  const looked = turns.some((turn) => turn.settlement?.tools.some((tool) => (READING_TOOLS as readonly string[]).includes(tool)))
  if (!parsed.ok || look !== true || looked) return parsed
  return { ok: false, class: 'unseen', error: `Use one of ${READING_TOOLS.slice(0, 4).join(', ')} first; then answer from what you found.` }
}

/** What people did, or did not do, asks for another turn, whatever the answer is. */
function afterPeople<T>(
  { turns, declined }: PromptFacts<T>,
  last: TurnRecord,
): { reason: TurnRecord['reason']; follow: FollowUp | null } | null {
  const how = last.settlement?.how
  if (how === 'resent') return { reason: 'resend', follow: begins(turns) ? null : { kind: 'words', text: wordsOf(last) } }
  if (how !== 'rejected' || last.stopping !== 'declined') return null
  if (turns.filter((t) => t.reason === 'declined').length >= MAX_DECLINED_TURNS) return null
  return { reason: 'declined', follow: { kind: 'words', text: declinedText(declined) } }
}

/** Nothing but the first request was ever sent. */
const begins = (turns: readonly TurnRecord[]): boolean => turns.every((t) => t.reason === 'first' || t.reason === 'resend')
const wordsOf = ({ request }: TurnRecord): string => request.parts.map((part) => part.text).join('\n')

/** A declined question ended the turn: the model learns why, and how it is to go on. */
const declinedText = (times: number): string =>
  times >= MAX_DECLINED
    ? 'Nobody answers questions here any more. Decide yourself: where something is unclear, choose what is most sensible and say what you assumed. Do not use the `question` tool again; it is refused at once. Go on, and finish with the required output.'
    : `Nobody answered your question in time (${times} of ${MAX_DECLINED}). Go on without the answer where you can: choose what is most sensible and say what you assumed. Ask again only if you cannot go on at all. Finish with the required output.`

/** When the provider's limit that ended this turn passes; null when there is none, or it is not ours to wait for. */
function limitOf(turn: TurnRecord | undefined, { usageWaitMs }: Pick<PromptFacts<unknown>, 'usageWaitMs'>): number | null {
  const until = turn?.settlement?.how === 'finished' ? undefined : turn?.settlement?.error?.resetAt
  if (until === undefined || usageWaitMs === null || until - (turn?.settledAt ?? 0) > usageWaitMs) return null
  return until
}

const whyOf = (failure: Failure): TurnedWhy =>
  failure.kind === 'timed_out' ? 'timed_out' : failure.kind === 'rejected' ? 'rejected' : 'failed'

function invalid<T>(facts: PromptFacts<T>, problem: string): NextTurn<T> {
  const last = facts.turns.at(-1)
  const error = fail('ANSWER_INVALID', { prompt: facts.name, tries: facts.turns.length, problem })
  return {
    do: 'fail',
    why: 'invalid',
    failure: { kind: 'invalid', error, retry: 'rules', continuable: null, turnId: last?.turnId ?? null },
  }
}
