import * as assert from 'uvu/assert'
import { CHANGES, TICKET_STATUSES, isBlocked, isDraft, isDriven, isFinal, isStarted, mayChange, toTicket } from '../../core/ticket.ts'
import type { ListedTicket, TicketChange, TicketStatus } from '../../core/ticket.ts'
import { describe } from '../helpers/suite.ts'

/** By hand, as the life of a ticket is told; the table in the source must say the same. */
const LEGAL: Readonly<Record<TicketChange, readonly TicketStatus[]>> = {
  start: ['draft'],
  advance: ['running', 'waiting'],
  reattempt: ['running', 'waiting'],
  park: ['running', 'waiting'],
  wake: ['waiting'],
  block: ['running', 'waiting'],
  retry: ['blocked'],
  continue: ['blocked'],
  edit: ['running', 'waiting', 'blocked'],
  complete: ['running', 'waiting'],
  cancel: ['draft', 'running', 'waiting', 'blocked'],
}
const texts = { id: 'T-1', projectId: 'p', title: '', description: '', pipeline: 'q' }
const base = { ...texts, number: 1, priority: 0, models: null, revision: 1, paused: false, heldBy: null, createdAt: 1, updatedAt: 1 }
const ticketIn = (status: TicketStatus): ListedTicket =>
  toTicket({ base: { ...base }, status, waitingFor: 'time', until: 5, blocked: null, progress: null })

describe('a ticket', (it) => {
  it('changes from exactly the statuses that the table names', () => {
    for (const change of Object.keys(CHANGES) as TicketChange[])
      for (const status of TICKET_STATUSES) assert.is(mayChange(status, change), LEGAL[change].includes(status), `${change} from ${status}`)
  })
  it('never leaves a final status', () => {
    for (const status of TICKET_STATUSES) {
      const leaves = (Object.keys(CHANGES) as TicketChange[]).some((change) => mayChange(status, change))
      assert.is(leaves, !isFinal(ticketIn(status)), status)
    }
  })
  it('is told apart by its status', () => {
    const by = (is: (ticket: ListedTicket) => boolean): readonly TicketStatus[] => TICKET_STATUSES.filter((status) => is(ticketIn(status)))
    assert.equal([by(isDraft), by(isBlocked)], [['draft'], ['blocked']])
    assert.equal(
      [by(isDriven), by(isStarted), by(isFinal)],
      [
        ['running', 'waiting'],
        ['running', 'waiting', 'blocked'],
        ['completed', 'canceled'],
      ],
    )
  })
  it('carries what belongs to its status, and nothing else', () => {
    assert.equal(
      TICKET_STATUSES.map((status) => [Object.hasOwn(ticketIn(status), 'waitingFor'), Object.hasOwn(ticketIn(status), 'blocked')]),
      TICKET_STATUSES.map((status) => [status === 'waiting', status === 'blocked']),
    )
  })
})
