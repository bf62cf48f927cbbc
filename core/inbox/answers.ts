/** A person's answers to what the model asked: checked, claimed, sent, closed. First answer wins. */
import type { Json } from '#plugins/contract'
import { fail, isCode } from '../errors.ts'
import type { OpencodeAdapter, QuestionItem } from '../opencode/adapter.ts'
import type { Clock } from '../ports.ts'
import type { InboxRecord } from '../store/records.ts'
import type { Fence, Store } from '../store/store.ts'

export interface AnswerEnv {
  readonly store: Store
  readonly adapter: OpencodeAdapter
  readonly clock: Clock
  /** This process's fence when it drives the ticket. */
  readonly fence: () => Promise<Fence | null>
}
type Answers = readonly (readonly string[])[]

const DECIDE_YOURSELF = 'Nobody answered in time. Decide yourself what is most sensible, and say what you assumed.'
const NOT_PERMITTED = 'Nobody decided about this in time, so it is not permitted. Do without it.'

export const questionsOf = (entry: InboxRecord): readonly QuestionItem[] =>
  (entry.payload as unknown as { questions: readonly QuestionItem[] }).questions

/** What a person wants done. Stored with the claim, so that a crash between claim and sending loses nothing. */
type Intent =
  | { readonly do: 'answer'; readonly answers: Answers }
  | { readonly do: 'reject'; readonly reason: string | null }
  | { readonly do: 'decline' }
  | { readonly do: 'permit'; readonly reply: 'once' | 'always' | 'reject'; readonly message: string | null }

export async function replyQuestion(env: AnswerEnv, ticketId: string, answer: { requestId: string; answers: Answers }): Promise<void> {
  const entry = await openEntry(env, ticketId, answer.requestId)
  checkAnswers(questionsOf(entry), answer.answers)
  await send(env, entry, { do: 'answer', answers: answer.answers })
}

export async function rejectQuestion(
  env: AnswerEnv,
  ticketId: string,
  rejection: { requestId: string; reason: string | null },
): Promise<void> {
  await send(env, await openEntry(env, ticketId, rejection.requestId), { do: 'reject', reason: rejection.reason })
}

type Permission = { requestId: string; reply: 'once' | 'always' | 'reject'; message: string | null }
export async function replyPermission(env: AnswerEnv, ticketId: string, { requestId, ...given }: Permission): Promise<void> {
  await send(env, await openEntry(env, ticketId, requestId), { do: 'permit', ...given })
}

/** Nobody answered in time. Throws what a person's answer would throw when somebody was faster. */
export async function declineRequest(env: AnswerEnv, entry: InboxRecord): Promise<void> {
  // What a detached one is told goes into the next prompt, as a person's answer would.
  if (entry.detached && entry.kind === 'question') await send(env, entry, { do: 'answer', answers: [[DECIDE_YOURSELF]] }, DECLINED)
  else await send(env, entry, { do: 'decline' })
}

/** Claimed by a process that ended before it could close it: sent when OpenCode still asks, else it was sent. */
export async function finishClaimed(env: AnswerEnv, entry: InboxRecord, stillAsked: boolean): Promise<void> {
  if (underWay.has(entry.id)) return
  const intent = intentOf(entry.answer)
  if (stillAsked) await act(env, entry, intent)
  await close(env, entry, endOf(intent))
}

async function openEntry({ store }: AnswerEnv, ticketId: string, requestId: string): Promise<InboxRecord> {
  const entry = await store.inboxEntry(ticketId, requestId)
  if (!entry || (entry.kind !== 'question' && entry.kind !== 'permission'))
    throw fail('QUESTION_UNKNOWN', { ticketId, requestId, field: 'requestId' })
  if (entry.state === 'closed' && entry.answer === null && entry.reason !== null)
    throw fail('QUESTION_UNKNOWN', { ticketId, requestId, reason: entry.reason })
  return entry
}

/** Requests that this process is sending an answer to. */
const underWay = new Set<string>()

/** claimed → sent → closed; a failed send opens it again. A detached entry has no OpenCode: its answer is kept for the next prompt. */
async function send(env: AnswerEnv, entry: InboxRecord, intent: Intent, stored?: End): Promise<void> {
  const { store, clock } = env
  underWay.add(entry.id)
  try {
    const claimed = await store.claimRequest({ ticketId: entry.ticketId, id: entry.id, answer: storedAs(intent), at: clock.now() })
    if (claimed.detached) return await close(env, entry, stored ?? { how: 'stored', reason: endOf(intent).reason })
    await sendClaimed(env, claimed, intent)
    await close(env, entry, endOf(intent))
  } finally {
    underWay.delete(entry.id)
  }
}

async function sendClaimed(env: AnswerEnv, entry: InboxRecord, intent: Intent): Promise<void> {
  const { ticketId, id: requestId } = entry
  try {
    await act(env, entry, intent)
  } catch (error) {
    await env.store.reopenRequest({ ticketId, id: requestId, at: env.clock.now() })
    if (!isCode(error, 'OPENCODE_NOT_FOUND')) throw error
    // Another client answered it, or OpenCode died: the turn's driver finds out which, and closes or detaches it.
    throw fail('QUESTION_UNKNOWN', { ticketId, requestId, reason: 'OpenCode does not ask it at this moment' }, error)
  }
}

async function act(env: AnswerEnv, entry: InboxRecord, intent: Intent): Promise<void> {
  const directory = entry.directory ?? ''
  if (endsTurn(intent, entry)) await markStopping(env, entry, intent.do === 'decline' ? 'declined' : 'rejected')
  switch (intent.do) {
    case 'answer':
      return env.adapter.replyQuestion(entry.id, directory, intent.answers)
    case 'reject':
      return env.adapter.rejectQuestion(entry.id, directory)
    case 'decline':
      return entry.kind === 'question'
        ? env.adapter.rejectQuestion(entry.id, directory)
        : env.adapter.replyPermission(entry.id, directory, 'reject', { message: NOT_PERMITTED })
    case 'permit':
      return env.adapter.replyPermission(entry.id, directory, intent.reply, intent.message === null ? {} : { message: intent.message })
  }
}

const close = ({ store, clock }: AnswerEnv, { ticketId, id }: InboxRecord, end: End): Promise<void> =>
  store.closeRequest({ ticketId, id, ...end, at: clock.now() })

/** With a message a refused permission is a tool error and the model goes on; without one the turn ends by it. */
const endsTurn = (intent: Intent, { kind }: InboxRecord): boolean =>
  intent.do === 'reject' ||
  (intent.do === 'decline' && kind === 'question') ||
  (intent.do === 'permit' && intent.reply === 'reject' && intent.message === null)

interface End {
  readonly how: string
  readonly reason: string | null
}
const DECLINED: End = { how: 'declined', reason: 'nobody answered in time' }
function endOf(intent: Intent): End {
  switch (intent.do) {
    case 'answer':
      return { how: 'answered', reason: null }
    case 'reject':
      return { how: 'rejected', reason: intent.reason }
    case 'decline':
      return DECLINED
    case 'permit':
      return { how: intent.reply, reason: intent.message }
  }
}
/** How an entry ends whose answer is on its way. */
export const endOfClaim = ({ answer }: InboxRecord): End => endOf(intentOf(answer))

/** Answers are stored as they are, so that a later prompt can carry them; the rest says what it is. */
const storedAs = (intent: Intent): Json => (intent.do === 'answer' ? intent.answers : { ...intent })
const intentOf = (answer: Json): Intent =>
  Array.isArray(answer) ? { do: 'answer', answers: answer as Answers } : (answer as unknown as Intent)

/** OpenCode checks nothing but types, so what is asked is checked here. */
function checkAnswers(questions: readonly QuestionItem[], answers: Answers): void {
  const bad = (field: string, problem: string): never => {
    throw fail('INVALID_INPUT', { field, problem })
  }
  if (answers.length !== questions.length) bad('answers', `must answer all ${questions.length} questions, in order`)
  questions.forEach((question, i) => {
    const given = answers[i] ?? []
    if (given.length === 0) bad(`answers.${i}`, 'must not be empty')
    if (!question.multiple && given.length > 1) bad(`answers.${i}`, 'takes one answer')
    const labels = new Set(question.options.map((o) => o.label))
    const strange = question.custom ? undefined : given.find((a) => !labels.has(a))
    if (strange !== undefined) bad(`answers.${i}`, `must be one of ${[...labels].join(', ')}`)
  })
}

/** Stored before the rejection is sent: the turn then settles as rejected, not as interrupted. A sub-agent's is its parent's tool error. */
async function markStopping(env: AnswerEnv, entry: InboxRecord, stopping: 'rejected' | 'declined'): Promise<void> {
  const open = (await env.store.turns(entry.ticketId)).find((t) => t.sessionId === entry.sessionId && t.settlement === null)
  const fence = open && !open.stopping ? await env.fence() : null
  if (open && fence) await env.store.markStopping(fence, { turnId: open.turnId, stopping, at: env.clock.now() })
}
