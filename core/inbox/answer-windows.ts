/**
 * Declines what nobody has answered by its deadline, as a person would who refuses to answer: whoever is first wins, and a
 * later answer is told so. The deadline is stored with the entry, so a restart neither forgets nor prolongs it. Runs
 * beside the rounds of the worker: an OpenCode that does not answer holds nothing up.
 */
import { isCode, messageOf } from '../errors.ts'
import type { OpencodeAdapter } from '../opencode/adapter.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject } from '../projects.ts'
import type { InboxRecord } from '../store/records.ts'
import type { Fence } from '../store/store.ts'
import { declineRequest } from './answers.ts'

interface WindowEnv {
  readonly adapter: OpencodeAdapter
  readonly clock: Clock
  /** Null when another process drives the ticket: then it is that one's to decline. */
  readonly claim: (project: OpenProject, ticketId: string) => Promise<Fence | null>
  readonly log: (line: string) => void
}

/** After a try that failed. */
const AGAIN_AFTER_MS = 5_000

export class AnswerWindows {
  readonly #env: WindowEnv
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #notBefore = new Map<string, number>()

  constructor(env: WindowEnv) {
    this.#env = env
  }

  /** Begins to decline what is overdue. */
  async round(project: OpenProject): Promise<void> {
    const { clock } = this.#env
    for (const entry of await project.store.overdueRequests({ at: clock.now() })) {
      const later = (this.#notBefore.get(entry.id) ?? 0) > clock.monotonic()
      if (later || this.#underWay.has(entry.id)) continue
      const done = this.#decline(project, entry).finally(() => this.#underWay.delete(entry.id))
      this.#underWay.set(entry.id, done)
    }
  }

  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  async #decline(project: OpenProject, entry: InboxRecord): Promise<void> {
    const { adapter, clock, claim, log } = this.#env
    try {
      const fence = await claim(project, entry.ticketId)
      if (!fence) return
      await declineRequest({ store: project.store, adapter, clock, fence: () => Promise.resolve(fence) }, entry)
      this.#notBefore.delete(entry.id)
    } catch (error) {
      // Somebody was faster; or OpenCode does not ask it any more, which the turn's driver finds out and closes.
      if (isCode(error, 'QUESTION_ANSWERED', 'QUESTION_DECLINED')) return
      this.#notBefore.set(entry.id, clock.monotonic() + AGAIN_AFTER_MS)
      log(`${entry.ticketId}: ${entry.id} could not be declined yet: ${messageOf(error)}`)
    }
  }
}
