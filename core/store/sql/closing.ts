/** Ending what hangs on a phase or a ticket: inbox entries and sessions, each with the event that says so. */
import type { Args } from '../database.ts'
import type { Batch } from './batch.ts'
import { GATE, PERMISSION, QUESTION } from './status.ts'
import type { STOPPED, UNCERTAIN } from './status.ts'

const STILL_OPEN = "ticket_id = :ticketId AND state IN ('open', 'claimed')"

interface Closing {
  readonly where: string
  readonly how: string
  readonly reason: string | null
  readonly args?: Args
}

/** Closes the entries that match `where`, of whatever kind. */
export function closeEntries(batch: Batch, { where, how, reason, args: more = {} }: Closing): Batch {
  const of = (kind: string): string => `inbox WHERE ${STILL_OPEN} AND kind = '${kind}' AND ${where}`
  const args = { ...more, closeHow: how, closeReason: reason }
  batch.appendEach('question.closed', {
    data: "json_object('requestId', id, 'how', :closeHow, 'answers', json(answer), 'reason', :closeReason)",
    from: of(QUESTION),
    args,
  })
  batch.appendEach('permission.closed', {
    data: "json_object('requestId', id, 'how', :closeHow, 'reason', :closeReason)",
    from: of(PERMISSION),
    args,
  })
  batch.appendEach('gate.closed', { data: "json_object('gateId', id, 'reason', :closeReason)", from: of(GATE), args })
  return close(batch, where, args)
}

/** Of a kind without an event of its own: the turn or the ticket that it is about tells what became of it. */
export const closeKind = (batch: Batch, kind: typeof UNCERTAIN | typeof STOPPED, { where, how, reason, args }: Closing): Batch =>
  close(batch, `kind = '${kind}' AND ${where}`, { ...args, closeHow: how, closeReason: reason })

const close = (batch: Batch, where: string, args: Args): Batch =>
  batch.runOnInbox(
    `UPDATE inbox SET state = 'closed', how = :closeHow, reason = :closeReason, closed_at = :at WHERE ${STILL_OPEN} AND ${where}`,
    args,
  )

/** OpenCode no longer knows them: they stay open, and an answer will be stored for the phase's next prompt. */
export function detachRequests(batch: Batch, { where, reason, args: more = {} }: { where: string; reason: string; args?: Args }): Batch {
  const attached = `${STILL_OPEN} AND detached = 0 AND ${where}`
  const args = { ...more, detachReason: reason }
  batch.appendEach('question.detached', {
    data: "json_object('requestId', id, 'reason', :detachReason)",
    from: `inbox WHERE ${attached} AND kind = '${QUESTION}'`,
    args,
  })
  batch.runOnInbox(`UPDATE inbox SET detached = 1, reason = :detachReason WHERE ${attached}`, args)
  // An answer that was on its way is stored with it: the person has done their part, and the next prompt carries it.
  const answered = `detached = 1 AND state = 'claimed' AND ${where}`
  return closeEntries(batch, { where: answered, how: 'stored', reason, args: more })
}

/** Abandons the sessions that match `where` in the store; stopping them remotely is the caller's. */
export function abandonSessions(batch: Batch, { where, reason }: { where: string; reason: string }): Batch {
  const open = `sessions WHERE ticket_id = :ticketId AND state IN ('creating', 'active') AND ${where}`
  batch.appendEach('session.ended', {
    data: "json_object('sessionId', session_id, 'how', 'abandoned', 'reason', :abandonReason)",
    from: open,
    args: { abandonReason: reason },
  })
  return batch.run(
    `UPDATE sessions SET state = 'abandoned', ended_at = :at, reason = :abandonReason
     WHERE ticket_id = :ticketId AND state IN ('creating', 'active') AND ${where}`,
    { abandonReason: reason },
  )
}
