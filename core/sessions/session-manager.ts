/** Owning OpenCode sessions: reconnect or create for a slot, and let go. */
import type { ModelRef, PermissionRule } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import { fail, isCode, messageOf } from '../errors.ts'
import type { RemoteSession } from '../opencode/adapter.ts'
import type { SessionRecord, Slot } from '../store/records.ts'
import type { BegunPrompt } from '../store/store.ts'
import { isBlocked, isDriven } from '../ticket.ts'
import { carriesNonce, classifyReconnect, sessionTitle } from './ownership.ts'
import type { ReconnectClass } from './ownership.ts'

export interface OwnOptions {
  readonly slot: Slot
  readonly directory: string
  readonly model: ModelRef
  readonly rules: readonly PermissionRule[]
  /** What it is for, shown in the title: begun with the claim of the slot, or with the re-attachment. */
  readonly prompt: BegunPrompt
  /** Begun when the request for a new session is on its way; it needs nothing of the session. */
  readonly meanwhile?: () => void
  /** Abandon what is in the slot and begin anew. */
  readonly forceFresh?: boolean
}
export interface Owned {
  /** `creating` when it was created just now: its row becomes active in the batch that stores its first turn. */
  readonly session: SessionRecord & { readonly sessionId: string }
  readonly fresh: boolean
}

/** Milliseconds before each further try: an OpenCode that died is up again within these, also on a slow machine. */
export const CREATE_DELAYS_MS = [1_000, 3_000, 7_000, 15_000] as const
/** How long an unreadable session is looked for again before the ticket blocks with SESSION_UNVERIFIED. */
export const UNVERIFIED_BUDGET_MS = 60_000
const UNVERIFIED_STEP_MS = 2_000
const ABORT_BOUND_MS = 10_000

/** An active session in the slot: the one that is there when all four checks hold, else a new one. */
export async function ownSession(driving: Driving, options: OwnOptions): Promise<Owned> {
  const row = await driving.store.sessionInSlot(options.slot)
  if (row && options.forceFresh) await abandon(driving, row, { reason: 'a fresh session was asked for' })
  else if (row?.state === 'creating') {
    const adopted = await adoptInBudget(driving, row)
    if (adopted) return { session: adopted, fresh: true }
  } else if (row) {
    const session = await reconnect(driving, row, options.prompt)
    if (session) return { session, fresh: false }
  }
  return { session: await create(driving, options), fresh: true }
}

/** The four checks of a reconnect. `reconnected` returns the row under this driver's generation. */
export async function validateAndReconnect(
  driving: Driving,
  row: SessionRecord,
  prompt?: BegunPrompt,
): Promise<{ found: ReconnectClass; session: SessionRecord; problem: string | null }> {
  // The remote side first: what the store says is read after it, so a ticket that moves on meanwhile is seen.
  const looked = await look(driving, row)
  const ticket = await driving.store.getTicket(row.slot.ticketId)
  const owned = await driving.store.sessionInSlot(row.slot)
  const found = classifyReconnect({
    ticketExists: ticket !== null,
    samePhase:
      ticket !== null &&
      (isDriven(ticket) || isBlocked(ticket)) &&
      ticket.phase === row.slot.phase &&
      ticket.attempt === row.slot.phaseAttempt,
    owned: owned?.nonce === row.nonce,
    sameOpencode: row.opencodeId === driving.opencode.adapter.opencodeId,
    remote: looked.remote,
  })
  const session =
    found === 'reconnected'
      ? await driving.store.adoptSession(driving.fence, { nonce: row.nonce, ...(prompt && { prompt }), at: driving.clock.now() })
      : row
  return { found, session, problem: looked.problem }
}

/**
 * Ends the row in the store, and the session at OpenCode when it can be reached; a later POST then finds it idle.
 * `unconfirmed`: it was aborted just now, in vain, for this reason.
 */
export async function abandon(driving: Driving, row: SessionRecord, end: { reason: string; unconfirmed?: string | null }): Promise<void> {
  const problem = end.unconfirmed ?? (await stopRemote(driving, row))
  const reason = problem === null ? end.reason : `${end.reason} (the abort was not confirmed: ${problem})`
  const ended = { nonce: row.nonce, state: 'abandoned', reason, abortPending: problem !== null } as const
  await driving.store.endSession(driving.fence, { ...ended, at: driving.clock.now() })
}

async function stopRemote({ opencode: { adapter } }: Driving, row: SessionRecord): Promise<string | null> {
  if (row.sessionId === null || row.opencodeId !== adapter.opencodeId) return null
  return adapter.abortSession(row.sessionId, row.directory, { timeoutMs: ABORT_BOUND_MS }).then(() => null, messageOf)
}

export const complete = (driving: Driving, row: SessionRecord, reason: string): Promise<void> =>
  driving.store.endSession(driving.fence, { nonce: row.nonce, state: 'ended', reason, at: driving.clock.now() })

async function look(
  driving: Driving,
  row: SessionRecord,
): Promise<{ remote: RemoteSession | null | 'unreadable'; problem: string | null }> {
  if (row.sessionId === null) return { remote: null, problem: null }
  try {
    return { remote: await driving.opencode.adapter.getSession(row.sessionId, { signal: driving.signal }), problem: null }
  } catch (error) {
    if (driving.signal.aborted) throw error
    return { remote: 'unreadable', problem: messageOf(error) }
  }
}

async function reconnect(driving: Driving, row: SessionRecord, prompt: BegunPrompt): Promise<Owned['session'] | null> {
  const until = driving.clock.monotonic() + UNVERIFIED_BUDGET_MS
  for (;;) {
    const { found, session, problem } = await validateAndReconnect(driving, row, prompt)
    if (found === 'reconnected') return session as Owned['session']
    if (found !== 'unverified') {
      await abandon(driving, row, { reason: found })
      return null
    }
    if (driving.clock.monotonic() >= until || row.opencodeId !== driving.opencode.adapter.opencodeId)
      throw fail('SESSION_UNVERIFIED', { sessionId: row.sessionId ?? row.nonce, problem: problem ?? 'it lives on another OpenCode' })
    await driving.clock.sleep(UNVERIFIED_STEP_MS, driving.signal)
    if (driving.signal.aborted) throw fail('RUN_ABORTED', { ticketId: row.slot.ticketId })
  }
}

async function create(driving: Driving, options: OwnOptions): Promise<Owned['session']> {
  const { store, fence, clock, opencode } = driving
  const nonce = driving.chance.hex(8)
  const row = await store.claimSlot(fence, {
    nonce,
    slot: options.slot,
    opencodeId: opencode.adapter.opencodeId,
    directory: options.directory,
    model: options.model,
    prompt: options.prompt,
    at: clock.now(),
  })
  const problems: string[] = []
  for (const delay of [0, ...CREATE_DELAYS_MS]) {
    if (delay > 0) await clock.sleep(delay, driving.signal)
    if (driving.signal.aborted) throw fail('RUN_ABORTED', { ticketId: options.slot.ticketId })
    // A lost reply may have left a session behind: it carries the nonce, so it is ours to take, not to leak.
    const late = problems.length > 0 ? await adoptByNonce(driving, row, false) : null
    if (late) return late
    try {
      const creating = opencode.adapter.createSession(
        {
          directory: options.directory,
          title: sessionTitle(row, options.prompt.name),
          metadata: { looptroop: nonce },
          rules: options.rules,
        },
        { signal: driving.signal },
      )
      if (options.meanwhile) setImmediate(options.meanwhile)
      const remote = await creating
      return { ...row, sessionId: remote.id, directory: remote.directory }
    } catch (error) {
      if (driving.signal.aborted || isCode(error, 'LEASE_LOST')) throw error
      problems.push(messageOf(error))
    }
  }
  await deleteLate(driving, nonce)
  await store.endSession(fence, { nonce, state: 'abandoned', reason: 'could not be created', at: clock.now() })
  throw fail('SESSION_CREATE_FAILED', { tries: problems.length, problem: problems.join(' | ') })
}

/** Newest first. More than one when more than one answer got lost. */
async function findByNonce(driving: Driving, nonce: string): Promise<readonly RemoteSession[]> {
  const sessions = await driving.opencode.adapter.listSessions({ limit: 1_000, signal: driving.signal })
  return sessions.filter((s) => carriesNonce(s, nonce))
}

/** While OpenCode is away it is asked again, as for a reconnect: a person is not troubled with a restart. */
async function adoptInBudget(driving: Driving, row: SessionRecord): Promise<Owned['session'] | null> {
  const until = driving.clock.monotonic() + UNVERIFIED_BUDGET_MS
  for (;;) {
    try {
      return await adoptByNonce(driving, row)
    } catch (error) {
      if (!isCode(error, 'SESSION_UNVERIFIED') || driving.clock.monotonic() >= until) throw error
    }
    await driving.clock.sleep(UNVERIFIED_STEP_MS, driving.signal)
    if (driving.signal.aborted) throw fail('RUN_ABORTED', { ticketId: row.slot.ticketId })
  }
}

/** A row that was claimed but never activated: its session, when OpenCode has one with the nonce. */
async function adoptByNonce(driving: Driving, row: SessionRecord, endWhenAbsent = true): Promise<Owned['session'] | null> {
  const { store, fence, clock } = driving
  const [remote, ...doubles] = await findByNonce(driving, row.nonce).catch((error: unknown) => {
    if (endWhenAbsent) throw fail('SESSION_UNVERIFIED', { sessionId: row.nonce, problem: messageOf(error) }, error)
    return [] // the create loop goes on: it looks again after its next try
  })
  await deleteAll(driving, doubles)
  if (remote) {
    const active = { nonce: row.nonce, sessionId: remote.id, directory: remote.directory, at: clock.now() }
    return (await store.activateSession(fence, active)) as Owned['session']
  }
  const reason = 'OpenCode has no session with its nonce'
  if (endWhenAbsent) await store.endSession(fence, { nonce: row.nonce, state: 'abandoned', reason, at: clock.now() })
  return null
}

/** Giving up: what may have been created after all is deleted. What cannot be reached now stays, idle and never prompted. */
async function deleteLate(driving: Driving, nonce: string): Promise<void> {
  await deleteAll(driving, await findByNonce(driving, nonce).catch(() => []))
}

/** Nothing was ever sent to them, so one that cannot be deleted does no harm. */
async function deleteAll({ opencode }: Driving, sessions: readonly RemoteSession[]): Promise<void> {
  for (const { id } of sessions) await opencode.adapter.deleteSession(id).catch(() => undefined)
}
