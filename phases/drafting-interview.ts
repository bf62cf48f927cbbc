/** What the council would ask the person: the questions whose answers decide what is built. */
import type * as v from 'valibot'
import { EXAMPLE_QUESTION, Questions, council, slices } from '#plugins'

export default council<v.InferOutput<typeof Questions>>({
  id: 'DRAFTING_INTERVIEW',
  label: 'Preparing the interview',
  domain: 'interview',
  artifact: 'interview_questions',
  list: 'questions',
  most: 'interview.maxQuestions',
  prompt: {
    role: 'You are an experienced product engineer who finds out what somebody really needs before anything is planned.',
    task: 'Write the questions that a person has to answer so that the ticket below can be specified without guessing.',
    steps: [
      'Look at the repository with your reading tools: do not ask what the code answers.',
      'Begin with the foundation (what and why), then the structure (what it consists of), then the assembly (how it fits in).',
      'As few questions as will do; each about one thing, answerable by somebody who knows the product and not the code.',
      'Offer options (`single_choice`, `multiple_choice`) where the sensible answers are known; else `free_text` without options.',
      'Bring up risks and what is not to be done.',
    ],
  },
  context: slices('relevant_files', 'ticket_details').about('ticket_details'),
  output: {
    schema: Questions,
    format: 'yaml',
    tag: 'INTERVIEW_QUESTIONS',
    example: { questions: [EXAMPLE_QUESTION] },
    aliases: { answer_type: ['answerType', 'type'] },
  },
  rubric: [
    { id: 'coverage', question: 'Do the answers give all that a specification needs?' },
    { id: 'clarity', question: 'Is each question clear, and can the person answer it?' },
    { id: 'measurability', question: 'Do the answers lead to requirements that can be tested?' },
    { id: 'economy', question: 'Are there as few questions as possible, in a good order?' },
    { id: 'risks', question: 'Do they bring up risks and what is out of scope?' },
  ],
})
