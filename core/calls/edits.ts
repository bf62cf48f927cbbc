/** Edits of documents: what one would make void, and the edit itself. At an open gate an edit is a decision of that gate. */
import type { Form } from '#plugins/contract'
import { planEdit } from '../edits.ts'
import type { EditPayload } from '../edits.ts'
import { fail } from '../errors.ts'
import type { EditPreview, TicketCalls, TicketView } from '../kernel-api.ts'
import type { Invalidation } from '../invalidation.ts'
import { sha256 } from '../json.ts'
import { rowOf } from '../pipeline.ts'
import type { Store } from '../store/store.ts'
import { isStarted } from '../ticket.ts'
import type { StartedTicket } from '../ticket.ts'
import type { GatePayload } from '../verbs/waiting-verbs.ts'
import { artifactHead, ticketView } from '../views.ts'
import { checkDocument } from './gate-payload.ts'
import type { TicketCallsEnv } from './tickets.ts'

type EditEnv = TicketCallsEnv & { readonly submitGate: TicketCalls['submitGate'] }
type EditInput = Parameters<TicketCalls['editArtifact']>[0]

export const editCalls = (env: EditEnv): Pick<TicketCalls, 'editArtifact' | 'previewEdit'> => ({
  editArtifact: (input) => editArtifact(env, input),
  previewEdit: (input) => previewEdit(env, input),
})

async function editArtifact(env: EditEnv, input: EditInput): Promise<TicketView> {
  const { ticketId, kind, content, expectedContentSha256: expected, actionId = `act_${env.chance.hex(8)}` } = input
  const { store } = env.projects.ofTicket(ticketId)
  const known = await store.getTicket(ticketId)
  if (known && (await store.command(ticketId, actionId))) return repeated(env, known.id, { actionId, kind, content, expected })
  const { ticket, gate } = await editable(env, { ticketId, kind })
  if (gate) {
    const decision = { ticketId, gateId: gate.id, action: gate.action, actionId, expectedContentSha256: expected, payload: { content } }
    return env.submitGate(decision)
  }
  const plan = await planned(store, ticket, { kind, sha256: sha256(content) })
  if (plan.document.sha256 !== expected)
    throw fail('GATE_HASH_STALE', { ticketId, gateId: null, artifact: kind, current: plan.document.sha256, expected })
  await checkDocument(env.registry, ticket, { before: plan.gate, artifact: kind, content })
  if (!plan.changes) return ticketView(ticket)
  return submit(env, ticketId, { actionId, kind, content, expected })
}

interface Edit {
  readonly actionId: string
  readonly kind: string
  readonly content: string
  readonly expected: string
}

async function submit(env: EditEnv, ticketId: string, { actionId, kind, content, expected }: Edit): Promise<TicketView> {
  const { store } = env.projects.ofTicket(ticketId)
  const payload: EditPayload = { content, sha256: expected }
  await store.submitCommand({ actionId, ticketId, kind: 'edit', target: kind, payload, edit: { sha256: expected }, at: env.clock.now() })
  await env.worker.act(ticketId)
  const now = await store.getTicket(ticketId)
  if (!now) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
  return ticketView(now)
}

/** The same action again: at a gate the decision, else the edit, whichever the first one was. */
async function repeated(env: EditEnv, ticketId: string, edit: Edit): Promise<TicketView> {
  const first = await env.projects.ofTicket(ticketId).store.command(ticketId, edit.actionId)
  if (first?.kind !== 'decide' || first.target === null) return submit(env, ticketId, edit)
  const { action } = first.payload as { action: string }
  const { actionId, content, expected } = edit
  return env.submitGate({ ticketId, gateId: first.target, action, actionId, expectedContentSha256: expected, payload: { content } })
}

/** Without `content`: of a content that is another one. */
async function previewEdit(env: EditEnv, input: Parameters<TicketCalls['previewEdit']>[0]): Promise<EditPreview> {
  const { ticketId, kind, content } = input
  const { store } = env.projects.ofTicket(ticketId)
  const { ticket, gate } = await editable(env, { ticketId, kind })
  if (gate) {
    const { sha256: current } = gate
    return { kind, contentSha256: current, changes: content === undefined || sha256(content) !== current, ...NOTHING }
  }
  const plan = await planned(store, ticket, { kind, sha256: content === undefined ? '' : sha256(content) })
  const { phase, attempt } = ticket
  const open = (await store.turns(ticketId, { phase, attempt })).filter((turn) => turn.settlement === null)
  return {
    kind,
    contentSha256: plan.document.sha256,
    changes: plan.changes,
    back: plan.back === null ? null : { phase: plan.back, label: rowOf(ticket.pinned, plan.back).label },
    voids: plan.voids.map(artifactHead),
    archives: plan.archives,
    stops: plan.back === null ? 0 : open.length,
  }
}
const NOTHING = { back: null, voids: [], archives: [], stops: 0 } as const

async function planned(store: Store, ticket: StartedTicket, edit: { kind: string; sha256: string }): Promise<Invalidation> {
  const plan = await planEdit(store, ticket, edit)
  if (plan) return plan
  throw fail('ARTIFACT_NOT_APPROVED', { ticketId: ticket.id, kind: edit.kind })
}

interface Editable {
  readonly ticket: StartedTicket
  /** It is decided on right now, at a gate that takes edits. */
  readonly gate: { readonly id: string; readonly action: string; readonly sha256: string } | null
}

async function editable({ projects }: EditEnv, { ticketId, kind }: { ticketId: string; kind: string }): Promise<Editable> {
  const { store } = projects.ofTicket(ticketId)
  const ticket = await store.getTicket(ticketId)
  if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
  const found = await store.artifact(ticketId, { kind })
  if (!found) throw fail('ARTIFACT_MISSING', { ticketId, kind, field: 'kind' })
  if (!isStarted(ticket))
    throw fail('TICKET_WRONG_STATUS', {
      ticketId,
      status: ticket.status,
      action: 'editArtifact',
      needs: 'a ticket that is started and not over',
    })
  for (const { id, payload } of await store.inbox({ ticketId, kinds: ['gate'] })) {
    const { artifact, form } = payload as unknown as GatePayload
    const action = artifact?.kind === kind ? editOf(form) : undefined
    if (action !== undefined) return { ticket, gate: { id, action, sha256: found.sha256 } }
  }
  return { ticket, gate: null }
}

const editOf = (form: Form): string | undefined => form.actions.find((a) => a.edits === true)?.id
