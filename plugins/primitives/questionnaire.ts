/** A questionnaire at a gate: batches of questions, answers with choices and words, skipping, and changing an earlier answer. */
import * as v from 'valibot'
import type { ContextBuilder, Form, OutputSpec, PhaseRun } from '../contract.ts'
import { part, withParts } from '../define.ts'
import { promptAgain } from './again.ts'
import { Question, Questions, answerText } from '../documents/interview.ts'
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

type Batch = v.InferOutput<typeof Questions>

/** Said anew with every batch, so that a session that was lost is none the worse. */
export const answersSoFar = (asked: readonly Asked[]): string =>
  asked.map((a) => `Question: ${a.question}\nAnswer: ${answerText(a)}`).join('\n\n') || 'Nothing was answered yet.'

interface Adapting {
  /** Of the batch: the session is the same for all. */
  readonly n: number
  readonly batch: readonly Askable[]
  readonly asked: readonly Asked[]
  readonly context: ContextBuilder
}

/** The next questions in the light of the answers; as they were prepared when the model has nothing usable to say. */
export async function adaptBatch(phase: PhaseRun, { n, batch, asked, context }: Adapting): Promise<readonly Askable[]> {
  const compiled = batch.filter((q) => q.source === 'compiled')
  if (compiled.length === 0 || asked.length === 0) return batch
  const turned = await promptAgain<Batch>(phase, `adapt:${n}`, {
    slot: { step: 'dialogue' },
    keep: true,
    text: {
      role: 'You interview a person about the ticket below. You are polite and brief.',
      task: 'Adapt the next questions to what was answered so far.',
      steps: [
        'Keep the id, the phase and what each question wants to know.',
        'Refer to earlier answers where it helps; offer options where the sensible answers are known by now.',
        'Leave a question as it is when nothing speaks for a change.',
      ],
    },
    context: withParts(context, [part('user_answers', answersSoFar(asked)), part('next_questions', compiled)]),
    output: batchOutput(compiled),
  })
  if (!turned.ok) return batch // the prepared wording does as well
  return batch.map((q) => ({ ...q, ...turned.value.questions.find((adapted) => adapted.id === q.id) }))
}

function batchOutput(batch: readonly Askable[]): OutputSpec<Batch> {
  const ids = batch.map((q) => q.id).join(', ')
  const same = (all: Batch): boolean => all.questions.map((q) => q.id).join(', ') === ids
  const schema = v.pipe(
    Questions,
    v.check((all) => same(all), `must hold exactly the questions ${ids}, in this order`),
  )
  return { schema, format: 'yaml', tag: 'INTERVIEW_BATCH', example: { questions: batch.map((q) => v.parse(Question, q)) } }
}
