/** Beads by dependency and priority, each verified by the server and committed alone. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { GiveUp, commandFailure, commitWork, hooksHold, runProject, slices, work } from '#plugins'
import type { ItemSeed, PhaseRun, Verification } from '#plugins'

const CHECKS = ['tests', 'lint', 'typecheck', 'qualitative'] as const
const Passed = v.pipe(
  v.string(),
  v.transform((word) => (/^(pass|passed|ok|success)$/i.test(word.trim()) ? 'pass' : word)),
  v.picklist(['pass', 'fail', 'skipped']),
)
const BeadStatus = v.object({
  bead_id: v.string(),
  status: v.picklist(['done', 'error']),
  checks: v.object({ tests: Passed, lint: Passed, typecheck: Passed, qualitative: Passed }),
  reason: v.optional(v.string()),
})
type BeadStatus = v.InferOutput<typeof BeadStatus>
/** What this phase needs of a bead in the approved plan. */
const Beads = v.object({
  beads: v.array(
    v.looseObject({
      id: v.string(),
      title: v.string(),
      blocked_by: v.optional(v.array(v.string()), []),
      test_commands: v.array(v.string()),
    }),
  ),
})

export default work<BeadStatus>({
  id: 'CODING',
  label: 'Coding',
  prompt: {
    role: 'You are a careful engineer who finishes one work item completely before reporting.',
    task: 'Do the bead below in this worktree, with tests, and leave everything committed to disk (do not run git commit: the server commits).',
    steps: [
      'Read what you need, then make the change with your tools.',
      'Run the test commands of the bead yourself and mend what fails.',
      'If earlier attempts are noted, do not repeat their mistakes.',
      'Report `done` only when all checks pass; a check that the project has no tool for passes. Report `error` with a reason when you cannot finish.',
      'Use the id of the bead as `bead_id`.',
    ],
  },
  context: slices('bead_data', 'bead_notes').about('bead_data'),
  tools: 'default',
  questions: true,
  output: {
    schema: BeadStatus,
    format: 'json',
    tag: 'BEAD_STATUS',
    example: { bead_id: 'first-step', status: 'done', checks: { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' } },
    aliases: { bead_id: ['beadId', 'bead', 'id'], typecheck: ['types', 'type_check'], qualitative: ['quality', 'review'] },
    more: (answer) => {
      const open = answer.status === 'done' ? CHECKS.filter((check) => answer.checks[check] === 'fail') : CHECKS
      if (open.length === 0) return undefined
      return `You reported ${answer.status}${answer.reason ? ` (${answer.reason})` : ''} with these checks open: ${open.join(', ')}. Keep working on the bead until they pass, then report again in the same format.`
    },
  },
  items: beadsOf,
  async verify(phase, { item, value, name }): Promise<Verification> {
    if (value.bead_id !== item.id) return { ok: false, feedback: `You reported on the bead ${value.bead_id}; this one is ${item.id}.` }
    const hooks = await hooksHold(phase, `${name}:hooks`)
    if (!hooks.ok) return hooks
    const failure = commandFailure(await runProject(phase, { name, commands: commandsOf(item.data), since: item.startCommit }))
    return failure === null ? { ok: true } : { ok: false, feedback: failure }
  },
  finalise: async (phase, { item, name }) => ({
    commit: await commitWork(phase, { name, message: `bead(${item.id}): ${item.title}`, declared: filesOf(item.data) }),
  }),
})

async function beadsOf(phase: PhaseRun): Promise<readonly ItemSeed[]> {
  const plan = await phase.read('beads')
  const parsed = v.safeParse(Beads, parse(plan?.content ?? ''))
  if (!parsed.success)
    throw new GiveUp(`the approved plan is not a list of beads: ${v.summarize(parsed.issues)}`, {
      hint: 'Request changes at the gate, or cancel.',
    })
  return parsed.output.beads.map((bead, i) => ({
    id: bead.id,
    title: bead.title,
    priority: i + 1,
    blockedBy: bead.blocked_by,
    data: bead as ItemSeed['data'],
  }))
}

const filesOf = (data: unknown): readonly string[] => (data as { target_files?: readonly string[] }).target_files ?? []
const commandsOf = (data: unknown): readonly string[] => (data as { test_commands?: readonly string[] }).test_commands ?? []
