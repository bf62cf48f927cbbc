/** A questionnaire at a gate: batches of questions, answers with choices and words, skipping, and changing an earlier answer. */
import * as v from 'valibot'
import type { ContextBuilder, Form, OutputSpec, PhaseRun, Turned } from '../contract.ts'
import { part, withParts } from '../define.ts'
import { promptAgain } from './again.ts'
import { EXAMPLE_QUESTION, Question, answerText } from '../documents/interview.ts'
import type { Answer, Asked } from '../documents/interview.ts'

export const MAX_BATCH = 3
export const COMPLETE = 'complete'
export const SKIP_ALL = 'skip_all'

export type Askable = Question & { readonly source: Asked['source'] }
/** As the payload of a decision carries it; the door has checked ids and options. */
interface Given {
  readonly skipped?: boolean
  readonly selected?: readonly string[]
  readonly text?: string
}

export const SKIPPED: Answer = { skipped: true, selected: [], text: '', answered_by: 'nobody' }

/** One batch: parks until the person answers. Returns everything asked so far, changed answers included. */
export async function askBatch(
  phase: PhaseRun,
  name: string,
  { title, batch, earlier }: { title: string; batch: readonly Askable[]; earlier: readonly Asked[] },
): Promise<{ readonly action: string; readonly asked: readonly Asked[] }> {
  const form: Form = {
    kind: 'questionnaire',
    title,
    actions: [
      { id: COMPLETE, label: 'Send the answers' },
      { id: SKIP_ALL, label: 'Skip all that is left' },
    ],
    questions: batch,
    earlier: earlier,
  }
  const decision = await phase.ask(name, form)
  const { answers = {} } = (decision.payload ?? {}) as unknown as { answers?: Readonly<Record<string, Given>> }
  const answered = (question: Askable): Asked => ({ ...question, answer: answerOf(answers[question.id]) })
  const changed = earlier.map((one) => (Object.hasOwn(answers, one.id) ? answered(one) : one))
  return { action: decision.action, asked: [...changed, ...batch.map(answered)] }
}

/** What is neither chosen nor said is skipped. */
function answerOf(given: Given | undefined): Answer {
  const { skipped = false, selected = [], text = '' } = given ?? {}
  if (skipped || (selected.length === 0 && text.trim() === '')) return SKIPPED
  return { skipped: false, selected: [...selected], text: text.trim(), answered_by: 'user' }
}

/** Said anew with every batch, so that a session that was lost is none the worse. */
export const answersSoFar = (asked: readonly Asked[]): string =>
  asked.map((a) => `Question ${a.id}: ${a.question}\nAnswer: ${answerText(a)}`).join('\n\n') || 'Nothing was answered yet.'

/** How many follow-up questions the interview may ask of its own; the check afterwards may ask as many. 0 means none. */
export const followUpBudget = (settings: PhaseRun['settings']): number =>
  Math.floor((Number(settings['interview.maxQuestions']) * Number(settings['interview.followUpPercent'])) / 100)

interface Asking {
  /** Of the batch: the session is the same for all. */
  readonly n: number
  /** What is still to be asked, in order. */
  readonly open: readonly Askable[]
  readonly asked: readonly Asked[]
  readonly context: ContextBuilder
}
interface Batch {
  readonly questions: readonly Question[]
  readonly follow_ups: readonly Question[]
}

/**
 * The next questions in the light of the answers, follow-ups first; as they were prepared when the model has nothing usable to say.
 * What finds no place beside the follow-ups stays open. While there may be some, the free question at the end waits for what they bring.
 */
export async function nextBatch(
  phase: PhaseRun,
  { n, open, asked, context }: Asking,
): Promise<{ readonly batch: readonly Askable[]; readonly open: readonly Askable[] }> {
  const left = followUpsLeft(phase, { open, asked })
  const together = left > 0 ? open.filter((q) => (q.source === 'final') === (open[0]?.source === 'final')) : open
  const prepared = together.slice(0, MAX_BATCH)
  const compiled = prepared.filter((q) => q.source === 'compiled')
  // To nothing that was said there is nothing to follow up.
  const most = asked.every((a) => a.answer.skipped) ? 0 : left
  const turned = asked.length > 0 && compiled.length + most > 0 ? await adapt(phase, { n, asked, context, compiled, most }) : null
  const { questions, follow_ups: followUps } = turned?.ok ? turned.value : { questions: [], follow_ups: [] }
  const adapted = prepared.map((q) => ({ ...q, ...questions.find((one) => one.id === q.id) }))
  const first = followUps.map((q): Askable => ({ ...q, source: 'follow_up' }))
  const batch = [...first, ...(first.length > 0 && compiled.length === 0 ? [] : adapted)].slice(0, MAX_BATCH)
  return { batch, open: open.filter((q) => !batch.some((one) => one.id === q.id)) }
}

/** None to answers that the check asked for: what they lead to is the check's. */
function followUpsLeft(phase: PhaseRun, { open, asked }: Pick<Asking, 'open' | 'asked'>): number {
  if (open.every((q) => q.source === 'coverage')) return 0
  const used = asked.filter((a) => a.source === 'follow_up').length
  return Math.max(0, Math.min(MAX_BATCH, followUpBudget(phase.settings) - used))
}

type Adapting = Omit<Asking, 'open'> & { readonly compiled: readonly Askable[]; readonly most: number }

function adapt(phase: PhaseRun, { n, asked, context, compiled, most }: Adapting): Promise<Turned<Batch>> {
  const adapting = [
    'Keep the id, the phase and what each question wants to know.',
    'Refer to earlier answers where it helps; offer options where the sensible answers are known by now.',
    'Leave a question as it is when nothing speaks for a change.',
  ]
  const following = [
    `Where an answer is unclear, contradicts another, or opens what nobody thought of, ask about it in \`follow_ups\`: at most ${most}, each with the fields of a question and an id that begins with FU. None is the usual number.`,
    'Never ask again what was skipped: the person leaves it to us.',
  ]
  return promptAgain<Batch>(phase, `adapt:${n}`, {
    slot: { step: 'dialogue' },
    keep: true,
    text: {
      role: 'You interview a person about the ticket below. You are polite and brief.',
      task: compiled.length > 0 ? 'Adapt the next questions to what was answered so far.' : 'Say what the answers so far leave to ask.',
      steps: [...(compiled.length > 0 ? adapting : []), ...(most > 0 ? following : [])],
    },
    context: withParts(context, [
      part('user_answers', answersSoFar(asked)),
      compiled.length > 0 ? part('next_questions', compiled) : part('a_question', EXAMPLE_QUESTION),
    ]),
    output: batchOutput({ compiled, asked, most }),
  })
}

function batchOutput({ compiled, asked, most }: Pick<Adapting, 'compiled' | 'asked' | 'most'>): OutputSpec<Batch> {
  const ids = compiled.map((q) => q.id).join(', ')
  const same = (questions: readonly Question[]): boolean => questions.map((q) => q.id).join(', ') === ids
  const known = new Set([...asked, ...compiled].map((q) => q.id))
  const fresh = (all: readonly Question[]): boolean =>
    all.every((q) => q.id.startsWith('FU') && !known.has(q.id)) && new Set(all.map((q) => q.id)).size === all.length
  const schema = v.object({
    questions: v.pipe(
      v.optional(v.array(Question), []),
      v.check((all) => same(all), ids === '' ? 'must be empty' : `must hold exactly the questions ${ids}, in this order`),
    ),
    follow_ups: v.pipe(
      v.optional(v.array(Question), []),
      v.maxLength(most, `may hold at most ${most} questions`),
      v.check((all) => fresh(all), 'need ids of their own that begin with FU, such as FU1'),
    ),
  })
  const example = { questions: compiled.map((q) => v.parse(Question, q)), follow_ups: [] }
  return { schema, format: 'yaml', tag: 'INTERVIEW_BATCH', example }
}
