/** The statements that change a ticket's status. Each raises the row's revision and tells of it in an event. */
import { event, type NewEvent } from '../../events/events.ts'
import { CHANGES, WAITING_FOR, type TicketChange, type WaitingFor } from '../../ticket.ts'
import type { Args } from '../database.ts'
import { INBOX_KINDS } from '../records.ts'
import type { Batch, Condition } from './batch.ts'

export const [PERSON, TIME] = WAITING_FOR
export const [GATE, QUESTION, PERMISSION, UNCERTAIN, STOPPED] = INBOX_KINDS
const RUNNING = CHANGES.wake.to
const WAITING = CHANGES.park.to

const NO_WAIT = 'waiting_for = NULL, until = NULL, blocked = NULL'
const TOUCHED = 'revision = revision + 1, updated_at = :at'

/** To where a change leads, but for `park`, which has its own function. */
type Moving = Exclude<TicketChange, 'park'>
const statusEvent = (change: Moving): NewEvent => event('ticket.status', { status: CHANGES[change].to })

/** Sets the status that the change leads to and clears what belonged to the last one; `more` sets further columns. */
export function setStatus(batch: Batch, change: Moving, { more = '', args = {} }: { more?: string; args?: Args } = {}): Batch {
  return batch.run(`UPDATE tickets SET status = :newStatus, ${NO_WAIT}, generation = :generation, ${more}${TOUCHED} WHERE id = :ticketId`, {
    newStatus: CHANGES[change].to,
    ...args,
  })
}

/** Said before the row changes, and only when the status will be another. */
export function sayStatus(batch: Batch, change: Moving): Batch {
  const other: Condition = {
    when: '(SELECT status <> :newStatus FROM tickets WHERE id = :ticketId)',
    args: { newStatus: CHANGES[change].to },
  }
  return batch.append([statusEvent(change)], other)
}

/** Waits. Nothing happens when it already waits for the same. */
export function setWaiting(
  batch: Batch,
  { waitingFor, until, unless = null }: { waitingFor: WaitingFor; until: number | null; unless?: Condition | null },
): Batch {
  const changes = '(SELECT status <> :newStatus OR waiting_for IS NOT :newWait OR until IS NOT :newUntil FROM tickets WHERE id = :ticketId)'
  const other: Condition = {
    when: unless ? `${changes} AND NOT ${unless.when}` : changes,
    args: { newStatus: WAITING, newWait: waitingFor, newUntil: until, ...unless?.args },
  }
  return move(batch, other, {
    said: event('ticket.status', { status: WAITING, waitingFor, ...(until === null ? {} : { until }) }),
    set: 'status = :newStatus, waiting_for = :newWait, until = :newUntil, blocked = NULL, generation = :generation',
  })
}

/** A waiting ticket runs; no change when it runs already. */
export const wakeWaiting = (batch: Batch): Batch =>
  move(
    batch,
    { when: '(SELECT status <> :newStatus FROM tickets WHERE id = :ticketId)', args: { newStatus: RUNNING } },
    {
      said: statusEvent('wake'),
      set: `status = :newStatus, ${NO_WAIT}, generation = :generation`,
    },
  )

/** It runs again when it waits for a person, with `unlessOpen` only when nothing else waits for one. Needs no fence. */
export function wakeFromPerson(batch: Batch, { unlessOpen }: { unlessOpen: boolean }): Batch {
  const waits = '(SELECT status = :oldStatus AND waiting_for = :oldWait FROM tickets WHERE id = :ticketId)'
  const nothingOpen =
    "NOT EXISTS (SELECT 1 FROM inbox WHERE ticket_id = :ticketId AND kind IN (SELECT value FROM json_each(:askingKinds)) AND state IN ('open', 'claimed'))"
  const condition: Condition = {
    when: unlessOpen ? `${waits} AND ${nothingOpen}` : waits,
    args: { oldStatus: WAITING, oldWait: PERSON, newStatus: RUNNING, askingKinds: JSON.stringify([GATE, QUESTION, PERMISSION]) },
  }
  return move(batch, condition, { said: statusEvent('wake'), set: `status = :newStatus, ${NO_WAIT}` })
}

/** A running ticket waits for a person from here on. */
export const waitForPerson = (batch: Batch): Batch =>
  move(
    batch,
    {
      when: '(SELECT status = :oldStatus FROM tickets WHERE id = :ticketId)',
      args: { oldStatus: RUNNING, newStatus: WAITING, newWait: PERSON },
    },
    {
      said: event('ticket.status', { status: WAITING, waitingFor: PERSON }),
      set: 'status = :newStatus, waiting_for = :newWait, until = NULL, generation = :generation',
    },
  )

/** The event, then the row: both under the same condition, which the update ends. */
function move(batch: Batch, condition: Condition, { said, set }: { said: NewEvent; set: string }): Batch {
  return batch
    .append([said], condition)
    .run(`UPDATE tickets SET ${set}, ${TOUCHED} WHERE id = :ticketId AND ${condition.when}`, condition.args)
}
