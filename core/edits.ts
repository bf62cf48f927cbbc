/** A person's edit of an approved document: the facts for `invalidation.ts`, and what is done by its answer. */
import type { Json } from '#plugins/contract'
import { closeAttempt } from './close-attempt.ts'
import type { Driving } from './driving.ts'
import { invalidation } from './invalidation.ts'
import type { ArtifactHead, EditFacts, Invalidation } from './invalidation.ts'
import { sha256 } from './json.ts'
import { rowOf } from './pipeline.ts'
import type { AttemptRecord, PhaseAt, StepRecord } from './store/records.ts'
import type { Store } from './store/store.ts'
import type { StartedTicket } from './ticket.ts'

/** What an edit's command carries; its target is the kind. */
export type EditPayload = { readonly content: string; readonly sha256: string }

/** Null when no revision of this kind is approved. */
export async function planEdit(
  store: Store,
  ticket: StartedTicket,
  edit: { readonly kind: string; readonly sha256: string },
): Promise<Invalidation | null> {
  const attempts = await store.attempts(ticket.id)
  const artifacts = await store.artifacts(ticket.id)
  const readings: EditFacts['readings'] = await Promise.all(
    attempts.filter((a) => a.state !== 'archived').map((a) => readingOf(store, ticket.id, { at: a, artifacts })),
  )
  return invalidation({ rows: ticket.pinned.rows, phase: ticket.phase, artifacts, attempts, readings }, edit)
}

/** Everything an attempt has seen of documents is in its journal. */
async function readingOf(
  store: Store,
  ticketId: string,
  { at, artifacts }: { at: AttemptRecord; artifacts: readonly ArtifactHead[] },
): Promise<PhaseAt & { sources: readonly string[] }> {
  const { phase, attempt } = at
  const { steps, prompts } = await store.journal(ticketId, { phase, attempt })
  const sources = [...prompts.flatMap((p) => p.sources), ...steps.flatMap((step) => seenIn(step, artifacts))]
  return { phase, attempt, sources }
}

function seenIn({ verb, name, state, value }: StepRecord, artifacts: readonly ArtifactHead[]): readonly string[] {
  if (state !== 'done') return []
  if (verb === 'ask') return shaOf(value)
  const kind = verb === 'read' ? /^read:(.*)#\d+$/.exec(name)?.[1] : undefined
  return artifacts.filter((a) => a.kind === kind && a.revision === value).map((a) => a.sha256)
}

const shaOf = (decision: Json): readonly string[] => {
  const { sha256: seen } = (decision ?? {}) as { sha256?: Json }
  return typeof seen === 'string' ? [seen] : []
}

/** False when the moment has passed: the document is another one by now. */
export async function carryOutEdit(
  { driving, resetTree }: { driving: Driving; resetTree: (ticket: StartedTicket) => Promise<void> },
  ticket: StartedTicket,
  { kind, actionId, payload }: { kind: string; actionId: string; payload: EditPayload },
): Promise<boolean> {
  const { store, fence, clock, chance } = driving
  const { content } = payload
  const plan = await planEdit(store, ticket, { kind, sha256: sha256(content) })
  if (plan?.document.sha256 !== payload.sha256 || !plan.changes) return false
  const from = { phase: ticket.phase, attempt: ticket.attempt }
  const attempts = await store.attempts(ticket.id)
  const last = (phase: string): number => Math.max(0, ...attempts.filter((a) => a.phase === phase).map((a) => a.attempt))
  if (plan.back !== null) {
    await closeAttempt(driving, from, { reason: `${kind} was edited`, success: false })
    await resetTree(ticket)
  }
  const row = plan.back === null ? null : rowOf(ticket.pinned, plan.back)
  await store.editArtifact(fence, {
    from,
    to: row && { phase: row.phase, attempt: last(row.phase) + 1, label: row.label, exclusive: row.exclusive === true },
    artifact: { id: `art_${chance.hex(8)}`, kind, content, sha256: sha256(content), derivedFrom: [plan.document.sha256] },
    edited: { phase: plan.gate, attempt: Math.max(1, last(plan.gate)), sha256: plan.document.sha256 },
    voids: plan.voids.map((a) => a.id),
    archives: plan.archives,
    consume: actionId,
    at: clock.now(),
  })
  return true
}
