/**
 * Pauses of a ticket, a project, the server. What a person wishes is stored where it belongs (a column, the project's
 * database, the app's); each ticket's record and log say by which it rests. What runs asks `holds` at every step, which is
 * why it is kept in memory: each round of the worker, and every call here, brings it up to date.
 */
import { isCode } from './errors.ts'
import type { Clock } from './ports.ts'
import type { OpenProject } from './projects.ts'
import type { AppStore } from './store/app-store.ts'
import { isFinal } from './ticket.ts'
import type { ListedTicket, PausedBy } from './ticket.ts'

interface PauseEnv {
  readonly app: Pick<AppStore, 'meta' | 'putMeta'>
  readonly clock: Clock
}
export type WhoPauses = (ticket: Pick<ListedTicket, 'paused'>) => PausedBy | null

const KEY = 'paused'

export class Pauses {
  readonly #env: PauseEnv
  readonly #held = new Set<string>()

  constructor(env: PauseEnv) {
    this.#env = env
  }

  /** As it is stored now. */
  async of({ store }: Pick<OpenProject, 'store'>): Promise<{ by: WhoPauses; wide: PausedBy | null }> {
    const wide: PausedBy | null = (await this.server()) ? 'server' : (await store.projectPaused()) ? 'project' : null
    return { wide, by: ({ paused }) => wide ?? (paused ? 'ticket' : null) }
  }

  server(): Promise<boolean> {
    return this.#env.app.meta(KEY).then((value) => value === '1')
  }
  pauseServer(paused: boolean): Promise<void> {
    return this.#env.app.putMeta(KEY, paused ? '1' : '0')
  }

  /** Nothing new may begin for it. */
  holds(ticketId: string): boolean {
    return this.#held.has(ticketId)
  }

  /** Says in the ticket's record and log by whose pause it rests, when they say something else. */
  async show({ store }: Pick<OpenProject, 'store'>, ticket: ListedTicket, by: PausedBy | null): Promise<void> {
    const { id: ticketId } = ticket
    if (by === null) this.#held.delete(ticketId)
    else this.#held.add(ticketId)
    if (ticket.heldBy === by || isFinal(ticket)) return
    await store.holdTicket({ ticketId, heldBy: by, at: this.#env.clock.now() }).catch((error: unknown) => {
      if (!isCode(error, 'STORE_CONFLICT', 'TICKET_UNKNOWN')) throw error // it is over meanwhile: nothing is held
    })
  }

  async showAll(project: Pick<OpenProject, 'store'>): Promise<void> {
    const { by } = await this.of(project)
    for (const ticket of await project.store.listTickets()) if (!isFinal(ticket)) await this.show(project, ticket, by(ticket))
  }
}
