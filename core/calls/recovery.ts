/** What this start found, in all attached projects. Reads only. */
import type { Owner } from '../leases.ts'
import { provenDead } from '../leases.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import { countRecovery, planRecovery } from '../recovery.ts'
import type { RecoveryItem, RecoveryReport } from '../recovery.ts'
import { isFinal } from '../ticket.ts'

interface RecoveryEnv {
  readonly projects: Pick<Projects, 'open' | 'failures'>
  readonly clock: Clock
  readonly me: Owner
}

export async function observeRecovery(env: RecoveryEnv): Promise<RecoveryReport> {
  const found = await Promise.all(env.projects.open().map((project) => itemsOf(env, project)))
  const tickets = found.flat()
  return {
    at: env.clock.now(),
    tickets,
    opencode: 'not asked yet',
    sessions: [],
    counts: countRecovery(tickets),
    problems: env.projects.failures(),
  }
}

async function itemsOf({ clock, me }: RecoveryEnv, { store }: Pick<OpenProject, 'store'>): Promise<readonly RecoveryItem[]> {
  const now = clock.now()
  const [sessions, turns, inbox] = await Promise.all([store.openSessions(), store.openTurns(), store.inbox()])
  const open = (await store.listTickets()).filter((t) => !isFinal(t) || sessions.some((s) => s.slot.ticketId === t.id))
  return Promise.all(
    open.map(async (ticket) => {
      const lease = await store.lease(ticket.id)
      return planRecovery({
        ticket,
        lease,
        leaseDead: lease !== null && provenDead(lease, me),
        sessions: sessions.filter((s) => s.slot.ticketId === ticket.id),
        turns: turns.filter((t) => t.ticketId === ticket.id),
        inbox: inbox.filter((i) => i.ticketId === ticket.id),
        now,
      })
    }),
  )
}
