/** `phase.ask` and `phase.sleep`: they park the run, which then holds no process and no session. */
import type { Decision, Form, Poll } from '#plugins/contract'
import { isRetryAfter } from '#plugins/errors'
import { fail } from '../errors.ts'
import { event } from '../events/events.ts'
import { hashOf, toJson } from '../json.ts'
import type { RunContext } from './run-context.ts'

/** What a gate's inbox entry holds. */
export type GatePayload = {
  readonly form: Form
  /** The recorded verb that the decision completes. */
  readonly step: string
  readonly artifact: { readonly kind: string; readonly sha256: string; readonly revision: number } | null
}

export async function askVerb(run: RunContext, name: string, { form, poll }: { form: Form; poll?: Poll | undefined }): Promise<Decision> {
  const { journal, driving, ticket } = run
  const { phase, attempt } = journal.at
  const known = journal.visit(name, 'ask', toJson(form))
  if (known?.state === 'done') return decidedOn(run, known.value as unknown as Decision)
  if (!known && journal.resting) return journal.rest(name)
  const step = await journal.busy(async () => {
    const found = form.artifact === undefined ? null : await driving.store.artifact(ticket.id, { kind: form.artifact })
    if (form.artifact !== undefined && !found) throw fail('ARTIFACT_MISSING', { ticketId: ticket.id, kind: form.artifact })
    if (found) run.sources.add(found.sha256)
    const artifact = found && { kind: found.kind, sha256: found.sha256, revision: found.revision }
    const gateId = `${ticket.id}:${phase}:${attempt}:${name}`
    const actions = form.actions.map((a) => a.id)
    const opened = event('gate.opened', {
      phase,
      attempt,
      gateId,
      title: form.title,
      kind: form.kind,
      actions,
      artifact: artifact?.kind ?? null,
      sha256: artifact?.sha256 ?? null,
    })
    const payload: GatePayload = { form, step: name, artifact }
    const inputHash = hashOf(toJson(form))
    return driving.store.openGate(driving.fence, {
      phase,
      attempt,
      gateId,
      name,
      inputHash,
      payload: toJson(payload),
      actions,
      opened,
      at: driving.clock.now(),
    })
  })
  if (step.state === 'done') return decidedOn(run, step.value as unknown as Decision)
  if (!poll) return journal.park(name, { waitingFor: 'person', until: null })
  const seen = await journal.busy(() => lookOutside(run, { name, poll, openedAt: step.startedAt }))
  return seen.decision ?? journal.park(name, { waitingFor: 'person', until: seen.next })
}

/** What comes of a decision is made from the document that it was about. */
function decidedOn({ sources }: RunContext, decision: Decision): Decision {
  if (decision.sha256 !== undefined) sources.add(decision.sha256)
  return decision
}

type Seen = { readonly decision: Decision } | { readonly decision: null; readonly next: number }

/** One look per run: the ticket is woken for the next. What is seen decides the gate as a person's decision would. */
async function lookOutside(run: RunContext, { name, poll, openedAt }: { name: string; poll: Poll; openedAt: number }): Promise<Seen> {
  const { journal, driving, ticket } = run
  const now = driving.clock.now()
  const found = await lookNow(poll)
  if (!('action' in found)) {
    const quiet = Math.max(0, now - Math.max(openedAt, found.changedAt ?? 0))
    const usual = Math.min(poll.most ?? poll.every, Math.max(poll.every, quiet / QUIET_SHARE))
    return { decision: null, next: now + Math.round(Math.max(usual, found.notBefore ?? 0)) }
  }
  const gateId = `${ticket.id}:${journal.at.phase}:${journal.at.attempt}:${name}`
  await driving.store.decideGate(driving.fence, {
    ...{ ...journal.at, gateId, name, decision: toJson(found), approves: null, consume: null, at: driving.clock.now() },
  })
  return { decision: found }
}

/**
 * The time until the next look is a share of how long nothing has changed. It follows from what is stored (when the gate was opened)
 * and from what the other side says, so that a restart does not begin with short times again.
 */
const QUIET_SHARE = 10

/** A forge that does not answer now is asked again at the next look; the person can decide meanwhile. */
async function lookNow(poll: Poll): Promise<Decision | { readonly changedAt?: number; readonly notBefore?: number }> {
  try {
    return (await poll.look()) ?? {}
  } catch (error) {
    return isRetryAfter(error) ? { notBefore: error.delayMs } : {}
  }
}

export async function sleepVerb(run: RunContext, name: string, duration: number): Promise<void> {
  const { journal, driving } = run
  const known = journal.visit(name, 'sleep', duration)
  if (known?.state === 'done') return
  if (!known && journal.resting) return journal.rest(name)
  const { store, fence, clock } = driving
  const step =
    known ??
    (await journal.busy(() => store.beginStep(fence, { ...journal.at, name, verb: 'sleep', inputHash: hashOf(duration), at: clock.now() })))
  const until = step.startedAt + duration
  if (clock.now() < until) return journal.park(name, { waitingFor: 'time', until })
  await journal.busy(() => store.completeStep(fence, { ...journal.at, name, value: until, at: clock.now() }))
}
