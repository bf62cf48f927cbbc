/**
 * Whether new work may start: every open session was told apart, and OpenCode answers. Runs that are under way are not
 * touched by it; they wait in their own budgets.
 */
import type { Opencode } from './driving.ts'
import { messageOf } from './errors.ts'
import type { Clock } from './ports.ts'
import type { Projects } from './projects.ts'
import type { StartUp } from './start-up.ts'

interface GateEnv {
  readonly projects: Projects
  readonly opencode: Opencode
  readonly startUp: StartUp
  readonly clock: Clock
  readonly log: (line: string) => void
}

/** How long an answer of the health check is believed while the event stream is away. */
const BELIEVED_MS = 2_000
const HEALTH_BOUND_MS = 2_000
const ABORTS_EVERY_MS = 5_000

export class WorkGate {
  readonly #env: GateEnv
  #asked = { at: Number.NEGATIVE_INFINITY, up: true }
  #lastAborts = Number.NEGATIVE_INFINITY

  constructor(env: GateEnv) {
    this.#env = env
  }

  async open(): Promise<boolean> {
    return (await this.#env.startUp.attempt()) && this.#opencodeUp()
  }

  /** A connected stream is proof enough; without it health is asked, now and then. */
  async #opencodeUp(): Promise<boolean> {
    const { opencode, clock, log } = this.#env
    if (opencode.hub.state().connected) return this.#note(true)
    const now = clock.monotonic()
    if (now - this.#asked.at < BELIEVED_MS) return this.#asked.up
    const { reachable, message } = await opencode.adapter.checkHealth({ timeoutMs: HEALTH_BOUND_MS })
    if (!reachable && this.#asked.up) log(`no new work is started: ${message ?? 'OpenCode does not answer'}`)
    if (reachable && !this.#asked.up) log('OpenCode answers again')
    return this.#note(reachable)
  }

  #note(up: boolean): boolean {
    this.#asked = { at: this.#env.clock.monotonic(), up }
    return up
  }

  /** Sessions that were given up while OpenCode did not confirm that they stopped. */
  async retryAborts(): Promise<void> {
    const { projects, opencode, clock, log } = this.#env
    if (clock.monotonic() - this.#lastAborts < ABORTS_EVERY_MS) return
    this.#lastAborts = clock.monotonic()
    for (const { store } of projects.open()) {
      for (const { nonce, sessionId, opencodeId, directory, slot } of await store.pendingAborts()) {
        if (sessionId === null || opencodeId !== opencode.adapter.opencodeId) continue
        try {
          await opencode.adapter.abortSession(sessionId, directory)
          await store.confirmAbort({ ticketId: slot.ticketId, nonce, at: clock.now() })
        } catch (error) {
          log(`session ${sessionId} of ${slot.ticketId} could not be stopped yet: ${messageOf(error)}`)
        }
      }
    }
  }
}
