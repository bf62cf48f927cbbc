/**
 * One message to the model and its answer, in a session that a slot owns. The turn is stored with its exact request
 * before anything is sent; a turn that is already stored is taken up again, never sent blindly.
 */
import type { ModelRef } from '#plugins/contract'
import type { Driving } from '../driving.ts'
import type { PhaseAt, SessionRecord, TurnRecord } from '../store/records.ts'
import { ownSession } from '../sessions/session-manager.ts'
import type { OwnOptions } from '../sessions/session-manager.ts'
import { driveTurn } from './drive-turn.ts'
import type { TurnCare } from './drive-turn.ts'

export interface TurnOptions extends PhaseAt {
  /** Name of the prompt the turn belongs to, and its place in it. */
  readonly prompt: string
  readonly ordinal: number
  readonly reason: TurnRecord['reason']
  /** The whole message; `fresh`: the session is new and knows nothing of earlier turns. */
  readonly text: (fresh: boolean) => string | Promise<string>
  /** Content hashes of the artifacts in the text, asked for when it is there. */
  readonly sources: () => readonly string[]
  readonly model: ModelRef
  readonly care: TurnCare
}

/** Owns a session for the slot (reconnected or created), then runs the turn in it. */
export async function runOpenCodePrompt(
  driving: Driving,
  own: OwnOptions,
  turn: TurnOptions,
): Promise<{ turn: TurnRecord; session: SessionRecord }> {
  const owned = await ownSession(driving, own)
  const settled = await runOpenCodeSessionPrompt(driving, { session: owned.session, fresh: owned.fresh }, turn)
  return { turn: settled, session: owned.session }
}

/** Runs the turn in a session that is owned already. */
export async function runOpenCodeSessionPrompt(
  driving: Driving,
  owned: { readonly session: SessionRecord & { readonly sessionId: string }; readonly fresh: boolean },
  options: TurnOptions,
): Promise<TurnRecord> {
  const { session } = owned
  const { phase, attempt, prompt, ordinal, reason } = options
  const request = requestOf(driving, options.model, await options.text(owned.fresh))
  const turn = await driving.store.intendTurn(driving.fence, {
    turnId: request.messageId,
    phase,
    attempt,
    prompt,
    ordinal,
    reason,
    sessionNonce: session.nonce,
    sessionId: session.sessionId,
    opencodeId: session.opencodeId,
    directory: session.directory,
    request,
    activate: session.state === 'creating',
    sources: options.sources(),
    at: driving.clock.now(),
  })
  return driveTurn(driving, { turn, care: options.care, freshSession: owned.fresh })
}

/** Takes up a stored turn of an earlier run. */
export const resumeTurn = (driving: Driving, turn: TurnRecord, care: TurnCare): Promise<TurnRecord> =>
  driveTurn(driving, { turn, care, freshSession: false })

/**
 * Ids are ours and unique over all sessions: OpenCode adds a known message id to whatever session has it, and drops a part
 * whose id exists elsewhere.
 */
function requestOf(driving: Driving, model: ModelRef, text: string): TurnRecord['request'] {
  const id = `${driving.clock.now().toString(16).padStart(12, '0')}${driving.chance.hex(10)}`
  return { messageId: `msg_${id}`, parts: [{ id: `prt_${id}`, type: 'text', text }], model }
}
