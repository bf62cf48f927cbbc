/** What was spent, and what may be: of a ticket, of a project. */
import { capsOf, projectCaps } from '../caps.ts'
import { fail } from '../errors.ts'
import type { Kernel, ProjectCosts, TicketCosts } from '../kernel-api.ts'
import { costsOf, totalOf } from '../money.ts'
import type { OpenProject, Projects } from '../projects.ts'
import type { Settings } from '../settings.ts'

export async function ticketCosts(projects: Projects, ticketId: string): Promise<TicketCosts> {
  const { store } = projects.ofTicket(ticketId)
  const ticket = await store.getTicket(ticketId)
  if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
  return { ticketId, limits: capsOf(ticket), ...costsOf(await store.spentTurns(ticketId)) }
}

export const projectCosts =
  (projects: Projects, settingsOf: (project: OpenProject) => Promise<Settings>): Kernel['projects']['costs'] =>
  async (projectId): Promise<ProjectCosts> => {
    const project = projects.get(projectId)
    const byTicket = await project.store.spentByTicket()
    return { projectId: project.record.id, limits: projectCaps(await settingsOf(project)), project: totalOf(byTicket), byTicket }
  }
