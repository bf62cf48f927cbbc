/**
 * Clears away what tickets that are over for long still hold outside the database: sessions, directories that OpenCode has
 * open, worktrees, merged branches. Their records stay. One bounded round at the start and then by interval, beside the
 * work; a ticket that cannot be cleared now is passed over and looked at again in a later round.
 */
import { clearTicket } from './clear-ticket.ts'
import type { ClearEnv } from './clear-ticket.ts'
import { messageOf } from './errors.ts'
import type { TidyReport } from './kernel-api.ts'
import type { Clock } from './ports.ts'
import type { OpenProject, Projects } from './projects.ts'
import type { Settings } from './settings.ts'
import type { Fence } from './store/store.ts'
import { isFinal } from './ticket.ts'
import type { Worker } from './worker.ts'

interface HouseKeepingEnv {
  readonly projects: Projects
  readonly worker: Worker
  readonly clock: Clock
  readonly clear: ClearEnv
  readonly appSettings: () => Settings
  /** The start's recovery is done: sessions were told apart. */
  readonly ready: () => boolean
  readonly log: (line: string) => void
}

const EVERY_MS = 3_600_000
const NOT_YET_MS = 5_000
/** Tickets looked at in one round. */
const ROUND = 20

export class HouseKeeping {
  readonly #env: HouseKeepingEnv
  /** Per project: the number of the last ticket that was looked at, so that one that fails does not keep the others waiting. */
  readonly #seen = new Map<string, number>()
  #round: Promise<TidyReport> | null = null
  #stopped = false

  constructor(env: HouseKeepingEnv) {
    this.#env = env
  }

  /** One round; a second call while it goes on joins it. */
  round(): Promise<TidyReport> {
    this.#round ??= this.#tidy().finally(() => (this.#round = null))
    return this.#round
  }

  /** A round under way ends after the ticket it is at. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#round
  }

  async loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const ready = this.#env.ready()
      if (ready) await this.round().catch((error: unknown) => this.#env.log(`house-keeping: ${messageOf(error)}`))
      await this.#env.clock.sleep(ready ? EVERY_MS : NOT_YET_MS, signal)
    }
  }

  async #tidy(): Promise<TidyReport> {
    const { projects, clock, appSettings, log } = this.#env
    const age = appSettings()['cleanup.finishedMs']
    const tidied: string[] = []
    const left: { ticketId: string; problem: string }[] = []
    if (age === null) return { tidied, left }
    for (const project of projects.open()) {
      const room = ROUND - tidied.length - left.length
      const after = this.#seen.get(project.record.id) ?? 0
      const due = room > 0 ? await project.store.untidyTickets({ before: clock.now() - age, after, limit: room }) : []
      for (const { id, number } of due) {
        if (this.#stopped) return { tidied, left }
        this.#seen.set(project.record.id, number)
        const problem = await this.#one(project, id).catch(messageOf)
        if (problem === null) tidied.push(id)
        else left.push({ ticketId: id, problem })
      }
      if (due.length < room) this.#seen.delete(project.record.id)
    }
    if (tidied.length > 0) log(`cleared away what was left of ${tidied.join(', ')}`)
    for (const { ticketId, problem } of left) log(`${ticketId} is not cleared away yet: ${problem}`)
    return { tidied, left }
  }

  /** Null when it is done; else why not. */
  #one(project: OpenProject, ticketId: string): Promise<string | null> {
    return this.#env.worker.exclusively(ticketId, async () => {
      const ticket = await project.store.getTicket(ticketId)
      if (!ticket || !isFinal(ticket)) return 'it is not over any more'
      if ((await project.store.turns(ticketId)).some((turn) => turn.settlement === null)) return 'a turn of it is open'
      const fence: Fence | null = await this.#env.worker.claim(project, ticketId)
      if (!fence) return 'another LoopTroop holds it'
      const { branch, sessions } = await clearTicket(this.#env.clear, { project, ticket }, { unmerged: false })
      await project.store.markTidied(fence, { branch, sessions, at: this.#env.clock.now() })
      return null
    })
  }
}
