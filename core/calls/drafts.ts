/** Forms that a person has begun to fill in. What they hold is checked when it is sent, not before: half a form is no mistake. */
import { fail } from '../errors.ts'
import type { Projects } from '../projects.ts'
import type { Clock } from '../ports.ts'
import type { TicketCalls } from '../ticket-calls.ts'

const MOST_CHARS = 500_000

export function draftCalls({ projects, clock }: { projects: Projects; clock: Clock }): Pick<TicketCalls, 'draft' | 'saveDraft'> {
  return {
    draft: ({ ticketId, gateId }) => projects.ofTicket(ticketId).store.draft(ticketId, gateId),
    saveDraft: async (input) => {
      const { ticketId, gateId, content } = input
      const { store } = projects.ofTicket(ticketId)
      if (!(await store.getTicket(ticketId))) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
      if (!(await store.inboxEntry(ticketId, gateId))) throw fail('GATE_UNKNOWN', { ticketId, gateId, field: 'gateId' })
      const chars = JSON.stringify(content).length
      if (chars > MOST_CHARS)
        throw fail('INVALID_INPUT', { field: 'content', problem: `has ${chars} characters; the limit is ${MOST_CHARS}` })
      return store.saveDraft({ ...input, at: clock.now() })
    },
  }
}
