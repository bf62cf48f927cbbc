/**
 * What was tested is what goes on: a test is of a commit, and void when the tree has moved since. Who changed something while
 * testing says what becomes of it.
 */
import { parse } from 'yaml'
import type { Form, PhaseRun } from '../contract.ts'
import type { Tested } from '../documents/qa.ts'

/** What a test that begins now is of. */
export async function testedNow(phase: PhaseRun): Promise<Tested> {
  return { commit: await phase.workspace.head('tested'), changed: [...(await phase.workspace.changed('tested:changed'))] }
}

const INCLUDE = 'include'
/** Null: nothing has moved. */
export type Drift = { readonly end: 'included' | 'discarded'; readonly reason: string } | null

/** `n`: how often this phase has looked. What is taken in is committed, and not tested yet; discarding takes back everything. */
export async function askAboutDrift(phase: PhaseRun, { n, tested }: { n: number; tested: Tested }): Promise<Drift> {
  const moved = (await phase.workspace.changed(`drift:${n}`, tested.commit)).filter((file) => !tested.changed.includes(file))
  if (moved.length === 0) return null
  await phase.save('qa_drift', { tested: tested.commit, files: moved })
  const { action } = await phase.ask(`drift:${n}:decision`, FORM)
  const reason = `these files changed while it was tested by hand: ${moved.join(', ')}`
  if (action !== INCLUDE) {
    await phase.workspace.reset(`drift:${n}:reset`, tested.commit)
    return { end: 'discarded', reason }
  }
  const message = `qa(${phase.ticket.id}): changes made while testing`
  await phase.workspace.commit(`drift:${n}:commit`, { message, paths: moved })
  return { end: 'included', reason }
}

const FORM: Form = {
  ...{ kind: 'document', title: 'These files are not as they were tested', artifact: 'qa_drift' },
  actions: [
    { id: INCLUDE, label: 'Take them into the change, and test all of it anew', approves: true },
    { id: 'discard', label: 'Take everything back, and hand in what holds without it', approves: true },
  ],
}

/** The final test proves the change once for each round. */
export async function nextRound(phase: PhaseRun, reason: string): Promise<number> {
  const { round = 1 } = (parse((await phase.read('final_test_round'))?.content ?? '') ?? {}) as { round?: number }
  await phase.save('final_test_round', { round: round + 1, reason })
  return round + 1
}
