/** A person tries the change. What fails becomes beads of its own, which are coded, tested and tried again. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { COMPLETE, Expansion, PromptFailed, definePhase, part, slices, withParts } from '#plugins'
import type { Form, Json, OutputSpec, PhaseRun } from '#plugins'

const SKIP = 'skip'
const FIXES = 'fixes'
interface Failure {
  readonly id: string
  readonly observation: string
  readonly expected: string
}
const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
const Fix = v.object({
  ...Expansion.entries,
  item: Text,
  title: Text,
  description: Text,
  acceptance_criteria: v.pipe(v.array(Text), v.minLength(1)),
  test_commands: v.pipe(v.array(Text), v.minLength(1)),
})
interface Fixes {
  readonly beads: v.InferOutput<typeof Fix>[]
}
const context = slices('ticket_details', 'prd', 'beads', 'qa_checklist').about('ticket_details', 'qa_checklist')

export default definePhase({
  id: 'WAITING_MANUAL_QA',
  label: 'Waiting for the manual test',
  primitive: 'gate',
  tools: 'read_only',
  outcomes: [COMPLETE, SKIP, FIXES],
  prompt: {
    role: 'You turn what a tester saw into small, verifiable work items.',
    task: 'Write exactly one bead for each failed check below.',
    steps: [
      'Look at the code with your reading tools for the cause.',
      'Name in `item` the check, in `test_commands` what proves that it is mended; add a test that fails now.',
    ],
  },
  context,
  async run(phase) {
    const checklist = await documentOf<{ items: readonly Json[] }>(phase, 'qa_checklist')
    const form: Form = {
      ...{ kind: 'checklist', title: 'Try the change by hand', artifact: 'qa_checklist', questions: checklist?.items ?? [] },
      actions: [
        { id: COMPLETE, label: 'Hand in the results', approves: true },
        { id: SKIP, label: 'Skip the manual test' },
      ],
    }
    const { action, payload } = await phase.ask('decision', form)
    if (action === SKIP) return phase.done(undefined, SKIP)
    const { results } = payload as { results: Readonly<Record<string, { result: string; observation?: string; expected?: string }>> }
    await phase.save('qa_results', { results: results as Json })
    const failures = Object.entries(results).flatMap(([id, r]) =>
      r.result === 'fail' ? [{ id, observation: r.observation ?? '', expected: r.expected ?? '' }] : [],
    )
    if (failures.length === 0) return phase.done(undefined, COMPLETE)
    await addFixes(phase, failures)
    return phase.done(undefined, FIXES)
  },
})

/** The plan grows by the fixes; what is finished stays finished, and the whole is tested anew. */
async function addFixes(phase: PhaseRun, failures: readonly Failure[]): Promise<void> {
  const { round = 1 } = (await documentOf<{ round?: number }>(phase, 'final_test_round')) ?? {}
  const turned = await phase.prompt<Fixes>('fixes', {
    context: withParts(context, [part('failed_checks', failures as unknown as Json)]),
    output: fixesFor(failures),
  })
  if (!turned.ok) throw new PromptFailed(turned)
  const plan = (await documentOf<{ beads: readonly Json[] }>(phase, 'beads')) ?? { beads: [] }
  const fixes = turned.value.beads.map((bead, i) => ({
    ...bead,
    id: `qa${round}-${i + 1}`,
    issue_type: 'qa-fix',
    blocked_by: [],
    qa_origin: failures[i] ?? null,
  }))
  await phase.save('beads', { beads: [...plan.beads, ...(fixes as unknown as readonly Json[])] })
  await phase.save('final_test_round', {
    round: round + 1,
    reason: `The manual test failed: ${failures.map((f) => `${f.id}: ${f.observation}`).join('; ')}`,
  })
}

async function documentOf<T>(phase: PhaseRun, kind: string): Promise<T | null> {
  const found = await phase.read(kind)
  return found && (parse(found.content) as T)
}

function fixesFor(failures: readonly Failure[]): OutputSpec<Fixes> {
  const ids = failures.map((f) => f.id)
  const schema = v.object({
    beads: v.pipe(
      v.array(Fix),
      v.check((all) => all.map((b) => b.item).join() === ids.join(), `must hold one bead for each of ${ids.join(', ')}, in this order`),
    ),
  })
  const bead = { id: 'fix', issue_type: 'qa-fix', labels: ['qa'], target_files: ['src/example.ts'], blocked_by: [] } as const
  const words = {
    title: 'What is mended',
    description: 'Why it failed.',
    acceptance_criteria: ['What must hold.'],
    test_commands: ['true'],
  }
  return {
    schema,
    format: 'yaml',
    tag: 'FIX_BEADS',
    example: { beads: ids.map((item) => ({ ...bead, labels: ['qa'], target_files: ['src/example.ts'], blocked_by: [], item, ...words })) },
  }
}
