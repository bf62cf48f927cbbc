/**
 * For authors of phases: `testPhase(plugin, script)` runs a phase without kernel, model and git, then a second time on what
 * the first run recorded, with the completions shuffled. What a restart of LoopTroop would stumble over is a violation here.
 *
 *   const report = await testPhase(myPhase, { answers: { answer: { summary: 'fine' } } })
 *   assert.equal(report.violations, [])
 */
import type { ArtifactView, Form, Item, Json, Outcome, PhasePlugin, Proposal } from '../contract.ts'
import { RunJournal } from './journal.ts'
import type { Recorded } from './journal.ts'
import { createTestRun, sameOutcome } from './phase-run.ts'
import type { RunParts } from './phase-run.ts'
import { exampleProblem } from './prompt-verb.ts'
import type { SeenPrompt } from './prompt-verb.ts'
import { RuleBroken } from './rules.ts'
import type { Violation } from './rules.ts'
import { createSchedule, seeded } from './schedule.ts'
import type { PhaseScript } from './script.ts'
import { TestWorld } from './world.ts'

export { failed } from './script.ts'
export type { Answer, AskedPrompt, PhaseScript } from './script.ts'
export type { SeenPrompt } from './prompt-verb.ts'
export { RULES } from './rules.ts'
export type { Rule, Violation } from './rules.ts'

/** What the first run did. `violations` are of both. */
export interface PhaseReport<Out = unknown> {
  /** Null when the phase parked or failed. */
  readonly outcome: Outcome<Out> | null
  /** Names of the asks it waits on. */
  readonly parked: readonly string[]
  /** What it threw, other than a broken rule: `GiveUp`, `RetryAfter`, `PromptFailed`, a mistake. */
  readonly error: unknown
  /** In the order of the first run; a verb that failed is not `done`. */
  readonly recorded: readonly { readonly name: string; readonly verb: string; readonly done: boolean; readonly value: Json }[]
  readonly prompts: readonly SeenPrompt[]
  readonly asked: readonly { readonly name: string; readonly form: Form }[]
  /** Those of the script included. */
  readonly artifacts: readonly ArtifactView[]
  readonly items: readonly Item[]
  readonly commands: readonly string[]
  readonly commits: readonly string[]
  readonly proposed: readonly Proposal[]
  readonly emitted: readonly { readonly name: string; readonly data: Json }[]
  readonly violations: readonly Violation[]
}

export async function testPhase<Out>(plugin: PhasePlugin<Out>, script: PhaseScript = {}): Promise<PhaseReport<Out>> {
  const entries = new Map<string, Recorded>()
  const world = new TestWorld(script)
  const run = { plugin: plugin as PhasePlugin, script, world }
  const first = await runOnce(run, { entries, complete: false, pick: () => 0 })
  const recorded = [...entries.values()].map(({ name, verb, done, value }) => ({ name, verb, done, value }))
  const left = world.left()
  const random = seeded(script.seed ?? 1)
  const replay = await runOnce(run, { entries, complete: first.error === null, pick: (n) => Math.floor(random() * n) })
  const { outcome, parked, error, prompts, asked } = first
  const violations = [...(await examples(run.plugin)), ...first.violations, ...replay.violations, ...compare(first, replay)]
  return {
    ...{ outcome: outcome as Outcome<Out> | null, parked, error: error instanceof RuleBroken ? null : error },
    ...{ recorded, prompts, asked, ...left },
    violations: violations.filter((v, i) => violations.findIndex((w) => w.message === v.message) === i),
  }
}

interface RunResult {
  readonly outcome: Outcome | null
  readonly parked: readonly string[]
  readonly error: unknown
  readonly prompts: readonly SeenPrompt[]
  readonly asked: PhaseReport['asked']
  readonly violations: readonly Violation[]
}

async function runOnce(
  run: Pick<RunParts, 'plugin' | 'script' | 'world'>,
  how: { entries: Map<string, Recorded>; complete: boolean; pick: (n: number) => number },
): Promise<RunResult> {
  const journal = new RunJournal(createSchedule(how.pick), how)
  const { schedule } = journal
  const parts: RunParts = { ...run, journal, prompts: [], asked: [] }
  const end = await Promise.race([outcomeOf(parts), schedule.whenParked().then((): Ended => ({ outcome: null, error: null }))])
  await schedule.whenIdle()
  if (end.outcome) journal.finish()
  return {
    ...end,
    ...parts,
    parked: end.outcome ? [] : [...schedule.parked],
    violations: [...journal.violations, ...undeclared(parts, end)],
  }
}

type Ended = Pick<RunResult, 'outcome' | 'error'>

async function outcomeOf(parts: RunParts): Promise<Ended> {
  const { plugin } = parts
  const phase = createTestRun(parts)
  try {
    return { outcome: await (plugin.run ? plugin.run(phase) : phase.default()), error: null }
  } catch (error) {
    return { outcome: null, error }
  }
}

function undeclared({ plugin }: RunParts, { outcome }: Ended): readonly Violation[] {
  const { outcomes = ['done'] } = plugin
  if (!outcome || outcomes.includes(outcome.outcome)) return []
  const message = `${plugin.id} ended as ${outcome.outcome}; its outcomes are ${outcomes.join(', ')}`
  return [{ rule: 'outcome_undeclared', name: outcome.outcome, message }]
}

async function examples(plugin: PhasePlugin): Promise<readonly Violation[]> {
  const problem = await exampleProblem(plugin.id, plugin.output)
  return problem ? [problem] : []
}

/** The order in which verbs complete must not change how the phase ends. */
function compare(first: RunResult, replay: RunResult): readonly Violation[] {
  const diverged = (name: string, message: string): readonly Violation[] => [{ rule: 'diverged', name, message }]
  if (first.outcome && replay.outcome)
    return sameOutcome(first.outcome, replay.outcome)
      ? []
      : diverged(replay.outcome.outcome, `the replay ended with ${words(replay)}, the first run with ${words(first)}`)
  if (replay.error instanceof RuleBroken || first.error instanceof RuleBroken) return []
  return kindOf(first) === kindOf(replay) ? [] : diverged(kindOf(replay), `the replay ${words(replay)}, the first run ${words(first)}`)
}

const kindOf = ({ outcome, error }: RunResult): 'ended' | 'failed' | 'parked' => (outcome ? 'ended' : error === null ? 'parked' : 'failed')
const words = (run: RunResult): string =>
  run.outcome
    ? JSON.stringify(run.outcome)
    : run.error === null
      ? `waits on ${run.parked.join(', ')}`
      : `failed: ${run.error instanceof Error ? run.error.message : 'with no Error'}`
