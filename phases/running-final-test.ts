/** The whole change once more: the model names the commands that prove the ticket, the server runs them. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { commitWork, hooksHold, isDeclared, isLeftover, runProject, slices, work } from '#plugins'
import type { PhaseRun, Verification } from '#plugins'

const FinalTest = v.object({
  commands: v.pipe(v.array(v.pipe(v.string(), v.trim(), v.minLength(1))), v.minLength(1), v.maxLength(20)),
  test_files: v.optional(v.array(v.string()), []),
  modified_files: v.optional(v.array(v.string()), []),
  /** Of files that are neither: whether they belong to the change. */
  file_effects: v.optional(
    v.array(
      v.object({ path: v.string(), intent: v.picklist(['candidate', 'temporary', 'unexpected']), reason: v.optional(v.string(), '') }),
    ),
    [],
  ),
  summary: v.optional(v.string(), ''),
})
type FinalTest = v.InferOutput<typeof FinalTest>

interface Round {
  readonly round?: number
  readonly reason?: string
}

export default work<FinalTest>({
  id: 'RUNNING_FINAL_TEST',
  label: 'Running the final test',
  prompt: {
    role: 'You are the last engineer to look at a change before it is handed over.',
    task: 'Make sure that the whole ticket is covered by tests, then name the commands that prove it. The server runs them after you.',
    steps: [
      "Look at what was changed and at the project's own test set-up.",
      'When a reason is given why the change is tested again, mend that first.',
      'Add a test only where something the ticket asks for is not covered.',
      'Name every file that you added or changed: tests in `test_files`, others in `modified_files`, and what a run left behind in `file_effects`.',
      'Name commands that run from the top of the repository and end by themselves: the full test suite, and whatever else the project checks.',
    ],
  },
  context: slices('ticket_details', 'prd', 'beads', 'bead_data', 'bead_notes', 'final_test_notes').about('ticket_details', 'bead_data'),
  tools: 'default',
  output: {
    schema: FinalTest,
    format: 'json',
    tag: 'FINAL_TEST_COMMANDS',
    example: { commands: ['true'], test_files: [], modified_files: [], file_effects: [], summary: 'What the commands show.' },
    aliases: { commands: ['test_commands'] },
  },
  async items(phase) {
    // Whoever sends the change back (the base moved on, a person's check failed) raises the round: it is proven anew.
    const { round = 1, reason = null } = (parse((await phase.read('final_test_round'))?.content ?? '') ?? {}) as Round
    const id = round === 1 ? '@final-test' : `@final-test-${round}`
    const plan = (await phase.read('beads'))?.sha256 ?? null
    const data = { ...(reason === null ? {} : { reason }), ...(plan === null ? {} : { plan }) }
    return [{ id, title: `Final test of ${phase.ticket.id}`, priority: 1, blockedBy: [], data }]
  },
  async verify(phase, { item, value, name }) {
    const hooks = await hooksHold(phase, `${name}:hooks`)
    if (!hooks.ok) return hooks
    const results = await runProject(phase, { name, commands: value.commands, since: item.startCommit })
    const failed = results.find((r) => r.exitCode !== 0)
    const commands = results.map(({ command, exitCode, durationMs, output }) => ({
      command,
      exitCode,
      durationMs,
      output: output.slice(-4_000),
    }))
    await phase.save('final_test_report', { passed: failed === undefined, summary: value.summary, commands })
    if (failed) return { ok: false, feedback: `\`${failed.command}\` ended with ${failed.exitCode}:\n${failed.output.slice(-4_000)}` }
    return filesTold(phase, value, name)
  },
  async finalise(phase, { name }) {
    const { declared, left_out } = parse((await phase.read('final_test_files'))?.content ?? '') as TestFiles
    const message = `test(${phase.ticket.id}): final test`
    const commit = await commitWork(phase, { name, message, declared, without: left_out.map(({ path }) => path) })
    // What is integrated has to be this.
    await phase.save('tested_commit', { commit: commit ?? (await phase.workspace.head(`${name}:head-tested`)) })
    return { commit }
  },
})

interface TestFiles {
  readonly declared: readonly string[]
  readonly left_out: readonly { readonly path: string; readonly why: string }[]
  readonly session: string
  readonly asked: readonly string[]
}

/** Every new file must be told of. Who did not is asked once, in the same session; what stays unknown is left out, and listed. */
async function filesTold(phase: PhaseRun, value: FinalTest, name: string): Promise<Verification> {
  const { files } = await phase.workspace.candidates(`${name}:files`)
  const wanted = value.file_effects.filter((effect) => effect.intent === 'candidate').map(({ path }) => path)
  const declared = [...value.test_files, ...value.modified_files, ...wanted]
  const passing = value.file_effects.filter((effect) => effect.intent !== 'candidate')
  const unknown = files.filter(
    (f) => !f.tracked && !isLeftover(f) && !isDeclared(f.path, [...declared, ...passing.map(({ path }) => path)]),
  )
  const before = parse((await phase.read('final_test_files'))?.content ?? '') as TestFiles | null
  const session = name.split(':verify')[0] ?? name
  const known = before?.session === session ? before.asked : []
  const news = unknown.filter(({ path }) => !known.includes(path)).map(({ path }) => path)
  const left = [
    ...passing.map(({ path, intent, reason }) => ({ path, why: `${intent}: ${reason}` })),
    ...unknown.map(({ path }) => ({ path, why: 'nobody said what it is' })),
  ]
  await phase.save('final_test_files', { session, declared, left_out: left, asked: [...known, ...news] })
  if (news.length === 0) return { ok: true }
  return {
    ok: false,
    feedback: `The commands pass. These files are new, and you did not say what they are: ${news.join(', ')}. Report again, and name each: in \`test_files\` or \`modified_files\` when it belongs to the change, else in \`file_effects\` as temporary or unexpected.`,
  }
}
