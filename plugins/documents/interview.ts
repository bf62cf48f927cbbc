/** Documents of the interview: questions a person is asked, and what came of them. */
import * as v from 'valibot'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
export const INTERVIEW_PHASES = ['foundation', 'structure', 'assembly'] as const
export const ANSWER_TYPES = ['single_choice', 'multiple_choice', 'free_text'] as const

const Option = v.object({ id: Text, label: Text })
export const Question = v.pipe(
  v.object({
    id: v.pipe(v.string(), v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,40}$/, 'must be a short id such as Q01')),
    phase: v.picklist(INTERVIEW_PHASES),
    question: Text,
    rationale: v.optional(v.string(), ''),
    answer_type: v.optional(v.picklist(ANSWER_TYPES), 'free_text'),
    options: v.optional(v.array(Option), []),
  }),
  v.check(
    ({ answer_type, options }) =>
      answer_type === 'free_text' ? options.length === 0 : options.length >= 2 && new Set(options.map((o) => o.id)).size === options.length,
    'a choice needs at least two options with different ids; free_text has none',
  ),
)
export type Question = v.InferOutput<typeof Question>

/** Without a maximum: a council's refinement and a person's edit are held against it as well. */
export const Questions = v.object({
  questions: v.pipe(
    v.array(Question),
    v.minLength(1),
    v.check((all) => new Set(all.map((q) => q.id)).size === all.length, 'each id may be there only once'),
  ),
})
export type Questions = v.InferOutput<typeof Questions>

export const EXAMPLE_QUESTION = {
  ...{ id: 'Q01', phase: 'foundation', question: 'Who uses the result, and for what?', rationale: 'Decides what must be right first.' },
  ...{ answer_type: 'free_text', options: [] },
} satisfies Question

/** A person's answer as the questionnaire stores it. */
export const Answer = v.object({
  skipped: v.boolean(),
  selected: v.array(v.string()),
  text: v.string(),
  answered_by: v.picklist(['user', 'ai_skip', 'nobody']),
})
export type Answer = v.InferOutput<typeof Answer>

const Asked = v.object({ ...Question.entries, source: v.picklist(['compiled', 'follow_up', 'coverage', 'final']), answer: Answer })
export type Asked = v.InferOutput<typeof Asked>
export const Interview = v.object({
  questions: v.array(Asked),
  summary: v.object({ goals: v.array(v.string()), constraints: v.array(v.string()), non_goals: v.array(v.string()) }),
})
export type Interview = v.InferOutput<typeof Interview>

/** One answer in words: labels, not ids. */
export const answerText = ({ options, answer }: Pick<Asked, 'options' | 'answer'>): string =>
  answer.skipped
    ? '(skipped)'
    : [...answer.selected.map((id) => options.find((o) => o.id === id)?.label ?? id), answer.text].filter((t) => t !== '').join('; ')
