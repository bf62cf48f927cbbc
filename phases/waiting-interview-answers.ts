/**
 * The interview: the winner of the council adapts the prepared questions to what was answered, three at a time, and follows answers
 * up within a budget; the person answers, skips, changes an earlier answer, or skips all. What was asked and answered is kept by the
 * server alone, batch by batch: a later attempt asks nothing that was answered.
 */
import * as v from 'valibot'
import { parse } from 'yaml'
import {
  COMPLETE,
  INTERVIEW_PHASES,
  Interview as InterviewSchema,
  Questions,
  SKIPPED,
  SKIP_ALL,
  answersSoFar,
  askBatch,
  definePhase,
  nextBatch,
  part,
  promptAgain,
  slices,
  winner,
  withParts,
} from '#plugins'
import type { Askable, Asked, PhaseRun } from '#plugins'

type Interview = v.InferOutput<typeof InterviewSchema>
type Summary = Interview['summary']
/** As far as it has come. */
const ANSWERS = 'interview_answers'
const NOTHING: Summary = { goals: [], constraints: [], non_goals: [] }
const FINAL: Askable = {
  ...{ id: 'final', phase: 'assembly', question: 'Is there anything else that matters?', rationale: '' },
  ...{ answer_type: 'free_text', options: [], source: 'final' },
}
const Lines = v.optional(v.array(v.string()), [])
const context = slices('ticket_details').about('ticket_details')

export default definePhase<Interview>({
  id: 'WAITING_INTERVIEW_ANSWERS',
  version: 2,
  label: 'Interview',
  primitive: 'gate',
  artifact: 'interview',
  tools: 'disabled',
  model: winner('interview'),
  outcomes: [COMPLETE, SKIP_ALL],
  context,
  output: { schema: InterviewSchema, format: 'yaml', tag: 'INTERVIEW', example: { questions: [], summary: NOTHING } },
  async run(phase) {
    const before = await answeredBefore(phase)
    let asked: readonly Asked[] = before.questions
    let open = await openQuestions(phase, asked)
    for (let n = 1; open.length > 0; n += 1) {
      const next = await nextBatch(phase, { context, n, open, asked })
      ;({ open } = next)
      const answered = await askBatch(phase, `batch:${n}`, { title: `Interview, part ${n}`, batch: next.batch, earlier: asked })
      ;({ asked } = answered)
      if (answered.action === SKIP_ALL) {
        const rest = open.map((question): Asked => ({ ...question, answer: SKIPPED }))
        return phase.done({ questions: [...asked, ...rest], summary: before.summary }, SKIP_ALL)
      }
      await phase.save(ANSWERS, { questions: asked, summary: before.summary })
    }
    return phase.done({ questions: [...asked], summary: await summarise(phase, asked) }, COMPLETE)
  },
})

async function documentOf<T>(phase: PhaseRun<Interview>, kind: string, schema: v.GenericSchema<unknown, T>): Promise<T | null> {
  const found = await phase.read(kind)
  return found && v.parse(schema, parse(found.content))
}

/** The document of an earlier round; or what an attempt that did not come to its end has asked since. */
async function answeredBefore(phase: PhaseRun<Interview>): Promise<Interview> {
  const whole = await documentOf(phase, 'interview', InterviewSchema)
  const part = await documentOf(phase, ANSWERS, InterviewSchema)
  const newer = part?.questions.some((one) => whole?.questions.every((known) => known.id !== one.id) ?? true) === true
  return (newer ? part : whole) ?? { questions: [], summary: NOTHING }
}

/** The prepared ones first, then what the coverage check wants to know; the last is free. */
async function openQuestions(phase: PhaseRun<Interview>, asked: readonly Asked[]): Promise<readonly Askable[]> {
  const prepared = (await documentOf(phase, 'interview_questions', Questions))?.questions ?? []
  const compiled = prepared.toSorted((a, b) => INTERVIEW_PHASES.indexOf(a.phase) - INTERVIEW_PHASES.indexOf(b.phase))
  const further = (await documentOf(phase, 'interview_follow_ups', Questions))?.questions ?? []
  const all: readonly Askable[] = [
    ...compiled.map((q) => ({ ...q, source: 'compiled' as const })),
    FINAL,
    ...further.map((q) => ({ ...q, source: 'coverage' as const })),
  ]
  return all.filter((question) => !asked.some((a) => a.id === question.id))
}

async function summarise(phase: PhaseRun<Interview>, asked: readonly Asked[]): Promise<Summary> {
  const turned = await promptAgain<Summary>(phase, 'summary', {
    slot: { step: 'dialogue' },
    text: {
      task: 'Sum up the interview: goals, constraints, and what is not to be done.',
      steps: ['Only what the answers say; nothing of your own.', 'Each entry one sentence.'],
    },
    context: withParts(context, [part('user_answers', answersSoFar(asked))]),
    output: {
      schema: v.object({ goals: Lines, constraints: Lines, non_goals: Lines }),
      format: 'yaml',
      tag: 'INTERVIEW_SUMMARY',
      example: { goals: ['What is to be reached.'], constraints: [], non_goals: [] },
    },
  })
  return turned.ok ? turned.value : NOTHING // the answers themselves are what counts
}
