/** The specification, by the council. Each member first answers for the person what the person left to us. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { EXAMPLE_PRD, Interview, Prd, council, slices } from '#plugins'
import type { Asked, FirstPart, OutputSpec, PhaseRun } from '#plugins'

type Document = v.InferOutput<typeof Prd>
interface FullAnswers {
  readonly answers: { readonly id: string; readonly answer: string }[]
}
const context = slices('relevant_files', 'ticket_details', 'interview').about('ticket_details', 'interview')

export default council<Document>({
  id: 'DRAFTING_PRD',
  label: 'Writing the specification',
  domain: 'prd',
  artifact: 'prd',
  list: 'epics',
  prompt: {
    role: 'You are a senior engineer who writes specifications that another engineer can build from without asking.',
    task: 'Write the product requirements document for the ticket below, from the interview and the code as it is.',
    steps: [
      'Look at the repository with your reading tools before you decide how something is to be done.',
      'What the person answered decides; `full_answers` holds what was assumed where the person left the answer to us.',
      'Give every user story acceptance criteria that can be seen to hold, and the commands that show it.',
      'Say what is out of scope, what happens on errors and bad input, and what is risky.',
      'As small as the ticket allows: one epic with one story is fine.',
    ],
  },
  context,
  output: { schema: Prd, format: 'yaml', tag: 'PRD', example: EXAMPLE_PRD, aliases: { acceptance_criteria: ['acceptanceCriteria'] } },
  rubric: [
    { id: 'coverage', question: 'Does it cover all that the interview says?' },
    { id: 'soundness', question: 'Is it sound, consistent, and achievable in this code base?' },
    { id: 'verifiability', question: 'Are the acceptance criteria specific, and can they be verified?' },
    { id: 'structure', question: 'Is it well structured, without repetition?' },
    { id: 'edge_cases', question: 'Does it treat errors, security and performance where they matter?' },
  ],
  first: fullAnswers,
})

async function fullAnswers(phase: PhaseRun<Document>): Promise<FirstPart | null> {
  const found = await phase.read('interview')
  if (!found) return null // a pipeline without an interview
  const { questions } = v.parse(Interview, parse(found.content))
  const skipped = questions.filter((q) => q.answer.skipped && q.source !== 'final')
  if (skipped.length === 0) return { artifact: 'full_answers', given: { answers: [] } }
  return {
    artifact: 'full_answers',
    ask: {
      text: {
        role: 'You answer for a person what they left to you, as they would.',
        task: 'Answer the questions of the interview that were skipped.',
        steps: [
          `Answer exactly these: ${skipped.map((q) => q.id).join(', ')}.`,
          'Choose what fits the ticket, the other answers and the code best; keep it simple.',
          'Leave every answer that the person gave as it is.',
        ],
      },
      context,
      output: answersTo(skipped) as OutputSpec as OutputSpec<never>,
    },
  }
}

/** Exactly the skipped ones: what a person answered cannot be altered here. */
function answersTo(skipped: readonly Asked[]): OutputSpec<FullAnswers> {
  const ids = skipped.map((q) => q.id)
  const schema = v.object({
    answers: v.pipe(
      v.array(v.object({ id: v.picklist(ids), answer: v.pipe(v.string(), v.trim(), v.minLength(1)) })),
      v.check(
        (all) => all.length === ids.length && new Set(all.map((a) => a.id)).size === ids.length,
        `must hold one answer for each of ${ids.join(', ')}`,
      ),
    ),
  })
  return {
    schema,
    format: 'yaml',
    tag: 'FULL_ANSWERS',
    example: { answers: ids.map((id) => ({ id, answer: 'What the person would say.' })) },
  }
}
