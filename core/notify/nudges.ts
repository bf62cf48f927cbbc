/**
 * Tells a person, wherever they are, that something waits for them: each inbox entry once. Each try is counted in the
 * database before it is made, and what was taken is marked there afterwards. Between the two a crash makes it happen
 * again (at least once): the key, of ticket and entry, is the same each time. Runs beside the work and never holds it up.
 */
import { messageOf } from '../errors.ts'
import type { Clock } from '../ports.ts'
import type { OpenProject, Projects } from '../projects.ts'
import { hideSecret, redactDeep } from '../redact.ts'
import type { NotifyTarget } from '../settings.ts'
import type { InboxRecord } from '../store/records.ts'
import { inboxView } from '../views.ts'
import type { Deliver } from './deliver.ts'

interface NudgeEnv {
  readonly projects: Pick<Projects, 'open' | 'onOpen'>
  readonly clock: Clock
  readonly deliver: Deliver
  readonly targetOf: (project: OpenProject) => Promise<NotifyTarget | null>
  readonly log: (line: string) => void
}
export interface NudgeReport {
  readonly sent: readonly string[]
  readonly failed: readonly string[]
}

const MINUTE = 60_000
/** After the first try, the second …; then it is given up. */
const AGAIN_AFTER_MS = [10_000, MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE] as const
const MAX_TRIES = AGAIN_AFTER_MS.length + 1
/** Entries of other servers and tries that are due are looked for this often. */
const LOOK_MS = 5_000
const AT_ONCE = 10

export class Nudges {
  readonly #env: NudgeEnv
  readonly #stopping = new AbortController()
  readonly #offs: (() => void)[] = []
  #round: Promise<NudgeReport> | null = null
  #wake: () => void = () => {}

  constructor(env: NudgeEnv) {
    this.#env = env
    this.#offs.push(env.projects.onOpen(({ store }) => void this.#offs.push(store.onInbox(() => this.#wake()))))
  }

  /** One round: what is due now, each once. */
  round(): Promise<NudgeReport> {
    this.#round ??= this.#tellAll().finally(() => (this.#round = null))
    return this.#round
  }

  async loop(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const timer = new AbortController()
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      await this.round().catch((error: unknown) => this.#env.log(`nudges: ${messageOf(error)}`))
      await Promise.race([woken, this.#env.clock.sleep(LOOK_MS, AbortSignal.any([timer.signal, signal]))])
      timer.abort()
    }
  }

  /** What is under way is broken off; it is tried again later, under the same key. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const off of this.#offs) off()
    await this.#round?.catch(() => undefined) // whoever began it has its error
  }

  async #tellAll(): Promise<NudgeReport> {
    const sent: string[] = []
    const failed: string[] = []
    for (const project of this.#env.projects.open()) {
      const target = await this.#env.targetOf(project)
      if (!target) continue
      hideTarget(target)
      const due = await project.store.dueNudges({ at: this.#env.clock.now(), tries: MAX_TRIES, limit: AT_ONCE })
      await Promise.all(
        due.map(async (entry) => {
          const told = await this.#tell(project, target, entry)
          if (told !== null) (told ? sent : failed).push(entry.id)
        }),
      )
    }
    return { sent, failed }
  }

  /** Null when another server is at it. */
  async #tell(project: OpenProject, target: NotifyTarget, entry: InboxRecord): Promise<boolean | null> {
    const { clock, deliver, log } = this.#env
    const { store } = project
    const { ticketId, id } = entry
    const at = clock.now()
    const tries = await store.claimNudge({ ticketId, id, at, tries: MAX_TRIES, againAfterMs: AGAIN_AFTER_MS })
    if (tries === null || this.#stopping.signal.aborted) return null
    const key = `${ticketId}/${id}`
    try {
      await deliver(target, { key, body: await bodyOf(project, entry, { key, tries }) }, this.#stopping.signal)
      await store.endNudge({ ticketId, id, at: clock.now(), problem: null })
      return true
    } catch (error) {
      if (this.#stopping.signal.aborted) return false
      const problem = messageOf(error)
      const end = tries >= MAX_TRIES ? 'it is given up' : `again in ${(AGAIN_AFTER_MS[tries - 1] ?? 0) / 1_000} s`
      log(`nudge for ${key} failed (try ${tries} of ${MAX_TRIES}, ${end}): ${problem}`)
      await store.endNudge({ ticketId, id, at: clock.now(), problem })
      return false
    }
  }
}

async function bodyOf({ store, record }: OpenProject, entry: InboxRecord, { key, tries }: { key: string; tries: number }): Promise<string> {
  const title = (await store.getTicket(entry.ticketId))?.title ?? ''
  return JSON.stringify(redactDeep({ key, try: tries, project: record.key, title, ...inboxView(entry, record.id) }))
}

/** The path of such an address is often a secret itself (a webhook): it stays out of logs and errors. */
function hideTarget(target: NotifyTarget): void {
  if (!('url' in target)) return
  const { pathname, search } = new URL(target.url)
  hideSecret(`${pathname}${search}`)
}
