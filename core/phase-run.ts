/** The verbs a phase gets. Each is recorded under a name and replayed; see `verbs/journal.ts` for the rules. */
import { stringify } from 'yaml'
import type { Json, Outcome, PhaseRun, PromptOptions, Turned } from '#plugins/contract'
import { PromptFailed } from '#plugins/errors'
import { fail } from './errors.ts'
import { event } from './events/events.ts'
import { toJson } from './json.ts'
import { rowOf } from './pipeline.ts'
import { itemVerbs, readVerb, saveVerb } from './verbs/document-verbs.ts'
import type { Parked } from './verbs/journal.ts'
import { evidenceVerb, proposeVerb } from './verbs/finding-verbs.ts'
import { promptVerb } from './verbs/prompt-verb.ts'
import type { RunContext } from './verbs/run-context.ts'
import { askVerb, sleepVerb } from './verbs/waiting-verbs.ts'
import { forgeVerbs, workspaceVerbs } from './verbs/workspace-verbs.ts'

export function createPhaseRun<Out>(run: RunContext): PhaseRun<Out> {
  const { ticket, journal, driving } = run
  const clockVerb = (verb: string, name: string, effect: () => number): Promise<number> =>
    journal.record({ verb, name, input: null, effect: () => Promise.resolve(effect()) })
  const phase: PhaseRun<Out> = {
    ticket: {
      id: ticket.id,
      title: ticket.title,
      description: ticket.description,
      branch: ticket.branch,
      baseBranch: ticket.baseBranch,
      baseCommit: ticket.baseCommit,
    },
    attempt: ticket.attempt,
    visits: ticket.visits,
    signal: driving.signal,
    settings: toJson(ticket.settings) as Readonly<Record<string, Json>>,
    prompt: <T = Out>(name: string, options: PromptOptions<T> = {}): Promise<Turned<T>> => promptVerb<T>(run, name, options),
    step: (name, effect, input = null) =>
      journal.record({ name, verb: 'step', input, effect, events: () => [event('step.recorded', { ...journal.at, name })] }),
    ask: (name, form, poll) => askVerb(run, name, { form, poll }),
    sleep: (name, duration) => sleepVerb(run, name, duration),
    now: (name) => clockVerb('now', name, () => driving.clock.now()),
    random: (name) => clockVerb('random', name, () => driving.chance.random()),
    read: (kind, from) => readVerb(run, kind, from),
    save: (kind, content, options) => saveVerb(run, kind, { content, derivedFrom: options?.derivedFrom ?? null }),
    items: itemVerbs(run),
    workspace: workspaceVerbs(run),
    forge: forgeVerbs(run),
    propose: (name, proposal) => proposeVerb(run, name, proposal),
    evidence: (name, sha256s, options) => evidenceVerb(run, name, { sha256s, ...options }),
    emit: async ({ name, data }) => {
      const recorded = journal.numbered(`emit:${name}`)
      const events = (): readonly ReturnType<typeof event>[] => [event('plugin', { ...journal.at, name, data })]
      await journal.record({ name: recorded, verb: 'emit', input: { name, data }, effect: () => Promise.resolve(null), events })
    },
    default: async () => phase.done(await answered(phase)),
    done: (output, outcome = 'done') => ({ outcome, ...(output === undefined ? {} : { output }) }),
  }
  return phase
}

async function answered<Out>(phase: PhaseRun<Out>): Promise<Out> {
  const turned = await phase.prompt<Out>('answer')
  if (turned.ok) return turned.value
  throw new PromptFailed(turned)
}

export type RunEnd = { readonly kind: 'outcome'; readonly outcome: Outcome } | ({ readonly kind: 'parked' } & Parked)

/** Runs the plugin once over its journal: to an outcome, or until all that is open waits for a person or a time. */
export async function runPlugin(run: RunContext): Promise<RunEnd> {
  const { plugin, journal } = run
  const phase = createPhaseRun(run)
  const parked = journal.whenParked().then((at): RunEnd => ({ kind: 'parked', ...at }))
  const end = await Promise.race([outcomeOf(run, phase), parked])
  if (end.kind === 'parked') return end
  await journal.whenIdle()
  journal.checkFinished()
  const { outcome } = end.outcome
  if (!(plugin.outcomes ?? ['done']).includes(outcome)) throw fail('OUTCOME_UNKNOWN', { phase: plugin.id, outcome })
  return end
}

async function outcomeOf(run: RunContext, phase: PhaseRun): Promise<RunEnd> {
  try {
    await keepVersion(run)
    const outcome = await (run.plugin.run ? run.plugin.run(phase) : phase.default())
    return { kind: 'outcome', outcome }
  } catch (error) {
    await run.journal.whenIdle() // what it started beside the failing verb ends before the attempt does
    throw error
  }
}

const VERSION = '@version'

/**
 * What was recorded is replayed by the version that recorded it. An attempt that begins takes the loaded one, whatever was pinned:
 * so an upgrade comes in at the next phase border, and by Retry. Recorded only where it is another than the pinned one.
 */
async function keepVersion({ plugin, journal, ticket }: RunContext): Promise<void> {
  const pinned = rowOf(ticket.pinned, plugin.id).version
  if (plugin.version === pinned && !journal.knows(VERSION)) return
  const gone = (version: number): Error => fail('PHASE_VERSION_GONE', { phase: plugin.id, version, loaded: plugin.version })
  if (!journal.empty && !journal.knows(VERSION)) throw gone(pinned)
  const begun = await journal.record({ name: VERSION, verb: 'version', input: null, effect: () => Promise.resolve(plugin.version) })
  if (begun !== plugin.version) throw gone(begun)
}

/** An outcome's output as the artifact of the phase that ends. */
export const outputText = (output: unknown): string =>
  typeof output === 'string' ? output : stringify(output, { aliasDuplicateObjects: false })
