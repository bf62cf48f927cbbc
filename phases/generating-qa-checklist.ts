/** What a person should try by hand, and what they should see. Each round has a checklist of its own, for one tested commit. */
import * as v from 'valibot'
import { parse } from 'yaml'
import {
  EXAMPLE_QA_CHECKLIST,
  Prd,
  PromptFailed,
  QaChecklist,
  checklistOutput,
  definePhase,
  part,
  qaCoverage,
  slices,
  testedNow,
  withParts,
} from '#plugins'
import type { PhaseRun } from '#plugins'

const Plan = v.object({ beads: v.array(v.looseObject({ id: v.string() })) })
const PATCH_CHARS = 30_000
const context = slices('ticket_details', 'prd', 'beads', 'final_test_report', 'qa_checklist', 'qa_results').about('ticket_details')

export default definePhase<QaChecklist>({
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
      'Cover every acceptance criterion that can be tried by hand; name its story in `prd_refs`.',
      'When there were earlier results, test again what failed and what the mending may have touched.',
    ],
  },
  context,
  output: { schema: QaChecklist, format: 'yaml', tag: 'MANUAL_QA_CHECKLIST', example: EXAMPLE_QA_CHECKLIST },
  async run(phase) {
    const tested = await testedNow(phase)
    const { patch, stat } = await phase.workspace.diff('diff', { maxChars: PATCH_CHARS })
    const known = { beads: await beadsOf(phase), stories: await storiesOf(phase) }
    const turned = await phase.prompt('checklist', {
      context: withParts(context, [part('change', `${stat}\n\n${patch}`)]),
      output: checklistOutput(known),
    })
    if (!turned.ok) throw new PromptFailed(turned)
    await phase.save('qa_coverage', qaCoverage(turned.value, known.stories ?? []))
    return phase.done({ ...turned.value, tested })
  },
})

/** Null where a pipeline has none, or one of its own form. */
async function storiesOf(phase: PhaseRun<QaChecklist>): Promise<readonly string[] | null> {
  const prd = v.safeParse(Prd, parse((await phase.read('prd'))?.content ?? ''))
  return prd.success ? prd.output.epics.flatMap((epic) => epic.user_stories.map((story) => story.id)) : null
}

async function beadsOf(phase: PhaseRun<QaChecklist>): Promise<readonly string[] | null> {
  const plan = v.safeParse(Plan, parse((await phase.read('beads'))?.content ?? ''))
  return plan.success ? plan.output.beads.map((bead) => bead.id) : null
}
