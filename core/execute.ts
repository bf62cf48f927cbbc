/** One phase of one ticket, once: run the plugin over its journal, then carry out what came of it. */
import type { Outcome, PhasePlugin } from '#plugins/contract'
import { GiveUp } from '#plugins/errors'
import { closeAttempt } from './close-attempt.ts'
import type { Driving } from './driving.ts'
import { isCode } from './errors.ts'
import { actionsFor, evidenceOf, failureOf } from './failure.ts'
import type { Failure } from './failure.ts'
import { sha256 } from './json.ts'
import { budgetNotices } from './limit-notices.ts'
import { outputText, runPlugin } from './phase-run.ts'
import { nextRow, pluginOf, rowOf, stillExclusive } from './pipeline.ts'
import type { PinnedRow, Registry } from './pipeline.ts'
import type { Place, Places } from './places.ts'
import { decideRetry } from './retry.ts'
import { Requests } from './inbox/requests.ts'
import type { Settings } from './settings.ts'
import type { NewArtifact } from './store/store.ts'
import { isWaiting } from './ticket.ts'
import { SideEffects } from './turns/side-effects.ts'
import type { DrivenTicket } from './ticket.ts'
import { Journal } from './verbs/journal.ts'
import type { RunContext } from './verbs/run-context.ts'
import type { Workspace } from './workspace/index.ts'

export interface ExecuteEnv {
  readonly driving: Driving
  readonly registry: Registry
  readonly workspaceOf: (ticket: DrivenTicket) => Workspace
  readonly turnPlaces: Places
  /** The ticket's own place, given away while a person is asked. */
  readonly place: Place
  /** A pause holds the ticket: what is under way is finished, nothing new begins. */
  readonly rests: () => boolean
  readonly assertMaySpend: RunContext['assertMaySpend']
  readonly assertModel: RunContext['assertModel']
  readonly evidence: RunContext['evidence']
  /** Most tickets that may hold the project's execution lease at once. */
  readonly exclusiveLimit: number
}
/** `again`: the ticket may run on at once. `rest`: it waits, is blocked or over. `aborted`: this process must not act. */
export type ExecuteEnd = 'again' | 'rest' | 'aborted'

export async function execute(env: ExecuteEnv, ticket: DrivenTicket): Promise<ExecuteEnd> {
  const { driving } = env
  const row = rowOf(ticket.pinned, ticket.phase)
  let plugin: PhasePlugin | null = null
  try {
    plugin = pluginOf(env.registry, row)
    if (row.exclusive && !(await takeExclusive(env))) return 'rest'
    await driving.store.wake(driving.fence, { at: driving.clock.now() })
    return await runPhase(env, ticket, { row, plugin })
  } catch (error) {
    if (driving.signal.aborted || isCode(error, 'RUN_ABORTED', 'LEASE_LOST')) return 'aborted'
    return failed(env, ticket, { plugin, failure: failureOf(error, ticket.phase) })
  }
}

async function takeExclusive({ driving, exclusiveLimit }: ExecuteEnv): Promise<boolean> {
  const { store, fence, clock } = driving
  if (await store.takeExclusive(fence, { limit: exclusiveLimit, at: clock.now() })) return true
  const [holder] = await store.exclusiveHolders()
  await store.park(fence, { waitingFor: 'lease', until: null, ...(holder ? { holder } : {}), at: clock.now() })
  return false
}

async function runPhase(
  env: ExecuteEnv,
  ticket: DrivenTicket,
  { row, plugin }: { row: PinnedRow; plugin: PhasePlugin },
): Promise<ExecuteEnd> {
  const { driving } = env
  const at = { phase: ticket.phase, attempt: ticket.attempt }
  const workspace = env.workspaceOf(ticket)
  await workspace.ensure()
  const run: RunContext = {
    driving,
    plugin,
    ticket,
    workspace,
    journal: await Journal.load(driving, at, env.rests),
    requests: new Requests(driving, windowOf(plugin, ticket)),
    sources: new Set(),
    turnPlace: (work) => env.turnPlaces.hold(driving.signal, (turn) => work((on) => (turn.pause(on), env.place.pause(on)))),
    assertMaySpend: env.assertMaySpend,
    assertModel: env.assertModel,
    evidence: env.evidence,
    effects: new SideEffects(workspace.effects, { ticketId: ticket.id, ...at }),
  }
  const end = await runPlugin(run)
  if (end.kind === 'outcome') assertLeadsOn({ row, plugin }, end.outcome)
  if (end.kind === 'parked' && end.resting === true) return 'rest'
  if (end.kind === 'parked') {
    const { waitingFor, until } = end
    const parked = await driving.store.park(driving.fence, {
      waitingFor,
      until,
      awaiting: { ...at, names: end.awaiting },
      at: driving.clock.now(),
    })
    return isWaiting(parked) ? 'rest' : 'again'
  }
  await closeAttempt(driving, at, { reason: `${ticket.phase} ended`, success: true })
  return advance(env, ticket, { row, outcome: end.outcome.outcome, output: artifactOf(run, end.outcome.output) })
}

/** Without the phase's work nothing that follows can begin: then a person decides, unless the table says where it goes on. */
function assertLeadsOn({ row, plugin }: { row: PinnedRow; plugin: PhasePlugin }, { outcome, reason, hint }: Outcome): void {
  if (plugin.stops?.includes(outcome) !== true || row.next?.[outcome] !== undefined) return
  throw new GiveUp(reason ?? `it ended with ${outcome}`, hint === undefined ? {} : { hint })
}

/** A ticket that was started before there was such a setting has none pinned. */
function windowOf({ answerWindow }: PhasePlugin, { settings }: DrivenTicket): number | null {
  const pinned: Partial<Settings> = settings
  return answerWindow === undefined ? (pinned['questions.windowMs'] ?? null) : answerWindow
}

function artifactOf({ driving, plugin, sources }: RunContext, output: unknown): NewArtifact | null {
  if (plugin.artifact === undefined || output === undefined) return null
  const content = outputText(output)
  return { id: `art_${driving.chance.hex(8)}`, kind: plugin.artifact, content, sha256: sha256(content), derivedFrom: [...sources] }
}

async function advance(
  env: ExecuteEnv,
  ticket: DrivenTicket,
  end: { row: PinnedRow; outcome: string; output: NewArtifact | null },
): Promise<ExecuteEnd> {
  const { store, fence, clock } = env.driving
  const next = nextRow(ticket.pinned, { phase: ticket.phase, outcome: end.outcome }, ticket.settings)
  const past = (await store.attempts(ticket.id)).filter((a) => a.phase === next?.phase)
  const to = next && {
    phase: next.phase,
    attempt: Math.max(0, ...past.map((a) => a.attempt)) + 1,
    label: next.label,
    visits: past.filter((a) => a.reason !== 'reattempt' && a.counted).length + 1,
  }
  const from = { phase: ticket.phase, attempt: ticket.attempt }
  await store.advance(fence, { from, outcome: end.outcome, to, ...(end.output ? { output: end.output } : {}), at: clock.now() })
  if (end.row.exclusive && !stillExclusive(next)) await store.releaseExclusive(fence, { at: clock.now() })
  return next ? 'again' : 'rest'
}

async function failed(
  env: ExecuteEnv,
  ticket: DrivenTicket,
  { plugin, failure }: { plugin: PhasePlugin | null; failure: Failure },
): Promise<ExecuteEnd> {
  const { driving } = env
  const { store, fence, clock } = driving
  const from = { phase: ticket.phase, attempt: ticket.attempt }
  const now = clock.now()
  const attempts = (await store.attempts(ticket.id)).filter((a) => a.phase === ticket.phase)
  const count = attempts.filter((a) => a.state === 'failed' && a.counted).length + 1
  const decision = plugin ? decideRetry(plugin.retry, failure, { failed: count, now }) : { do: 'block' as const }
  if (decision.do === 'again') {
    await closeAttempt(driving, from, { reason: failure.error.code, success: false })
    const to = { phase: ticket.phase, attempt: Math.max(...attempts.map((a) => a.attempt)) + 1 }
    const { code, message } = failure.error
    await store.reattempt(fence, {
      from,
      to,
      label: plugin?.label ?? ticket.phase,
      failure: { kind: failure.kind, code, message },
      notBefore: decision.at,
      at: now,
    })
    return decision.at > now ? 'rest' : 'again'
  }
  const { code, message, hint } = failure.error
  const blocked = { code, message, hint, actions: actionsFor(failure), errorId: `err_${driving.chance.hex(8)}` }
  const notices = budgetNotices(failure.error)
  await store.block(fence, { from, blocked, kind: failure.kind, evidence: evidenceOf(failure), notices, at: now })
  return 'rest'
}
