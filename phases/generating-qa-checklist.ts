/** What a person should try by hand, and what they should see. Each round has a checklist of its own. */
import * as v from 'valibot'
import { PromptFailed, definePhase, part, slices, withParts } from '#plugins'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Checklist = v.object({
  items: v.pipe(
    v.array(
      v.object({
        id: v.pipe(v.string(), v.regex(/^qa-[a-z0-9-]{1,40}$/, 'must be like qa-1')),
        title: Text,
        behavior: Text,
        severity: v.picklist(['required', 'optional']),
        prerequisites: v.optional(v.array(Text), []),
        actions: v.pipe(v.array(Text), v.minLength(1)),
        expected_result: Text,
        bead_refs: v.optional(v.array(v.string()), []),
        prd_refs: v.optional(v.array(v.string()), []),
      }),
    ),
    v.minLength(1),
    v.maxLength(30),
    v.check((items) => new Set(items.map((i) => i.id)).size === items.length, 'each id may be there only once'),
  ),
})
type Checklist = v.InferOutput<typeof Checklist>
const PATCH_CHARS = 30_000
const context = slices('ticket_details', 'prd', 'beads', 'final_test_report', 'qa_checklist', 'qa_results').about('ticket_details')

export default definePhase<Checklist>({
  id: 'GENERATING_QA_CHECKLIST',
  label: 'Preparing the manual test',
  primitive: 'prompt',
  artifact: 'qa_checklist',
  tools: 'read_only',
  prompt: {
    role: 'You prepare a test by hand for somebody who knows the product and not the code.',
    task: 'Write the checklist for the finished change below.',
    steps: [
      'Only what a person can see and a test run cannot; each item one behaviour, with exact actions and what is then to be seen.',
      'Cover every acceptance criterion that can be tried by hand; name it in `prd_refs`.',
      'When there were earlier results, test again what failed and what the mending may have touched.',
    ],
  },
  context,
  output: {
    schema: Checklist,
    format: 'yaml',
    tag: 'MANUAL_QA_CHECKLIST',
    example: {
      items: [
        {
          ...{ id: 'qa-1', title: 'A short title', behavior: 'What is tried.', severity: 'required', prerequisites: [] },
          ...{ actions: ['What to do.'], expected_result: 'What is then to be seen.', bead_refs: [], prd_refs: [] },
        },
      ],
    },
  },
  async run(phase) {
    const { patch, stat } = await phase.workspace.diff('diff', { maxChars: PATCH_CHARS })
    const turned = await phase.prompt('checklist', { context: withParts(context, [part('change', `${stat}\n\n${patch}`)]) })
    if (!turned.ok) throw new PromptFailed(turned)
    return phase.done(turned.value)
  },
})
