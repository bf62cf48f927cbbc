/** The person: keeps four tickets going through the typed client, approves, answers, retries; and follows every stream. */
import { systemClock } from '#core'
import type { TicketView } from '#core'
import type { LoopTroopClient } from '#router'
import { SAMPLE_TICKET } from '../demo/sample.ts'

export interface Person {
  /** Tickets that are running now: where a kill hits work. */
  working(): Promise<readonly TicketView[]>
  /** No new tickets from now on; resolves when all are completed, or `limitMs` is over. */
  finish(limitMs: number): Promise<void>
  /** The next question is rejected instead of answered. */
  rejectNext(): void
  readonly tickets: ReadonlyMap<string, Followed>
  readonly counts: Readonly<Record<'retried' | 'answered' | 'rejected' | 'approved' | 'resolved', number>>
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

const LOOK_MS = 150
/** Answers that say "somebody did it already": it was done by a call whose reply a kill took away. */
const DONE_ALREADY = new Set(['QUESTION_ANSWERED', 'QUESTION_UNKNOWN', 'GATE_CLOSED', 'ACTION_CONSUMED', 'TICKET_WRONG_STATUS'])

export async function startPerson(client: LoopTroopClient, repos: readonly string[]): Promise<Person> {
  const person = new ChaosPerson(client)
  for (const repo of repos) await person.attach(repo)
  return person
}

class ChaosPerson implements Person {
  readonly tickets = new Map<string, Followed>()
  readonly counts = { retried: 0, answered: 0, rejected: 0, approved: 0, resolved: 0 }
  readonly surprises: string[] = []
  readonly #client: LoopTroopClient
  readonly #stopping = new AbortController()
  readonly #lanes: Promise<void>[] = []
  #finishing = false
  #rejecting = false

  constructor(client: LoopTroopClient) {
    this.#client = client
  }

  async attach(repo: string): Promise<void> {
    const project = await this.#client.projects.attach.mutate({ path: repo })
    this.#lanes.push(this.#lane(project.id, repo))
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

  /** One ticket after the other. */
  async #lane(projectId: string, repo: string): Promise<void> {
    for (let n = 1; !this.#stopping.signal.aborted && !(this.#finishing && n > 1); n += 1) {
      const ticket = await this.#begin(projectId, { repo, n })
      if (ticket) await this.#care(ticket)
    }
  }

  async #begin(projectId: string, { repo, n }: { repo: string; n: number }): Promise<Followed | null> {
    const name = `${projectId}:${n}`
    const created = await this.#insist(() =>
      this.#client.tickets.create.mutate({
        projectId,
        ...SAMPLE_TICKET,
        pipeline: 'quick',
        models: { main: 'scripted/m1' },
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
      await this.#decide(ticketId, entry).catch((error: unknown) => this.#note(error))
  }

  async #decide(ticketId: string, { id, kind }: { id: string; kind: string }): Promise<void> {
    const { tickets, questions } = this.#client
    if (kind === 'gate') {
      const { contentSha256 } = await tickets.artifact.query({ ticketId, kind: 'beads' })
      await tickets.approve.mutate({ ticketId, gateId: id, actionId: `approve:${id}`, expectedContentSha256: contentSha256 })
      this.counts.approved += 1
    }
    if (kind === 'question' && this.#rejecting) {
      await questions.reject.mutate({ ticketId, requestId: id })
      this.#rejecting = false
      this.counts.rejected += 1
    } else if (kind === 'question') {
      await questions.reply.mutate({ ticketId, requestId: id, answers: [['Plain letters']] })
      this.counts.answered += 1
    }
    if (kind === 'uncertain_turn') {
      const as = id.charCodeAt(id.length - 1) % 2 === 0 ? 'resend' : 'abandon'
      await tickets.resolveTurn.mutate({ ticketId, turnId: id, as, actionId: `${as}:${id}` })
      this.counts.resolved += 1
    }
    if (kind === 'blocked') {
      await tickets.retry.mutate({ ticketId, actionId: `retry:${id}` })
      this.counts.retried += 1
    }
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
