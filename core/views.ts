/** Records as the kernel's callers see them. */
import type { PhasePlugin } from '#plugins/contract'
import { questionsOf } from './inbox/answers.ts'
import { toJson } from './json.ts'
import type { ArtifactView, InboxView, PipelineView, PhaseView, QuestionView, TicketView, TurnView } from './kernel-api.ts'
import type { Registry } from './pipeline.ts'
import type { ArtifactRecord, InboxRecord, Slot, TurnRecord } from './store/records.ts'
import { isBlocked, isDraft, isFinal, isWaiting } from './ticket.ts'
import type { ListedProgress, ListedTicket } from './ticket.ts'

export function ticketView(ticket: ListedTicket): TicketView {
  const started: Partial<ListedProgress> = isDraft(ticket) ? {} : ticket
  return {
    id: ticket.id,
    projectId: ticket.projectId,
    title: ticket.title,
    description: ticket.description,
    priority: ticket.priority,
    pipeline: ticket.pipeline,
    status: ticket.status,
    phase: started.phase ?? null,
    attempt: started.attempt ?? null,
    ...(ticket.heldBy === null || isFinal(ticket) ? {} : { paused: ticket.heldBy }),
    branch: started.branch ?? null,
    baseBranch: started.baseBranch ?? null,
    baseCommit: started.baseCommit ?? null,
    revision: ticket.revision,
    createdAt: ticket.createdAt,
    updatedAt: ticket.updatedAt,
    ...(isWaiting(ticket) ? { waitingFor: ticket.waitingFor, ...(ticket.until === null ? {} : { until: ticket.until }) } : {}),
    ...(isBlocked(ticket)
      ? {
          blocked: {
            code: ticket.blocked.code,
            message: ticket.blocked.message,
            hint: ticket.blocked.hint,
            actions: ticket.blocked.actions,
          },
        }
      : {}),
  }
}

export const turnView = (turn: TurnRecord, slot: Slot | null): TurnView => ({
  turnId: turn.turnId,
  prompt: turn.prompt,
  slot,
  sessionId: turn.sessionId,
  receipt: turn.receipt,
  reason: turn.reason,
  how: turn.settlement?.how ?? null,
  model: turn.request.model,
  tokens: turn.settlement?.tokens ?? null,
  cost: turn.settlement?.cost ?? null,
  ...(turn.settlement?.untold ? { untold: turn.settlement.untold } : {}),
  ...(turn.settlement?.sub === undefined ? {} : { sub: turn.settlement.sub }),
  posts: turn.posts,
  startedAt: turn.intendedAt,
  settledAt: turn.settledAt,
  text: turn.settlement?.text ?? null,
  ...(turn.settlement?.error ? { error: { name: turn.settlement.error.name, message: turn.settlement.error.message } } : {}),
})

export const artifactHead = (a: Omit<ArtifactRecord, 'content'>): Omit<ArtifactView, 'content'> => ({
  kind: a.kind,
  phase: a.phase,
  attempt: a.attempt,
  revision: a.revision,
  contentSha256: a.sha256,
  approved: a.approvedBy !== null && a.voidAt === null,
  derivedFrom: a.derivedFrom,
  ...(a.voidAt === null ? {} : { void: true }),
})
export const artifactView = (a: ArtifactRecord): ArtifactView => ({ ...artifactHead(a), content: a.content })

export const questionView = (entry: InboxRecord): QuestionView => ({
  requestId: entry.id,
  ticketId: entry.ticketId,
  sessionId: entry.sessionId ?? '',
  questions: questionsOf(entry),
  askedAt: entry.since,
  ...(entry.detached ? { detached: true } : {}),
  ...(entry.deadline === null ? {} : { deadline: entry.deadline }),
})

export const inboxView = (entry: InboxRecord, projectId: string): InboxView => ({
  id: entry.id,
  kind: entry.kind,
  ticketId: entry.ticketId,
  projectId,
  since: entry.since,
  ...(entry.deadline === null ? {} : { deadline: entry.deadline }),
  actions: entry.actions,
  payload: entry.payload,
})

export function pipelineViews(registry: Registry): readonly PipelineView[] {
  return [...registry.pipelines.values()].map((pipeline) => ({
    name: pipeline.name,
    label: pipeline.label,
    phases: pipeline.rows.map((row) => phaseView(registry.phases.get(row.phase) as PhasePlugin, row)), // the loader checked it
  }))
}

const phaseView = (
  plugin: PhasePlugin,
  row: { group: string; exclusive?: boolean; next?: Readonly<Record<string, string>> },
): PhaseView => ({
  id: plugin.id,
  label: plugin.label,
  group: row.group,
  primitive: plugin.primitive ?? (plugin.run ? 'custom' : 'prompt'),
  tools: toJson(plugin.tools),
  context: typeof plugin.context === 'function' ? 'custom' : plugin.context.slices,
  outcomes: plugin.outcomes ?? ['done'],
  version: plugin.version,
  exclusive: row.exclusive === true,
  next: row.next ?? {},
})
