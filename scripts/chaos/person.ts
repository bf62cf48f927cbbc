/** The person: keeps tickets going through the typed client, decides, answers, retries; and follows every stream. */
import { systemClock } from '#core'
import type { InboxView, TicketView } from '#core'
import type { Form } from '#plugins/contract'
import type { LoopTroopClient } from '#router'
import { SAMPLE_TICKET } from '../demo/sample.ts'
import type { Play } from './plays.ts'
import type { Stage } from './stage.ts'

export interface Person {
  /** One ticket, from its creation to its end. */
  playOne(): Promise<Followed | null>
  /** One ticket after the other, until `finish`. */
  keepBusy(): void
  /** Tickets that are running now: where a kill hits work. */
  working(): Promise<readonly TicketView[]>
  /** No new tickets from now on; resolves when all are completed, or `limitMs` is over. */
  finish(limitMs: number): Promise<void>
  /** The next question is rejected instead of answered. */
  rejectNext(): void
  readonly tickets: ReadonlyMap<string, Followed>
  readonly counts: Readonly<Record<'retried' | 'answered' | 'rejected' | 'decided' | 'resolved', number>>
  /** What a call said that was no mere lost connection. */
  readonly surprises: readonly string[]
  stop(): Promise<void>
}
export interface Followed {
  readonly ticketId: string
  readonly repo: string
  view: TicketView
  /** Ids of the durable events, in the order of the stream. */
  readonly seen: string[]
}

interface Project {
  readonly id: string
  readonly repo: string
}

const LOOK_MS = 150
/** Answers that say "somebody did it already": it was done by a call whose reply a kill took away. */
const DONE_ALREADY = new Set(['QUESTION_ANSWERED', 'QUESTION_UNKNOWN', 'GATE_CLOSED', 'ACTION_CONSUMED', 'TICKET_WRONG_STATUS'])

export const createPerson = (stage: Pick<Stage, 'client' | 'newProject'>, play: Play): Person => new ChaosPerson(stage, play)

class ChaosPerson implements Person {
  readonly tickets = new Map<string, Followed>()
  readonly counts = { retried: 0, answered: 0, rejected: 0, decided: 0, resolved: 0 }
  readonly surprises: string[] = []
  readonly #client: LoopTroopClient
  readonly #play: Play
  readonly #newProject: Stage['newProject']
  readonly #stopping = new AbortController()
  readonly #lanes: Promise<void>[] = []
  #finishing = false
  #rejecting = false

  constructor({ client, newProject }: Pick<Stage, 'client' | 'newProject'>, play: Play) {
    this.#client = client
    this.#newProject = newProject
    this.#play = play
  }

  async playOne(): Promise<Followed | null> {
    const project = await this.#attach()
    const ticket = project && (await this.#begin(project, 1))
    if (ticket) await this.#care(ticket)
    return ticket
  }

  keepBusy(): void {
    this.#lanes.push(this.#lane())
  }

  async #attach(): Promise<Project | null> {
    const repo = await this.#newProject()
    const { settings } = this.#play
    return this.#insist(async () => {
      const { id } = await this.#client.projects.attach.mutate({ path: repo })
      if (Object.keys(settings).length > 0) await this.#client.settings.update.mutate({ scope: 'project', id, patch: { ...settings } })
      return { id, repo }
    })
  }

  async working(): Promise<readonly TicketView[]> {
    const { items } = await this.#client.tickets.list.query({ status: 'running' })
    return items
  }

  rejectNext(): void {
    this.#rejecting = true
  }

  async finish(limitMs: number): Promise<void> {
    this.#finishing = true
    const timer = new AbortController()
    await Promise.race([Promise.all(this.#lanes), systemClock.sleep(limitMs, timer.signal)])
    timer.abort()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#lanes)
  }

  /** One ticket after the other. What one has delivered would be the next one's base: then each has a project of its own. */
  async #lane(): Promise<void> {
    let project = await this.#attach()
    for (let n = 1; !this.#stopping.signal.aborted && !(this.#finishing && n > 1); n += 1) {
      if (n > 1 && this.#play.delivers) project = await this.#attach()
      const ticket = project && (await this.#begin(project, n))
      if (ticket) await this.#care(ticket)
    }
  }

  async #begin({ id: projectId, repo }: Project, n: number): Promise<Followed | null> {
    const name = `${projectId}:${n}`
    const created = await this.#insist(() =>
      this.#client.tickets.create.mutate({
        projectId,
        ...SAMPLE_TICKET,
        pipeline: this.#play.pipeline,
        models: { main: this.#play.models.main, members: [...this.#play.models.members] },
        actionId: `create:${name}`,
      }),
    )
    if (!created) return null
    const followed: Followed = { ticketId: created.id, repo, view: created, seen: [] }
    this.tickets.set(created.id, followed)
    await this.#insist(() => this.#client.tickets.start.mutate({ ticketId: created.id, actionId: `start:${name}` }))
    return followed
  }

  async #care(followed: Followed): Promise<void> {
    const watching = new AbortController()
    const watched = this.#watch(followed, AbortSignal.any([watching.signal, this.#stopping.signal]))
    while (!this.#stopping.signal.aborted && followed.view.status !== 'completed') {
      await this.#look(followed).catch((error: unknown) => this.#note(error))
      await systemClock.sleep(LOOK_MS, this.#stopping.signal)
    }
    if (!this.#stopping.signal.aborted) await this.#caughtUp(followed)
    watching.abort()
    await watched
  }

  async #look(followed: Followed): Promise<void> {
    const { ticketId } = followed
    followed.view = await this.#client.tickets.get.query({ ticketId })
    if (followed.view.status === 'completed') return
    const { items } = await this.#client.inbox.list.query({ ticketId })
    const uncertain = items.filter((entry) => entry.kind === 'uncertain_turn')
    for (const entry of uncertain.length > 0 ? uncertain : items)
      await this.#decide(ticketId, entry as InboxView).catch((error: unknown) => this.#note(error))
  }

  async #decide(ticketId: string, entry: InboxView): Promise<void> {
    const { tickets } = this.#client
    const { id, kind } = entry
    if (kind === 'gate') await this.#submit(ticketId, entry)
    if (kind === 'question') await this.#answer(ticketId, id)
    if (kind === 'uncertain_turn') {
      const as = this.#play.resolve(id)
      await tickets.resolveTurn.mutate({ ticketId, turnId: id, as, actionId: `${as}:${id}` })
      this.counts.resolved += 1
    }
    if (kind === 'blocked') {
      await tickets.retry.mutate({ ticketId, actionId: `retry:${id}` })
      this.counts.retried += 1
    }
  }

  async #submit(ticketId: string, { id, payload }: InboxView): Promise<void> {
    const { form, artifact } = payload as unknown as { form: Form; artifact: { sha256: string } | null }
    const decided = await this.#play.decide(
      { form },
      async (kind) => (await this.#client.tickets.artifact.query({ ticketId, kind })).content,
    )
    await this.#client.gates.submit.mutate({
      ...{ ticketId, gateId: id, ...decided, actionId: `decide:${id}` },
      ...(artifact ? { expectedContentSha256: artifact.sha256 } : {}),
    })
    this.counts.decided += 1
  }

  /** The first option of each; or no answer. */
  async #answer(ticketId: string, requestId: string): Promise<void> {
    const { questions } = this.#client
    if (this.#rejecting) {
      await questions.reject.mutate({ ticketId, requestId })
      this.#rejecting = false
      this.counts.rejected += 1
      return
    }
    const asked = (await questions.list.query({ ticketId })).items.find((item) => item.requestId === requestId)
    if (!asked) return
    await questions.reply.mutate({ ticketId, requestId, answers: asked.questions.map((one) => [one.options[0]?.label ?? 'Yes']) })
    this.counts.answered += 1
  }

  /** The client comes back by itself; when the stream ends all the same, it is taken up after the last id that was seen. */
  async #watch({ ticketId, seen }: Followed, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lastEventId = seen.at(-1)
      const input = { ticketId, ...(lastEventId === undefined ? {} : { lastEventId }) }
      try {
        for await (const batch of this.#client.events.onTicket.subscribe(input, { signal }))
          seen.push(...batch.data.events.map((e) => e.id))
      } catch (error) {
        if (!signal.aborted) this.#note(error)
      }
      await systemClock.sleep(LOOK_MS, signal)
    }
  }

  /** The stream has told the end. */
  async #caughtUp({ ticketId, seen }: Followed): Promise<void> {
    const last = (await this.#history(ticketId)).at(-1)
    const end = systemClock.monotonic() + 30_000
    while (seen.at(-1) !== last && systemClock.monotonic() < end) await systemClock.sleep(LOOK_MS)
  }

  async #history(ticketId: string): Promise<readonly string[]> {
    const page = await this.#insist(() => this.#client.events.history.query({ ticketId, limit: 1_000 }))
    return (page?.items ?? []).map((e) => e.id)
  }

  /** The same action until the server took it: a kill may take the reply away. */
  async #insist<T>(call: () => Promise<T>): Promise<T | null> {
    while (!this.#stopping.signal.aborted) {
      try {
        return await call()
      } catch (error) {
        if (codeOf(error) === 'TICKET_WRONG_STATUS') return null
        this.#note(error)
        await systemClock.sleep(LOOK_MS, this.#stopping.signal)
      }
    }
    return null
  }

  /** A lost connection is what this is about. */
  #note(error: unknown): void {
    const code = codeOf(error)
    if (code !== null && !DONE_ALREADY.has(code)) this.surprises.push(`${code}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** LoopTroop's own code; null when no answer came at all. */
function codeOf(error: unknown): string | null {
  const data = (error as { data?: { code?: unknown; looptroopCode?: unknown } | null }).data
  const code = data?.looptroopCode ?? data?.code
  return typeof code === 'string' ? code : null
}
