/** A person's stored writes, carried out by the driver in the transaction that acts. */
import type { Form, Json, Note } from '#plugins/contract'
import { carryOutEdit } from './edits.ts'
import type { EditPayload } from './edits.ts'
import { closeAttempt } from './close-attempt.ts'
import type { Driving } from './driving.ts'
import { rowOf } from './pipeline.ts'
import type { CommandRecord } from './store/records.ts'
import { isBlocked, isDraft, isFinal, isStarted } from './ticket.ts'
import type { BlockedTicket, StartedTicket, Ticket } from './ticket.ts'
import { settlementOf } from './turns/answer.ts'
import { adoptedAnswer } from './turns/adopt.ts'
import type { GatePayload } from './verbs/waiting-verbs.ts'

/** What a gate's command carries. */
export type DecidePayload = { readonly action: string; readonly payload: Json; readonly sha256: string | null }

export interface CommandEnv {
  readonly driving: Driving
  /** Commits what is in the ticket's worktree to its branch, before another ticket gets the execution lease. */
  readonly commitTree: (ticket: BlockedTicket) => Promise<void>
  /** Takes back what is in the worktree and not committed. */
  readonly resetTree: (ticket: StartedTicket) => Promise<void>
}

export async function carryOut(env: CommandEnv, ticket: Ticket, command: CommandRecord): Promise<void> {
  if (isFinal(ticket)) return drop(env, command, 'the ticket is over')
  switch (command.kind) {
    case 'decide':
      return decide(env, ticket, command)
    case 'cancel':
      return cancel(env, ticket, command)
    case 'retry':
      return isBlocked(ticket) ? retry(env, ticket, command) : drop(env, command, 'the ticket is not blocked any more')
    case 'continue':
      return isBlocked(ticket) ? goOn(env, ticket, command) : drop(env, command, 'the ticket is not blocked any more')
    case 'release':
      return isBlocked(ticket) ? release(env, ticket, command) : drop(env, command, 'the ticket is not blocked any more')
    case 'edit':
      return isStarted(ticket) ? edit(env, ticket, command) : drop(env, command, 'the ticket was not started')
    case 'resolve_turn':
      return isBlocked(ticket) ? resolveTurn(env, ticket, command) : drop(env, command, 'the ticket is not blocked any more')
  }
}

const drop = ({ driving }: CommandEnv, command: CommandRecord, reason: string): Promise<void> =>
  driving.store.dropCommand(driving.fence, { actionId: command.actionId, reason, at: driving.clock.now() })

async function decide(env: CommandEnv, ticket: Ticket, command: CommandRecord): Promise<void> {
  const { store, fence, clock } = env.driving
  const entry = command.target === null ? null : await store.inboxEntry(ticket.id, command.target)
  if (!entry || entry.state === 'closed' || entry.phase === null || entry.attempt === null) return drop(env, command, 'the gate is closed')
  const { form, step, artifact } = entry.payload as unknown as GatePayload
  const { action, payload, sha256 } = command.payload as DecidePayload
  const approves = approvesArtifact(form, action) && artifact ? artifact.kind : null
  const decision = { action, payload, ...(sha256 === null ? {} : { sha256 }) }
  const at = { phase: entry.phase, attempt: entry.attempt, at: clock.now() }
  await store.decideGate(fence, { ...at, gateId: entry.id, name: step, decision, approves, consume: command.actionId })
}

async function edit(env: CommandEnv, ticket: StartedTicket, command: CommandRecord): Promise<void> {
  const { actionId, target, payload } = command
  const done = await carryOutEdit(env, ticket, { kind: target ?? '', actionId, payload: payload as EditPayload })
  if (!done) await drop(env, command, 'the document is another one by now')
}

export const approvesArtifact = (form: Form, action: string): boolean => form.actions.find((a) => a.id === action)?.approves === true

async function cancel(env: CommandEnv, ticket: Ticket, command: CommandRecord): Promise<void> {
  const { driving } = env
  const reason = (command.payload as { reason?: string }).reason ?? 'canceled by a person'
  if (!isDraft(ticket) && !isFinal(ticket))
    await closeAttempt(driving, { phase: ticket.phase, attempt: ticket.attempt }, { reason, success: false })
  await driving.store.cancelTicket(driving.fence, { reason, consume: command.actionId, at: driving.clock.now() })
}

async function retry(env: CommandEnv, ticket: BlockedTicket, command: CommandRecord): Promise<void> {
  const { driving } = env
  const { store, fence, clock } = driving
  const note = (command.payload as { note?: string | null }).note ?? null
  const from = { phase: ticket.phase, attempt: ticket.attempt }
  await closeAttempt(driving, from, { reason: 'a person asked for a retry', success: false })
  await reopenItems(driving, ticket, note)
  const attempts = (await store.attempts(ticket.id)).filter((a) => a.phase === ticket.phase)
  const to = { phase: ticket.phase, attempt: Math.max(...attempts.map((a) => a.attempt)) + 1 }
  await store.retryTicket(fence, {
    from,
    to,
    label: rowOf(ticket.pinned, ticket.phase).label,
    note,
    consume: command.actionId,
    at: clock.now(),
  })
}

/** Finished items stay finished; a failed one may be worked on again and carries the person's note. */
async function reopenItems({ store, fence, clock }: Driving, ticket: BlockedTicket, note: string | null): Promise<void> {
  for (const item of await store.items(ticket.id)) {
    if (item.state !== 'error' && item.state !== 'in_progress') continue
    const person: readonly Note[] = note === null ? [] : [{ kind: 'person', at: clock.now(), iteration: item.iteration, text: note }]
    await store.putItem(fence, { id: item.id, patch: { state: 'pending', notes: [...item.notes, ...person] }, at: clock.now() })
  }
}

async function goOn({ driving }: CommandEnv, ticket: BlockedTicket, command: CommandRecord): Promise<void> {
  const { store, fence, clock } = driving
  const error = (await store.errors(ticket.id)).find((e) => e.id === ticket.blocked.errorId)
  const evidence = error?.evidence as { continuable?: { prompt?: string } | null } | undefined
  const reopenPrompt = evidence?.continuable?.prompt ?? null
  await store.continueTicket(fence, {
    from: { phase: ticket.phase, attempt: ticket.attempt },
    reopenPrompt,
    consume: command.actionId,
    at: clock.now(),
  })
}

async function release(env: CommandEnv, ticket: BlockedTicket, command: CommandRecord): Promise<void> {
  const { store, fence, clock } = env.driving
  await env.commitTree(ticket)
  await store.releaseExclusive(fence, { at: clock.now() })
  return store.consumeCommand(fence, { actionId: command.actionId, at: clock.now() })
}

/**
 * A person says what became of an uncertain turn; then the ticket goes on in the same attempt. `resend`: the same request as
 * another turn, in a fresh session: the old one may be disturbed, or still at work.
 */
async function resolveTurn(env: CommandEnv, ticket: BlockedTicket, command: CommandRecord): Promise<void> {
  const { store, fence, clock, opencode } = env.driving
  const turn = command.target === null ? null : await store.turn(command.target)
  if (!turn || turn.settlement) return drop(env, command, 'the turn is settled')
  const { as } = command.payload as { as: 'resend' | 'adopt' | 'abandon' }
  const settlement = as === 'adopt' ? await adoptedAnswer(opencode.adapter, turn) : settlementOf(as === 'resend' ? 'resent' : 'lost', [])
  if (typeof settlement === 'string') return drop(env, command, settlement)
  const from = { phase: ticket.phase, attempt: ticket.attempt }
  const giveUp = as === 'adopt' ? null : `a person chose ${as}`
  await store.resolveTurn(fence, { from, turnId: turn.turnId, settlement, giveUp, consume: command.actionId, at: clock.now() })
}
