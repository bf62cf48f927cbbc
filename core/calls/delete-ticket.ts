/** `tickets.delete`: what it holds outside goes first, its record last. After a crash in between the same call goes on. */
import { clearTicket } from '../clear-ticket.ts'
import type { ClearEnv } from '../clear-ticket.ts'
import { fail } from '../errors.ts'
import type { Acting, DeletedTicket } from '../kernel-api.ts'
import type { Clock } from '../ports.ts'
import type { Projects } from '../projects.ts'
import { isDraft, isFinal } from '../ticket.ts'
import type { Worker } from '../worker.ts'

interface DeleteEnv {
  readonly projects: Projects
  readonly worker: Worker
  readonly clock: Clock
  readonly clear: ClearEnv
}

/** TICKET_AT_WORK unless it is a draft, completed or canceled. `branch`: its branch too, though it is not merged. */
export function deleteTicket(env: DeleteEnv, input: Acting & { branch?: boolean | undefined }): Promise<DeletedTicket> {
  const { projects, worker, clock } = env
  const { ticketId } = input
  return worker.exclusively(ticketId, async () => {
    const project = projects.ofTicket(ticketId)
    const ticket = await project.store.getTicket(ticketId)
    if (!ticket) {
      const told = input.actionId === undefined ? null : await project.store.deletedTicket(ticketId)
      if (told) return { ticketId, deleted: true, ...told }
      throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
    }
    if (!isDraft(ticket) && !isFinal(ticket)) throw fail('TICKET_AT_WORK', { ticketId, status: ticket.status })
    const fence = await worker.claim(project, ticketId)
    if (!fence) throw fail('LEASE_HELD', { ticketId, holder: 'another LoopTroop' })
    const { branch, left } = await clearTicket(env.clear, { project, ticket }, { unmerged: input.branch === true })
    await env.clear.evidence.removeAll({ projectId: project.record.id, ticketId })
    await project.store.deleteTicket(fence, { branch, left, at: clock.now() })
    return { ticketId, deleted: true, branch, left }
  })
}
