/** The kernel's calls about tickets: read, check, store; what acts is the worker. */
import { fail } from '../errors.ts'
import type { EvidenceFiles } from '../evidence/evidence-files.ts'
import type { ClearEnv } from '../clear-ticket.ts'
import { approvesArtifact } from '../commands.ts'
import type { DecidePayload } from '../commands.ts'
import type { Acting, GateSubmission, TicketCalls, TicketView } from '../kernel-api.ts'
import type { OpencodeAdapter } from '../opencode/adapter.ts'
import type { ModelList } from '../opencode/models.ts'
import { firstRow, pinPipeline } from '../pipeline.ts'
import type { Registry } from '../pipeline.ts'
import type { Pauses } from '../pauses.ts'
import type { Chance, Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import { assertQuorum } from '../settings.ts'
import type { ResolvedSettings, Settings } from '../settings.ts'
import type { CommandKind } from '../store/records.ts'
import { BLOCKED_STATUS, isBlocked, isDraft, isStarted, mayChange } from '../ticket.ts'
import type { BlockedAction, DraftTicket, Ticket } from '../ticket.ts'
import { draftCalls } from './drafts.ts'
import { editCalls } from './edits.ts'
import { deleteTicket } from './delete-ticket.ts'
import { pauseTicket } from './pauses.ts'
import { checkPayload } from './gate-payload.ts'
import { ticketReads } from './ticket-reads.ts'
import { adoptedAnswer } from '../turns/adopt.ts'
import { ticketView } from '../views.ts'
import type { GatePayload } from '../verbs/waiting-verbs.ts'
import { commitOf } from '../workspace/index.ts'
import type { Worker } from '../worker.ts'

export interface TicketCallsEnv {
  readonly projects: Projects
  readonly registry: Registry
  readonly models: ModelList
  readonly worker: Worker
  readonly adapter: OpencodeAdapter
  readonly clock: Clock
  readonly chance: Chance
  readonly clear: ClearEnv
  readonly pauses: Pauses
  readonly evidence: EvidenceFiles
  /** Resolved for one ticket of one project. */
  readonly settingsFor: (project: OpenProject, ticket: Pick<Ticket, 'models' | 'own'>) => Promise<ResolvedSettings>
}

export function ticketCalls(env: TicketCallsEnv): TicketCalls {
  return {
    ...ticketReads(env.projects),
    create: (input) => create(env, input),
    update: (input) => update(env, input),
    start: (input) => start(env, input),
    cancel: ({ reason, ...acting }) => command(env, acting, { kind: 'cancel', payload: { reason: reason ?? null } }),
    retry: ({ note, ...acting }) => command(env, acting, { kind: 'retry', payload: { note: note ?? null }, needs: 'retry' }),
    continue: (acting) => continueTicket(env, acting),
    release: (acting) => command(env, acting, { kind: 'release', payload: null, needs: 'release' }),
    resolveTurn: (input) => resolveTurn(env, input),
    submitGate: (input) => submitGate(env, input),
    ...draftCalls(env),
    ...editCalls({ ...env, submitGate: (input) => submitGate(env, input) }),
    delete: (input) => deleteTicket(env, input),
    pause: ({ ticketId }) => pauseTicket(env, ticketId, true),
    resume: ({ ticketId }) => pauseTicket(env, ticketId, false),
  }
}

const MAX_TITLE = 300
/** Phases that vote. */
const COUNCIL = 'council'
type CreateInput = Parameters<TicketCalls['create']>[0]

async function create({ projects, registry, clock }: TicketCallsEnv, input: CreateInput): Promise<TicketView> {
  const { store } = projects.get(input.projectId)
  const pipeline = input.pipeline ?? [...registry.pipelines.keys()][0] ?? ''
  checkDraft(registry, { title: input.title, pipeline })
  const ticket = await store.createTicket({
    title: input.title.trim(),
    description: input.description ?? '',
    priority: input.priority ?? 0,
    pipeline,
    models: modelsOf(input.models),
    ...(input.actionId === undefined ? {} : { actionId: input.actionId }),
    at: clock.now(),
  })
  return ticketView(ticket)
}

const modelsOf = (models: CreateInput['models']): Ticket['models'] =>
  models ? { ...(models.main ? { main: models.main } : {}), ...(models.members ? { members: models.members } : {}) } : null

function checkDraft(registry: Registry, { title, pipeline }: { title?: string | undefined; pipeline?: string | undefined }): void {
  if (title !== undefined && (title.trim() === '' || title.length > MAX_TITLE))
    throw fail('INVALID_INPUT', { field: 'title', problem: `must have 1 to ${MAX_TITLE} characters` })
  if (pipeline !== undefined) pinPipeline(registry, pipeline)
}

async function update(env: TicketCallsEnv, input: Parameters<TicketCalls['update']>[0]): Promise<TicketView> {
  const { store } = env.projects.ofTicket(input.ticketId)
  const ticket = draftOf(await known(env, input.ticketId), 'update')
  checkDraft(env.registry, input)
  const { ticketId, actionId: _, models, ...rest } = input
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  const patch = { ...given, ...(models === undefined ? {} : { models: modelsOf(models) }) }
  return ticketView(await store.editTicket({ ticketId, revision: ticket.revision, patch, at: env.clock.now() }))
}

/** Everything that can be wrong is found before anything is written or sent: settings, model, repository, lease. */
async function start(env: TicketCallsEnv, { ticketId, actionId }: Acting): Promise<TicketView> {
  const project = env.projects.ofTicket(ticketId)
  const before = await known(env, ticketId)
  if (actionId !== undefined && !isDraft(before) && (await project.store.command(ticketId, actionId))) return ticketView(before)
  const ticket = draftOf(before, 'start')
  const { values: settings, sources } = await env.settingsFor(project, ticket)
  const pinned = pinPipeline(env.registry, ticket.pipeline)
  const first = firstRow(pinned, settings)
  if (!first) throw fail('CONFIG_INVALID', { problems: `pipeline ${ticket.pipeline}: no row is on under these settings` })
  await checkModels(env, settings)
  if (pinned.rows.some((row) => env.registry.phases.get(row.phase)?.primitive === COUNCIL)) assertQuorum(settings)
  const baseBranch = project.record.defaultBranch
  const baseCommit = await commitOf(project.record.path, baseBranch)
  const fence = await env.worker.claim(project, ticketId)
  if (!fence) throw fail('LEASE_HELD', { ticketId, holder: 'another LoopTroop' })
  const started = await project.store.startTicket(fence, {
    phase: first.phase,
    pinned,
    settings,
    sources,
    branch: `looptroop/${ticketId}`,
    baseBranch,
    baseCommit,
    at: env.clock.now(),
    ...(actionId === undefined ? {} : { actionId }),
  })
  env.worker.nudge()
  return ticketView(started)
}

async function checkModels({ models }: TicketCallsEnv, settings: Settings): Promise<void> {
  const main = settings['models.main']
  if (!main) throw fail('MODEL_MISSING', { field: 'models.main' })
  const council = [main, ...settings['models.members']]
  for (const ref of council) await models.assertModelKnown(ref)
}

function draftOf(ticket: Ticket, action: string): DraftTicket {
  if (isDraft(ticket)) return ticket
  throw fail('TICKET_WRONG_STATUS', { ticketId: ticket.id, status: ticket.status, action, needs: 'a ticket that was not started' })
}

async function known({ projects }: TicketCallsEnv, ticketId: string): Promise<Ticket> {
  const ticket = await projects.ofTicket(ticketId).store.getTicket(ticketId)
  if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
  return ticket
}

interface Command {
  readonly kind: CommandKind
  readonly payload: { readonly [key: string]: string | null } | null
  readonly target?: string
  /** The action that the blocked ticket must offer. */
  readonly needs?: BlockedAction
}

/** Stored, then carried out at once when this process drives the ticket; else by the driver's next round. */
async function command(env: TicketCallsEnv, { ticketId, actionId }: Acting, wanted: Command): Promise<TicketView> {
  const { store } = env.projects.ofTicket(ticketId)
  const id = actionId ?? `act_${env.chance.hex(8)}`
  const ticket = await known(env, ticketId)
  if (!(await store.command(ticketId, id))) assertMay(ticket, wanted)
  await store.submitCommand({
    actionId: id,
    ticketId,
    kind: wanted.kind,
    target: wanted.target ?? null,
    payload: wanted.payload,
    at: env.clock.now(),
  })
  await env.worker.act(ticketId)
  return ticketView(await known(env, ticketId))
}

/** The session that would go on is looked at first: one that is gone cannot be continued, only retried. */
async function continueTicket(env: TicketCallsEnv, acting: Acting): Promise<TicketView> {
  const { store } = env.projects.ofTicket(acting.ticketId)
  const ticket = await known(env, acting.ticketId)
  const repeated = acting.actionId !== undefined && (await store.command(ticket.id, acting.actionId)) !== null
  if (isBlocked(ticket) && !repeated) {
    const error = (await store.errors(ticket.id)).find((e) => e.id === ticket.blocked.errorId)
    const sessionId = (error?.evidence as { continuable?: { sessionId?: string } | null } | undefined)?.continuable?.sessionId
    if (sessionId !== undefined && (await env.adapter.getSession(sessionId)) === null) throw fail('SESSION_GONE', { sessionId })
  }
  return command(env, acting, { kind: 'continue', payload: null, needs: 'continue' })
}

/** What cannot be adopted is told at once, and the ticket stays as it is. */
async function resolveTurn(env: TicketCallsEnv, { turnId, as, ...acting }: Parameters<TicketCalls['resolveTurn']>[0]): Promise<TicketView> {
  const { store } = env.projects.ofTicket(acting.ticketId)
  const turn = await store.turn(turnId)
  if (turn?.ticketId !== acting.ticketId)
    throw fail('INVALID_INPUT', { field: 'turnId', problem: `${acting.ticketId} has no turn ${turnId}` })
  if (as === 'adopt' && turn.receipt === 'uncertain') {
    const answer = await adoptedAnswer(env.adapter, turn)
    if (typeof answer === 'string') throw fail('TURN_NOT_ADOPTABLE', { turnId, problem: answer })
  }
  return command(env, acting, { kind: 'resolve_turn', target: turnId, payload: { as }, needs: 'resolve_turn' })
}

function assertMay(ticket: Ticket, { kind, needs }: Command): void {
  const wrong = (words: string): never => {
    throw fail('TICKET_WRONG_STATUS', { ticketId: ticket.id, status: ticket.status, action: kind, needs: words })
  }
  if (kind === 'cancel' && !mayChange(ticket.status, 'cancel')) wrong('a ticket that is not over')
  if (needs === undefined) return
  if (!isBlocked(ticket)) return wrong(`a ticket that is ${BLOCKED_STATUS}`)
  // A blocked holder of the execution lease can always be told to release it.
  if (needs !== 'release' && !ticket.blocked.actions.includes(needs))
    wrong(`one that offers ${needs}; this one offers ${ticket.blocked.actions.join(', ')}`)
}

/** The one door for people's decisions. Another hash than the artifact's newest is CONFLICT, and nothing changes. */
async function submitGate(env: TicketCallsEnv, input: GateSubmission): Promise<TicketView> {
  const { ticketId, gateId, actionId } = input
  const { store, record: project } = env.projects.ofTicket(ticketId)
  const ticket = await known(env, ticketId)
  const entry = await store.inboxEntry(ticketId, gateId)
  if (!entry || entry.kind !== 'gate') throw fail('GATE_UNKNOWN', { ticketId, gateId, field: 'gateId' })
  const { form, artifact } = entry.payload as unknown as GatePayload
  const sha256 = checkDecision(input, { form, artifact })
  // The same action again returns what the first did; a new one needs an open gate.
  const again = await store.command(ticketId, actionId)
  if (!again) {
    if (entry.state === 'closed' || !isStarted(ticket)) throw fail('GATE_CLOSED', { gateId })
    const attached = async (): Promise<ReadonlySet<string>> =>
      new Set((await env.evidence.list({ projectId: project.id, ticketId })).map((file) => file.sha256))
    await checkPayload(env.registry, ticket, { action: input.action, payload: input.payload ?? null, form, attached })
  }
  const payload: DecidePayload = { action: input.action, payload: input.payload ?? null, sha256: sha256 ?? artifact?.sha256 ?? null }
  const gate = { artifact: artifact?.kind ?? null, sha256 }
  await store.submitCommand({ actionId, ticketId, kind: 'decide', target: gateId, payload, gate, at: env.clock.now() })
  await env.worker.act(ticketId)
  return ticketView(await known(env, ticketId))
}

/** A possible action, and for an approval the hash that the person saw. */
function checkDecision(input: GateSubmission, { form, artifact }: Pick<GatePayload, 'form' | 'artifact'>): string | null {
  const { gateId, action, expectedContentSha256: sha256 = null } = input
  if (!form.actions.some((a) => a.id === action)) {
    const possible = form.actions.map((a) => a.id).join(', ')
    throw fail('GATE_ACTION_UNKNOWN', { gateId, action, known: possible, field: 'action' })
  }
  if (artifact && sha256 === null && approvesArtifact(form, action))
    throw fail('GATE_HASH_MISSING', { action, artifact: artifact.kind, field: 'expectedContentSha256' })
  return sha256
}
