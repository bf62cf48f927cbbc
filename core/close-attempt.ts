/** Ends what an attempt left running at OpenCode: its open turns are aborted and settled, its sessions given up. */
import type { Driving } from './driving.ts'
import { messageOf } from './errors.ts'
import { abandon, complete } from './sessions/session-manager.ts'
import type { PhaseAt, TurnRecord } from './store/records.ts'
import { settlementOf } from './turns/answer.ts'
import { chainOf } from './turns/verdict.ts'

const CONFIRM_BOUND_MS = 15_000
const CONFIRM_STEP_MS = 250

export async function closeAttempt(
  driving: Driving,
  at: PhaseAt,
  { reason, success }: { readonly reason: string; readonly success: boolean },
): Promise<void> {
  const { store, fence } = driving
  const mine = (row: { phase: string; attempt: number }): boolean => row.phase === at.phase && row.attempt === at.attempt
  const open = (await store.turns(fence.ticketId)).filter((t) => mine(t) && t.settlement === null)
  for (const turn of open) await stopTurn(driving, turn, reason)
  for (const session of await store.sessions(fence.ticketId)) {
    const { slot, state } = session
    if ((state !== 'active' && state !== 'creating') || !mine({ phase: slot.phase, attempt: slot.phaseAttempt })) continue
    // Kept sessions of a phase that succeeded have nothing running in them.
    await (success ? complete(driving, session, reason) : abandon(driving, session, reason))
  }
}

/** Stored first, aborted, confirmed by the messages; what cannot be confirmed is said in the settlement. */
async function stopTurn(driving: Driving, turn: TurnRecord, reason: string): Promise<void> {
  const { store, fence, clock } = driving
  if (!turn.stopping) await store.markStopping(fence, { turnId: turn.turnId, stopping: 'cancel', at: clock.now() })
  const end = turn.posts === 0 ? { answer: [], problem: null } : await confirmStopped(driving, turn)
  const settlement = settlementOf('aborted', end.answer)
  const error = {
    name: 'MessageAbortedError',
    message: end.problem === null ? reason : `${reason}; not confirmed by OpenCode: ${end.problem}`,
  }
  await store.settleTurn(fence, { turnId: turn.turnId, settlement: { ...settlement, error: settlement.error ?? error }, at: clock.now() })
}

async function confirmStopped(
  driving: Driving,
  turn: TurnRecord,
): Promise<{ answer: NonNullable<ReturnType<typeof chainOf>>['answer']; problem: string | null }> {
  const { clock, opencode } = driving
  const until = clock.monotonic() + CONFIRM_BOUND_MS
  const none = { answer: [] }
  if (turn.opencodeId !== opencode.adapter.opencodeId) return { ...none, problem: 'it lives on another OpenCode' }
  for (;;) {
    try {
      await opencode.adapter.abortSession(turn.sessionId, turn.directory)
      const messages = await opencode.adapter.getSessionMessages(turn.sessionId)
      const statuses = await opencode.adapter.sessionStatuses(turn.directory)
      const chain = messages && chainOf({ turnId: turn.turnId, partTexts: turn.request.parts.map((p) => p.text), messages })
      if (!statuses[turn.sessionId]) return { answer: chain?.answer ?? [], problem: null }
      if (clock.monotonic() >= until) return { ...none, problem: 'it stays busy' }
    } catch (error) {
      if (clock.monotonic() >= until) return { ...none, problem: messageOf(error) }
    }
    await clock.sleep(CONFIRM_STEP_MS)
  }
}
