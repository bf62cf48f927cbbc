/**
 * A person tries the change. What fails becomes beads of its own, which are coded, tested and tried again; what could be better
 * becomes a draft ticket. Results are of the commit that the checklist was written for: when the tree has moved they are void.
 */
import { parse } from 'yaml'
import {
  COMPLETE,
  PromptFailed,
  askAboutDrift,
  definePhase,
  fixesOutput,
  groupsOf,
  nextRound,
  part,
  promptAgain,
  slices,
  withParts,
} from '#plugins'
import type { Decision, EvidenceFile, Fixes, Form, Json, Outcome, PhaseRun, QaChecklist, QaResult } from '#plugins'

const SKIP = 'skip'
const FIXES = 'fixes'
const EVIDENCE_CHARS = 4_000
const context = slices('ticket_details', 'prd', 'beads', 'qa_checklist').about('ticket_details', 'qa_checklist')
type Found = QaResult & { readonly id: string }

export default definePhase({
  id: 'WAITING_MANUAL_QA',
  version: 2,
  label: 'Waiting for the manual test',
  primitive: 'gate',
  tools: 'read_only',
  outcomes: [COMPLETE, SKIP, FIXES],
  prompt: {
    role: 'You turn what a tester saw into small, verifiable work items.',
    task: 'Write exactly one bead for each group of failed checks below.',
    steps: [
      'Look at the code with your reading tools for the cause, and at the files that the tester attached.',
      'The checks of one group have one cause: one bead mends them all. A check that failed before, too, was not mended by what `lineage` names: find out why.',
      'Name in `group` the group, in `test_commands` what proves that it is mended; add a test that fails now.',
      'Name in `blocked_by` groups that have to be mended before, if any.',
    ],
  },
  context,
  async run(phase) {
    const list = (await documentOf<QaChecklist>(phase, 'qa_checklist')) ?? { items: [] }
    const { items, tested } = list
    for (let n = 1; ; n += 1) {
      const decision = await phase.ask(n === 1 ? 'decision' : `decision:${n}`, formOf(items as unknown as readonly Json[]))
      if (decision.action === SKIP) await phase.save('qa_results', { skipped: true })
      if (decision.action === SKIP) return phase.done(undefined, SKIP)
      const drift = tested ? await askAboutDrift(phase, { n, tested }) : null
      if (drift === null) return handIn(phase, decision, list)
      if (drift.end === 'discarded') continue
      await phase.save('qa_results', { ...(decision.payload as object), void: drift.reason })
      await nextRound(phase, drift.reason)
      return phase.done(undefined, FIXES)
    }
  },
})

const formOf = (questions: readonly Json[]): Form => ({
  ...{ kind: 'checklist', title: 'Try the change by hand', artifact: 'qa_checklist', questions, beside: ['qa_coverage'] },
  actions: [
    { id: COMPLETE, label: 'Hand in the results', approves: true },
    { id: SKIP, label: 'Skip the manual test' },
  ],
})

async function handIn(phase: PhaseRun, { payload }: Decision, list: QaChecklist): Promise<Outcome<Json>> {
  const { results } = payload as unknown as { results: Readonly<Record<string, QaResult>> }
  await phase.save('qa_results', { results: results as unknown as Json, round: list.round ?? 1, tested: list.tested?.commit ?? null })
  const found = Object.entries(results).map(([id, result]): Found => ({ id, ...result }))
  const failures = found.filter((f) => f.result === 'fail')
  if (failures.length > 0) await addFixes(phase, failures, list)
  for (const improvement of found.filter((f) => f.result === 'improvement')) await propose(phase, improvement)
  return { outcome: failures.length > 0 ? FIXES : COMPLETE }
}

/** Not a fault: a ticket of its own, that a person starts or deletes. */
async function propose(phase: PhaseRun, { id, title = '', observation = '', expected = '', priority = 0 }: Found): Promise<void> {
  const list = await phase.read('qa_checklist')
  const said = [observation, expected === '' ? '' : `Wished for: ${expected}`].filter((text) => text !== '')
  const description = [...said, `Found in the manual test of ${phase.ticket.id} (${phase.ticket.title}), check ${id}.`].join('\n\n')
  const origin = `${list?.sha256.slice(0, 16)}:${id}`
  await phase.propose(`improvement:${id}`, { origin, title: title.trim() || `An improvement of ${phase.ticket.id}`, description, priority })
}

/** The plan grows by the fixes; what is finished stays finished, and the whole is tested anew. */
async function addFixes(phase: PhaseRun, failures: readonly Found[], { items, round = 1 }: QaChecklist): Promise<void> {
  const attached = failures.flatMap((f) => f.evidence ?? [])
  const files = attached.length > 0 ? await phase.evidence('evidence', attached, { maxChars: EVIDENCE_CHARS }) : []
  const shown = ({ id, observation = '', expected = '', evidence = [] }: Found): Json => ({
    ...{ id, observation, expected, lineage: items.find((item) => item.id === id)?.lineage?.from ?? [] },
    ...(evidence.length > 0 ? { evidence: files.filter((file) => evidence.includes(file.sha256)).map(described) } : {}),
  })
  const groups = groupsOf(failures).map(([group, checks]) => ({ group, checks: checks.map(shown) }))
  const turned = await promptAgain<Fixes>(phase, 'fixes', {
    context: withParts(context, [part('failed_checks', groups)]),
    output: fixesOutput(groups.map(({ group }) => group)),
    look: true,
  })
  if (!turned.ok) throw new PromptFailed(turned)
  const plan = (await documentOf<{ beads: readonly Json[] }>(phase, 'beads')) ?? { beads: [] }
  const next = await nextRound(phase, `The manual test failed: ${failures.map((f) => `${f.id}: ${f.observation}`).join('; ')}`)
  const idOf = (group: string): string => `qa${next - 1}-${groups.findIndex((one) => one.group === group) + 1}`
  const fixes = turned.value.beads.map(({ group, ...bead }, i) => ({
    ...{ ...bead, id: idOf(group), issue_type: 'qa-fix', blocked_by: bead.blocked_by.map(idOf) },
    qa_origin: { round, ...groups[i] },
  }))
  await phase.save('beads', { beads: [...plan.beads, ...(fixes as unknown as readonly Json[])] })
}

const described = ({ name, type, bytes, text }: EvidenceFile): Json => ({ name, type, bytes, ...(text === null ? {} : { text }) })

async function documentOf<T>(phase: PhaseRun, kind: string): Promise<T | null> {
  const found = await phase.read(kind)
  return found && (parse(found.content) as T)
}
