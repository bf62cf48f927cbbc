/** Ends what an attempt left running at OpenCode: its open turns are aborted and settled, its sessions given up. */
import type { Driving } from './driving.ts'
import { messageOf } from './errors.ts'
import { abandon, complete } from './sessions/session-manager.ts'
import type { PhaseAt, SessionRecord, TurnRecord } from './store/records.ts'
import { settlementOf } from './turns/answer.ts'
import { belowTurn } from './turns/sub-agents.ts'
import { chainOf } from './turns/verdict.ts'
import type { Chain } from './turns/verdict.ts'

/** For all of it together: a person who cancels does not wait longer for an OpenCode that does not answer. */
const CONFIRM_BOUND_MS = 10_000
const CONFIRM_STEP_MS = 250
/** By then a POST on its way when we abort has begun to be answered, or never will be: an abort before that stops nothing. */
const ARRIVAL_MS = 5_000

export async function closeAttempt(
  driving: Driving,
  at: PhaseAt,
  { reason, success }: { readonly reason: string; readonly success: boolean },
): Promise<void> {
  const { store, fence } = driving
  const mine = (row: { phase: string; attempt: number }): boolean => row.phase === at.phase && row.attempt === at.attempt
  const turns = (await store.turns(fence.ticketId)).filter((t) => mine(t) && t.settlement === null)
  const problems = new Map(await Promise.all(turns.map(async (turn) => [turn.sessionId, await stopTurn(driving, turn, reason)] as const)))
  const owned = (await store.sessions(fence.ticketId)).filter((s) => mine({ phase: s.slot.phase, attempt: s.slot.phaseAttempt }))
  const open = owned.filter((s) => s.state === 'active' || s.state === 'creating')
  // Kept sessions of a phase that succeeded have nothing running in them.
  const end = (session: SessionRecord): Promise<void> =>
    success
      ? complete(driving, session, reason)
      : abandon(driving, session, { reason, unconfirmed: problems.get(session.sessionId ?? '') ?? null })
  await Promise.all(open.map(end))
}

/** Stored first, aborted, confirmed by the messages; what cannot be confirmed is said in the settlement and returned. */
async function stopTurn(driving: Driving, turn: TurnRecord, reason: string): Promise<string | null> {
  const { store, fence, clock } = driving
  if (!turn.stopping) await store.markStopping(fence, { turnId: turn.turnId, stopping: 'cancel', at: clock.now() })
  const { answer, summaries, problem } = turn.posts === 0 ? NOTHING : await confirmStopped(driving, turn)
  const below = await belowTurn(driving.opencode, turn.sessionId, answer)
  const settlement = settlementOf('aborted', answer, { summaries, below, unread: problem !== null })
  const error = { name: 'MessageAbortedError', message: problem === null ? reason : `${reason}; not confirmed by OpenCode: ${problem}` }
  await store.settleTurn(fence, { turnId: turn.turnId, settlement: { ...settlement, error: settlement.error ?? error }, at: clock.now() })
  return problem
}

interface Stopped extends Pick<Chain, 'answer' | 'summaries'> {
  readonly problem: string | null
}
const NOTHING: Stopped = { answer: [], summaries: [], problem: null }

async function confirmStopped(driving: Driving, turn: TurnRecord): Promise<Stopped> {
  const { clock, opencode } = driving
  if (turn.opencodeId !== opencode.adapter.opencodeId) return { ...NOTHING, problem: 'it lives on another OpenCode' }
  const begun = clock.monotonic()
  const arrived = (): boolean => clock.now() - (turn.lastPostAt ?? 0) >= ARRIVAL_MS
  for (;;) {
    const left = begun + CONFIRM_BOUND_MS - clock.monotonic()
    const seen = await abortAndLook(driving, turn, Math.max(1, left)).catch((error: unknown) => ({ problem: messageOf(error) }))
    const passed = clock.monotonic() - begun
    if ('answer' in seen && !seen.busy && (seen.answer.length > 0 || arrived())) return { ...seen, problem: null }
    if (passed >= CONFIRM_BOUND_MS) return { ...NOTHING, problem: 'problem' in seen ? seen.problem : 'it stays busy' }
    await clock.sleep(CONFIRM_STEP_MS)
  }
}

async function abortAndLook(
  { opencode: { adapter } }: Driving,
  turn: TurnRecord,
  timeoutMs: number,
): Promise<Pick<Chain, 'answer' | 'summaries'> & { busy: boolean }> {
  await adapter.abortSession(turn.sessionId, turn.directory, { timeoutMs })
  const messages = await adapter.getSessionMessages(turn.sessionId, { timeoutMs })
  const statuses = await adapter.sessionStatuses(turn.directory, { timeoutMs })
  const chain = messages && chainOf({ turnId: turn.turnId, partTexts: turn.request.parts.map((p) => p.text), messages })
  return { answer: chain?.answer ?? [], summaries: chain?.summaries ?? [], busy: statuses[turn.sessionId] !== undefined }
}
