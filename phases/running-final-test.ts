/** The whole change once more: the model names the commands that prove the ticket, the server runs them. */
import * as v from 'valibot'
import { parse } from 'yaml'
import { slices, work } from '#plugins'
import type { ExecResult } from '#plugins'

const FinalTest = v.object({
  commands: v.pipe(v.array(v.pipe(v.string(), v.trim(), v.minLength(1))), v.minLength(1), v.maxLength(20)),
  test_files: v.optional(v.array(v.string()), []),
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
      'Name commands that run from the top of the repository and end by themselves: the full test suite, and whatever else the project checks.',
    ],
  },
  context: slices('ticket_details', 'prd', 'beads', 'bead_data', 'bead_notes', 'final_test_notes').about('ticket_details', 'bead_data'),
  tools: 'default',
  output: {
    schema: FinalTest,
    format: 'json',
    tag: 'FINAL_TEST_COMMANDS',
    example: { commands: ['true'], test_files: [], summary: 'What the commands show.' },
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
  async verify(phase, { value, name }) {
    const results: ExecResult[] = []
    for (const [i, command] of value.commands.entries()) {
      const result = await phase.workspace.exec(`${name}:${i}`, { command })
      results.push(result)
      if (result.exitCode !== 0) break
    }
    const failed = results.find((r) => r.exitCode !== 0)
    const commands = results.map(({ command, exitCode, durationMs, output }) => ({
      command,
      exitCode,
      durationMs,
      output: output.slice(-4_000),
    }))
    await phase.save('final_test_report', { passed: failed === undefined, summary: value.summary, commands })
    return failed
      ? { ok: false, feedback: `\`${failed.command}\` ended with ${failed.exitCode}:\n${failed.output.slice(-4_000)}` }
      : { ok: true }
  },
  async finalise(phase, { name }) {
    const commit = await phase.workspace.commit(`${name}:commit`, { message: `test(${phase.ticket.id}): final test` })
    // What is integrated has to be this.
    await phase.save('tested_commit', { commit: commit ?? (await phase.workspace.head(`${name}:head`)) })
    return { commit }
  },
})
