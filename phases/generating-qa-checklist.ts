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
  failedBefore,
  part,
  qaCoverage,
  slices,
  testedNow,
  withLineage,
  withParts,
} from '#plugins'
import type { Earlier, PhaseRun, QaOrigin, QaResults } from '#plugins'

const Plan = v.object({ beads: v.array(v.looseObject({ id: v.string(), qa_origin: v.optional(v.custom<QaOrigin | null>(() => true)) })) })
const PATCH_CHARS = 30_000
const context = slices('ticket_details', 'prd', 'beads', 'final_test_report', 'qa_checklist', 'qa_results').about('ticket_details')

export default definePhase<QaChecklist>({
  id: 'GENERATING_QA_CHECKLIST',
  version: 2,
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
      'When there were earlier results, test again what failed and what the mending may have touched; name those earlier checks in `previous`.',
    ],
  },
  context,
  output: { schema: QaChecklist, format: 'yaml', tag: 'MANUAL_QA_CHECKLIST', example: EXAMPLE_QA_CHECKLIST },
  async run(phase) {
    const tested = await testedNow(phase)
    const { patch, stat } = await phase.workspace.diff('diff', { maxChars: PATCH_CHARS })
    const beads = await beadsOf(phase)
    const earlier = await earlierRound(phase, beads ?? [])
    const known = {
      ...{ beads: beads?.map((bead) => bead.id) ?? null, stories: await storiesOf(phase) },
      ...{ checks: earlier?.checklist.items.map((item) => item.id) ?? [], failed: earlier ? failedBefore(earlier) : [] },
    }
    const turned = await phase.prompt('checklist', {
      context: withParts(context, [part('change', `${stat}\n\n${patch}`)]),
      output: checklistOutput(known),
    })
    if (!turned.ok) throw new PromptFailed(turned)
    await phase.save('qa_coverage', qaCoverage(turned.value, known.stories ?? []))
    return phase.done({ ...withLineage(turned.value, earlier), tested })
  },
})

/** Null where a pipeline has none, or one of its own form. */
async function storiesOf(phase: PhaseRun<QaChecklist>): Promise<readonly string[] | null> {
  const prd = v.safeParse(Prd, parse((await phase.read('prd'))?.content ?? ''))
  return prd.success ? prd.output.epics.flatMap((epic) => epic.user_stories.map((story) => story.id)) : null
}

type Beads = v.InferOutput<typeof Plan>['beads']
async function beadsOf(phase: PhaseRun<QaChecklist>): Promise<Beads | null> {
  const plan = v.safeParse(Plan, parse((await phase.read('beads'))?.content ?? ''))
  return plan.success ? plan.output.beads : null
}

/** The checklist that was worked through before, and what came of it. */
async function earlierRound(phase: PhaseRun<QaChecklist>, beads: Beads): Promise<Earlier | null> {
  const list = v.safeParse(QaChecklist, parse((await phase.read('qa_checklist'))?.content ?? ''))
  const results = (parse((await phase.read('qa_results'))?.content ?? '') ?? {}) as QaResults
  return list.success ? { checklist: list.output, results, beads } : null
}
