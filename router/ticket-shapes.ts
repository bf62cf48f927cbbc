/** What leaves of a ticket and of what it produced. */
import * as v from 'valibot'
import {
  BLOCKED_ACTIONS,
  BRANCH_ENDS,
  PAUSED_BY,
  RECEIPTS,
  TICKET_STATUSES,
  WAITING_FOR,
  type ArtifactView,
  type DeletedTicket,
  type EditPreview,
  type Kernel,
  type TicketView,
  type TurnView,
} from '#core'
import { given, orNull, reply, some } from './shapes.ts'

export const Ticket = reply<TicketView>({
  id: v.string(),
  projectId: v.string(),
  title: v.string(),
  description: v.string(),
  priority: v.number(),
  pipeline: v.string(),
  status: v.picklist(TICKET_STATUSES),
  waitingFor: some(v.picklist(WAITING_FOR)),
  until: some(v.number()),
  phase: orNull(v.string()),
  attempt: orNull(v.number()),
  paused: some(v.picklist(PAUSED_BY)),
  blocked: some(v.object({ code: v.string(), message: v.string(), hint: v.string(), actions: v.array(v.picklist(BLOCKED_ACTIONS)) })),
  branch: orNull(v.string()),
  baseBranch: orNull(v.string()),
  baseCommit: orNull(v.string()),
  revision: v.number(),
  createdAt: v.number(),
  updatedAt: v.number(),
})

type TicketCalls = Kernel['tickets']
type ArtifactHead = Awaited<ReturnType<TicketCalls['artifacts']>>[number]
export type Attempt = Awaited<ReturnType<TicketCalls['attempts']>>[number]
export type Session = Awaited<ReturnType<TicketCalls['sessions']>>[number]
export type Bead = Awaited<ReturnType<TicketCalls['beads']>>[number]
export type Diff = Awaited<ReturnType<TicketCalls['diff']>>
export type ErrorOccurrence = Awaited<ReturnType<TicketCalls['errors']>>[number]

const artifact = {
  kind: v.string(),
  phase: v.string(),
  attempt: v.number(),
  revision: v.number(),
  contentSha256: v.string(),
  approved: some(v.boolean()),
  derivedFrom: v.array(v.string()),
  void: some(v.boolean()),
}
export const ArtifactHead = reply<ArtifactHead>(artifact)
export const Artifact = reply<ArtifactView>({ ...artifact, content: v.string() })

export const Preview = reply<EditPreview>({
  kind: v.string(),
  contentSha256: v.string(),
  changes: v.boolean(),
  back: orNull(v.object({ phase: v.string(), label: v.string() })),
  voids: v.array(v.object(artifact)),
  archives: v.array(v.object({ phase: v.string(), attempt: v.number() })),
  stops: v.number(),
})

const Model = v.object({ provider: v.string(), model: v.string(), variant: some(v.string()), agent: some(v.string()) })
const Slot = v.object({
  ticketId: v.string(),
  phase: v.string(),
  phaseAttempt: v.number(),
  memberId: orNull(v.string()),
  beadId: orNull(v.string()),
  iteration: orNull(v.number()),
  step: orNull(v.string()),
})

export const Turn = reply<TurnView>({
  turnId: v.string(),
  prompt: v.string(),
  slot: orNull(Slot),
  sessionId: v.string(),
  receipt: v.picklist(RECEIPTS),
  reason: v.string(),
  how: orNull(v.string()),
  model: Model,
  tokens: orNull(v.record(v.string(), v.number())),
  cost: orNull(v.number()),
  untold: some(v.number()),
  sub: some(orNull(v.object({ sessions: v.number(), tokens: orNull(v.record(v.string(), v.number())), cost: orNull(v.number()) }))),
  posts: v.number(),
  startedAt: v.number(),
  settledAt: orNull(v.number()),
  text: orNull(v.string()),
  error: some(v.object({ name: v.string(), message: v.string() })),
})

export const Session = reply<Session>({
  nonce: v.string(),
  slot: Slot,
  state: v.string(),
  sessionId: orNull(v.string()),
  opencodeId: v.string(),
  directory: v.string(),
  model: Model,
  generation: v.number(),
  createdAt: v.number(),
  endedAt: orNull(v.number()),
  reason: orNull(v.string()),
})

export const Attempt = reply<Attempt>({
  phase: v.string(),
  attempt: v.number(),
  reason: v.string(),
  state: v.string(),
  outcome: orNull(v.string()),
  failure: orNull(v.object({ kind: v.string(), code: v.string(), message: v.string() })),
  counted: v.boolean(),
  startedAt: v.number(),
  endedAt: orNull(v.number()),
})

export const Bead = reply<Bead>({
  id: v.string(),
  title: v.string(),
  state: v.string(),
  priority: v.number(),
  blockedBy: v.array(v.string()),
  iteration: v.number(),
  startCommit: some(v.string()),
  commit: some(v.string()),
  notes: v.array(v.object({ kind: v.string(), at: v.number(), iteration: v.number(), text: v.string() })),
  data: given<Bead['data']>(),
})

export const Deleted = reply<DeletedTicket>({
  ticketId: v.string(),
  deleted: v.literal(true),
  branch: v.picklist(BRANCH_ENDS),
  left: v.array(v.string()),
})
export const Diff = reply<Diff>({ patch: v.string(), stat: v.string(), truncated: v.boolean() })

export const ErrorOccurrence = reply<ErrorOccurrence>({
  id: v.string(),
  phase: v.string(),
  attempt: v.number(),
  code: v.string(),
  kind: v.string(),
  message: v.string(),
  hint: v.string(),
  actions: v.array(v.string()),
  evidence: given<ErrorOccurrence['evidence']>(),
  at: v.number(),
  resolvedAt: orNull(v.number()),
  resolution: orNull(v.string()),
})
