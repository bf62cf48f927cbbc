/**
 * One commit on the base branch's side: what a person reviews. When the base moved on while the ticket was under way, it is
 * merged first and what proved the change is run again; what fails then goes back to the final test. So does what no test, or no
 * tester, has seen as it is now.
 */
import { parse } from 'yaml'
import {
  GiveUp,
  HOOKS_HINT,
  auditCandidates,
  command,
  commandFailure,
  declaredFiles,
  hooksOverChange,
  nextRound,
  runProject,
  tell,
} from '#plugins'
import type { Json, Outcome, PhaseRun } from '#plugins'

const REVERIFY = 'reverify'
const HOOKS_FAILED = 'hooks_failed'
const MOST_ROUNDS = 2

export default command({
  id: 'INTEGRATING_CHANGES',
  label: 'Putting the change into one commit',
  artifact: 'integration_report',
  outcomes: ['done', REVERIFY, HOOKS_FAILED],
  stops: [HOOKS_FAILED],
  async run(phase) {
    const { ticket } = phase
    const changed = await phase.workspace.changed('changed', ticket.baseCommit)
    // Every bead was verified and none needed a change: said in the report, not an error.
    const nothing = (base: string): Outcome<Json> =>
      phase.done({ branch: ticket.branch, commit: null, base, files: [], stat: 'nothing changed' })
    if (changed.length === 0) return nothing(ticket.baseCommit)
    const untested = await untestedSince(phase)
    if (untested !== null) return testAgain(phase, untested)
    const { moved, conflicts, base } = await phase.workspace.update('base')
    if (conflicts.length > 0)
      throw new GiveUp(`${ticket.baseBranch} moved on, and both sides changed ${conflicts.join(', ')}`, {
        hint: `Merge ${ticket.baseBranch} into ${ticket.branch} by hand, then Retry.`,
      })
    const failure = moved ? await provedAgain(phase, 'again') : null
    if (failure !== null) return testAgain(phase, `${ticket.baseBranch} moved on. With it merged, ${failure}`)
    if (moved && (await testedByHand(phase)))
      return testAgain(phase, `${ticket.baseBranch} moved on: what a person tested is another tree by now.`)
    const before = await phase.workspace.head('before')
    const { files } = await phase.workspace.candidates('files', base)
    if (files.length === 0) return nothing(base)
    const audit = await auditCandidates(phase, files, await declaredFiles(phase))
    const message = `${ticket.id}: ${ticket.title}`
    const squashed = await phase.workspace.squash('squash', { message, without: audit.without })
    const hooks = await hooksOverChange(phase, { message, ...squashed, prove: () => provedAgain(phase, 'hooked') })
    if (hooks.failure !== null) {
      const hopeless = hooks.ownMessage || phase.visits > MOST_ROUNDS
      return hopeless ? { outcome: HOOKS_FAILED, reason: hooks.failure, hint: HOOKS_HINT } : testAgain(phase, hooks.failure)
    }
    const { commit } = hooks
    // What goes on from here has this content: a later visit compares with it.
    await phase.save('tested_commit', { commit })
    await tell(phase, [
      `${squashed.commits} commits are one now: ${commit.slice(0, 10)} on ${ticket.baseBranch}`,
      ...audit.without.map((file) => `left out: ${file}`),
    ])
    const { stat } = await phase.workspace.diff('diff', { from: squashed.base, to: commit, maxChars: 20_000 })
    return phase.done({
      ...{ branch: ticket.branch, commit, base: squashed.base, before, commits: squashed.commits, stat, base_moved: moved },
      files: audit.files.flatMap((file) => (file.verdict === 'include' ? [file.path] : [])),
      left_out: audit.without,
      hooks: hooks.summary,
    })
  },
})

/** What failed, in words; null when all that proved the change proves it still. */
async function provedAgain(phase: PhaseRun, name: string): Promise<string | null> {
  const report = parse((await phase.read('final_test_report'))?.content ?? '') as { commands?: readonly { command: string }[] } | null
  const commands = (report?.commands ?? []).map(({ command: line }) => line)
  return commandFailure(await runProject(phase, { name, commands, since: phase.ticket.baseCommit }))
}

async function testAgain<T>(phase: PhaseRun<T>, reason: string): Promise<Outcome<T>> {
  await tell(phase, [reason.split('\n')[0] ?? ''])
  await nextRound(phase, reason)
  return phase.done(undefined, REVERIFY)
}

/** Commits that no test has seen: somebody worked on the branch while the ticket was blocked. Null when there are none. */
async function untestedSince(phase: PhaseRun): Promise<string | null> {
  const { commit } = (parse((await phase.read('tested_commit'))?.content ?? '') ?? {}) as { commit?: string }
  const head = await phase.workspace.head('head')
  if (commit === undefined || commit === head) return null
  const { stat } = await phase.workspace.diff('untested', { from: commit, to: head, maxChars: 1_000 })
  return stat.trim() === '' ? null : `The branch was changed after it was tested:\n${stat}`
}

async function testedByHand(phase: PhaseRun): Promise<boolean> {
  const { skipped } = (parse((await phase.read('qa_results'))?.content ?? 'skipped: true') ?? {}) as { skipped?: boolean }
  return skipped !== true
}
