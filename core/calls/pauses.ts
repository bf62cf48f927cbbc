/** Pausing and resuming a ticket, a project, the server. The wish is stored first; what follows from it is made good by every round. */
import { fail, messageOf } from '../errors.ts'
import type { Kernel, ProjectPause, ServerView, TicketView } from '../kernel-api.ts'
import type { Pauses } from '../pauses.ts'
import type { Clock } from '../ports.ts'
import type { Projects } from '../projects.ts'
import { isFinal } from '../ticket.ts'
import { ticketView } from '../views.ts'
import type { Worker } from '../worker.ts'

interface PauseEnv {
  readonly projects: Projects
  readonly worker: Worker
  readonly pauses: Pauses
}

export async function pauseTicket(env: PauseEnv & { clock: Clock }, ticketId: string, paused: boolean): Promise<TicketView> {
  const project = env.projects.ofTicket(ticketId)
  const ticket = await project.store.getTicket(ticketId)
  if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
  if (isFinal(ticket))
    throw fail('TICKET_WRONG_STATUS', {
      ticketId,
      status: ticket.status,
      action: paused ? 'pause' : 'resume',
      needs: 'a ticket that is not over',
    })
  const { by } = await env.pauses.of(project)
  const held = await project.store.holdTicket({ ticketId, paused, heldBy: by({ paused }), at: env.clock.now() })
  await env.pauses.show(project, held, by(held))
  env.worker.nudge()
  return ticketView(held)
}

export function projectPauses(env: PauseEnv & { clock: Clock }): Pick<Kernel['projects'], 'pause' | 'resume'> {
  const set = async (projectId: string, paused: boolean): Promise<ProjectPause> => {
    const project = env.projects.get(projectId)
    await project.store.pauseProject({ paused, at: env.clock.now() })
    await env.pauses.showAll(project)
    env.worker.nudge()
    return { projectId: project.record.id, paused }
  }
  return { pause: (projectId) => set(projectId, true), resume: (projectId) => set(projectId, false) }
}

export function serverCalls(env: PauseEnv & { log: (line: string) => void }): Kernel['server'] {
  const status = async (): Promise<ServerView> => ({ paused: await env.pauses.server(), busy: env.worker.running })
  const set = async (paused: boolean): Promise<ServerView> => {
    await env.pauses.pauseServer(paused)
    // One project's broken database keeps no other from resting.
    for (const project of env.projects.open())
      await env.pauses.showAll(project).catch((error: unknown) => env.log(`project ${project.record.key}: ${messageOf(error)}`))
    env.worker.nudge()
    return status()
  }
  return { status, pause: () => set(true), resume: () => set(false) }
}
