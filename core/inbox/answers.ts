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

export const questionsOf = (entry: InboxRecord): readonly QuestionItem[] =>
  (entry.payload as unknown as { questions: readonly QuestionItem[] }).questions

export async function replyQuestion(env: AnswerEnv, ticketId: string, answer: { requestId: string; answers: Answers }): Promise<void> {
  const entry = await openEntry(env, ticketId, answer.requestId)
  checkAnswers(questionsOf(entry), answer.answers)
  await send(env, entry, {
    answer: answer.answers,
    how: 'answered',
    reason: null,
    act: (directory) => env.adapter.replyQuestion(entry.id, directory, answer.answers),
  })
}

export async function rejectQuestion(
  env: AnswerEnv,
  ticketId: string,
  rejection: { requestId: string; reason: string | null },
): Promise<void> {
  const entry = await openEntry(env, ticketId, rejection.requestId)
  await send(env, entry, {
    answer: null,
    how: 'rejected',
    reason: rejection.reason,
    act: async (directory) => {
      await markRejected(env, entry)
      await env.adapter.rejectQuestion(entry.id, directory)
    },
  })
}

export async function replyPermission(
  env: AnswerEnv,
  ticketId: string,
  given: { requestId: string; reply: 'once' | 'always' | 'reject'; message: string | null },
): Promise<void> {
  const entry = await openEntry(env, ticketId, given.requestId)
  const message = given.message === null ? {} : { message: given.message }
  await send(env, entry, {
    answer: given.reply,
    how: given.reply,
    reason: given.message,
    act: async (directory) => {
      // With a message the model goes on; without one the turn ends by it.
      if (given.reply === 'reject' && given.message === null) await markRejected(env, entry)
      await env.adapter.replyPermission(entry.id, directory, given.reply, message)
    },
  })
}

async function openEntry({ store }: AnswerEnv, ticketId: string, requestId: string): Promise<InboxRecord> {
  const entry = await store.inboxEntry(ticketId, requestId)
  if (!entry || (entry.kind !== 'question' && entry.kind !== 'permission'))
    throw fail('QUESTION_UNKNOWN', { ticketId, requestId, field: 'requestId' })
  if (entry.state === 'closed' && entry.answer === null && entry.reason !== null)
    throw fail('QUESTION_UNKNOWN', { ticketId, requestId, reason: entry.reason })
  return entry
}

interface Sending {
  readonly answer: Json
  readonly how: string
  readonly reason: string | null
  readonly act: (directory: string) => Promise<void>
}

/** claimed → sent → closed; a failed send opens it again. A detached entry has no OpenCode: its answer is kept for the next prompt. */
async function send(env: AnswerEnv, entry: InboxRecord, sending: Sending): Promise<void> {
  const { store, clock } = env
  const id = { ticketId: entry.ticketId, id: entry.id }
  const claimed = await store.claimRequest({ ...id, answer: sending.answer, at: clock.now() })
  if (!claimed.detached) {
    try {
      await sending.act(claimed.directory ?? '')
    } catch (error) {
      if (!isCode(error, 'OPENCODE_NOT_FOUND')) {
        await store.reopenRequest({ ...id, at: clock.now() })
        throw error
      }
      await store.closeRequest({ ...id, how: 'gone', reason: 'OpenCode no longer asks it', at: clock.now() })
      throw fail('QUESTION_UNKNOWN', { ticketId: entry.ticketId, requestId: entry.id }, error)
    }
  }
  await store.closeRequest({ ...id, how: claimed.detached ? 'stored' : sending.how, reason: sending.reason, at: clock.now() })
}

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
async function markRejected(env: AnswerEnv, entry: InboxRecord): Promise<void> {
  const open = (await env.store.turns(entry.ticketId)).find((t) => t.sessionId === entry.sessionId && t.settlement === null)
  const fence = open && !open.stopping ? await env.fence() : null
  if (open && fence) await env.store.markStopping(fence, { turnId: open.turnId, stopping: 'rejected', at: env.clock.now() })
}
