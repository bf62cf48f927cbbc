/** What a worker needs beside the plan: files, labels and dependencies. Nothing that was planned can be altered here. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { Beads, BeadsDraft, EXAMPLE_BEADS_DRAFT, Expansion, GiveUp, PromptFailed, definePhase, slices, winner } from '#plugins'
import type { OutputSpec, PhaseRun } from '#plugins'

type Plan = v.InferOutput<typeof Beads>
type Draft = v.InferOutput<typeof BeadsDraft>
interface Expansions {
  readonly beads: v.InferOutput<typeof Expansion>[]
}
const expansionOf = (id: string): Expansions['beads'][number] => ({
  ...{ id, issue_type: 'task', labels: ['core'], target_files: ['src/example.ts'], blocked_by: [] },
})

export default definePhase<Plan>({
  id: 'EXPANDING_BEADS',
  label: 'Completing the plan',
  primitive: 'prompt',
  artifact: 'beads',
  model: winner('beads'),
  tools: 'read_only',
  prompt: {
    role: 'You prepare planned work items for the engineers who will do them.',
    task: 'Say for each bead of the draft what kind of work it is, which files it will touch, and which beads must be done before it.',
    steps: [
      'Look at the repository with your reading tools: paths are relative to its top, existing or to be created.',
      'One entry per bead, with its id, in the same order.',
      'A bead may be blocked only by beads that stand before it.',
    ],
  },
  context: slices('relevant_files', 'ticket_details', 'prd', 'beads_draft').about('ticket_details', 'beads_draft'),
  output: {
    schema: Beads,
    format: 'yaml',
    tag: 'BEADS',
    example: { beads: EXAMPLE_BEADS_DRAFT.beads.map((bead) => ({ ...bead, ...expansionOf(bead.id) })) },
  },
  async run(phase) {
    const draft = await draftOf(phase)
    const turned = await phase.prompt<Expansions>('expand', { output: expansionsOf(draft) })
    if (!turned.ok) throw new PromptFailed(turned)
    return phase.done({ beads: draft.beads.map((bead, i) => ({ ...(turned.value.beads[i] ?? expansionOf(bead.id)), ...bead })) })
  },
})

async function draftOf(phase: PhaseRun<Plan>): Promise<Draft> {
  const read = v.safeParse(BeadsDraft, parse((await phase.read('beads_draft'))?.content ?? ''))
  if (read.success) return read.output
  throw new GiveUp(`the draft of the plan is not a list of beads: ${v.summarize(read.issues)}`)
}

function expansionsOf({ beads }: Draft): OutputSpec<Expansions> {
  const ids = beads.map((bead) => bead.id)
  const schema = v.object({
    beads: v.pipe(
      v.array(Expansion),
      v.check((all) => all.map((b) => b.id).join() === ids.join(), `must hold the beads ${ids.join(', ')} in this order`),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed) return
        for (const { id, blocked_by: blockers } of dataset.value)
          for (const blocker of blockers)
            if (!ids.slice(0, ids.indexOf(id)).includes(blocker))
              addIssue({ message: `${id} is blocked by ${blocker}, which is no bead before it` })
      }),
    ),
  })
  return {
    schema,
    format: 'yaml',
    tag: 'EXPANSION',
    example: { beads: ids.map(expansionOf) },
    aliases: { blocked_by: ['blockedBy', 'dependencies'], target_files: ['targetFiles'] },
  }
}
