/** The smallest whole phase: one question to the main model, its answer kept as a document. `npm run new-phase NAME` copies it. */
import * as v from 'valibot'
import { prompt, slices } from '#plugins'

const Answer = v.object({ summary: v.pipe(v.string(), v.trim(), v.minLength(1)) })

export default prompt<v.InferOutput<typeof Answer>>({
  id: 'TEMPLATE',
  label: 'Template',
  artifact: 'template',
  prompt: { task: 'Say in one or two sentences what matters most about the ticket below.' },
  context: slices('ticket_details').about('ticket_details'),
  tools: 'read_only',
  output: { schema: Answer, format: 'json', tag: 'ANSWER', example: { summary: 'What matters most.' } },
})
