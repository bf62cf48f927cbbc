/**
 * Recovery at the start, beside the listening server: hydrate what is stored at once; when OpenCode answers, list its
 * sessions once, classify every open ownership row, and abandon what is stale or missing. Messages are read later and only
 * for open turns, by the runs that take them up. No directory is booted here.
 */
import { observeRecovery } from './calls/recovery.ts'
import type { Opencode } from './driving.ts'
import { messageOf } from './errors.ts'
import { event } from './events/events.ts'
import type { Leases, Owner } from './leases.ts'
import type { RemoteSession } from './opencode/adapter.ts'
import type { Clock } from './ports.ts'
import type { OpenProject, Projects } from './projects.ts'
import type { Classified, RecoveryReport } from './recovery.ts'
import { carriesNonce, classifyReconnect } from './sessions/ownership.ts'
import type { ReconnectClass } from './sessions/ownership.ts'
import type { SessionRecord } from './store/records.ts'
import type { Fence } from './store/store.ts'
import { isFinal, isStarted } from './ticket.ts'
import type { Ticket } from './ticket.ts'

export interface StartUpEnv {
  readonly projects: Projects
  readonly opencode: Opencode
  readonly leases: Leases
  readonly clock: Clock
  readonly me: Owner
  /** Keeps the finished report for the morning after. */
  readonly save: (report: RecoveryReport) => Promise<void>
}

/** More than any OpenCode is expected to have; a list that is full proves no absence. */
const LIST_LIMIT = 50_000
const LIST_BOUND_MS = 10_000
const HEALTH_BOUND_MS = 2_000
const RETRY_MS = 1_000

export class StartUp {
  #report: RecoveryReport
  #classified = false
  #lastTry = Number.NEGATIVE_INFINITY
  #trying: Promise<void> | null = null
  readonly #env: StartUpEnv

  private constructor(env: StartUpEnv, report: RecoveryReport) {
    this.#env = env
    this.#report = report
  }

  /** Reads what is stored. Asks no OpenCode. */
  static async observe(env: StartUpEnv): Promise<StartUp> {
    return new StartUp(env, await observeRecovery(env))
  }

  get report(): RecoveryReport {
    return this.#report
  }
  /** Every open session was told apart: work may start. */
  get done(): boolean {
    return this.#classified
  }

  /** One try, at most one a second and one at a time; true once everything is classified. */
  async attempt(): Promise<boolean> {
    const now = this.#env.clock.monotonic()
    if (!this.#classified && this.#trying === null && now - this.#lastTry >= RETRY_MS) {
      this.#lastTry = now
      this.#trying = this.#try().finally(() => (this.#trying = null))
    }
    await this.#trying
    return this.#classified
  }

  async #try(): Promise<void> {
    const { adapter } = this.#env.opencode
    const health = await adapter.checkHealth({ timeoutMs: HEALTH_BOUND_MS })
    if (!health.reachable) return this.#say({ opencode: health.message ?? 'OpenCode does not answer' })
    try {
      const remote = await adapter.listSessions({ limit: LIST_LIMIT, timeoutMs: LIST_BOUND_MS })
      const byProject = await Promise.all(this.#env.projects.open().map((project) => classifyProject(this.#env, project, remote)))
      this.#say({ opencode: null, sessions: byProject.flat() })
      this.#classified = true
      await this.#env.save(this.#report)
    } catch (error) {
      this.#say({ opencode: messageOf(error) })
    }
  }

  #say(news: Pick<RecoveryReport, 'opencode'> & { sessions?: readonly Classified[] }): void {
    const sessions = news.sessions ?? this.#report.sessions
    const counts = { ...this.#report.counts, ...countByClass(sessions) }
    this.#report = { ...this.#report, opencode: news.opencode, sessions, counts }
  }
}

const countByClass = (sessions: readonly Classified[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { found } of sessions) counts[found] = (counts[found] ?? 0) + 1
  return counts
}

async function classifyProject(env: StartUpEnv, project: OpenProject, remote: readonly RemoteSession[]): Promise<readonly Classified[]> {
  const byId = new Map(remote.map((s) => [s.id, s]))
  const complete = remote.length < LIST_LIMIT
  const classified: Classified[] = []
  for (const row of await project.store.openSessions()) {
    const ticket = await project.store.getTicket(row.slot.ticketId)
    const late = row.sessionId === null ? remote.find((s) => carriesNonce(s, row.nonce)) : undefined
    const found = late ? 'adopted' : classify(env, { row, ticket, byId, complete })
    await settle(env, project, { row, found, late })
    classified.push({ ticketId: row.slot.ticketId, nonce: row.nonce, sessionId: late?.id ?? row.sessionId, found })
  }
  return classified
}

interface Looked {
  readonly row: SessionRecord
  readonly ticket: Ticket | null
  readonly byId: ReadonlyMap<string, RemoteSession>
  readonly complete: boolean
}

function classify({ opencode }: StartUpEnv, { row, ticket, byId, complete }: Looked): ReconnectClass {
  const remote = row.sessionId === null ? null : (byId.get(row.sessionId) ?? null)
  return classifyReconnect({
    ticketExists: ticket !== null && !isFinal(ticket),
    samePhase: ticket !== null && isStarted(ticket) && ticket.phase === row.slot.phase && ticket.attempt === row.slot.phaseAttempt,
    owned: true,
    sameOpencode: row.opencodeId === opencode.adapter.opencodeId,
    remote: remote === null && !complete ? 'unreadable' : remote,
  })
}

/** Only what changes is written, under a lease; a ticket that another process drives is that one's to settle. */
async function settle(
  env: StartUpEnv,
  { store }: OpenProject,
  end: { row: SessionRecord; found: Classified['found']; late: RemoteSession | undefined },
): Promise<void> {
  const { row, found, late } = end
  if (found === 'reconnected' || found === 'unverified') return
  const fence = await env.leases.claim(store, row.slot.ticketId)
  if (!fence) return
  const at = env.clock.now()
  if (late) await store.activateSession(fence, { nonce: row.nonce, sessionId: late.id, directory: late.directory, at })
  else
    await store.endSession(fence, {
      nonce: row.nonce,
      state: 'abandoned',
      reason: reasonOf(found),
      abortPending: await mayRun(store, row),
      at,
    })
  await tell(env, store, { fence, row, found })
}

/** A stale session with an unsettled turn may still be working: its abort is asked for until OpenCode confirms. */
async function mayRun(store: OpenProject['store'], row: SessionRecord): Promise<boolean> {
  if (row.sessionId === null) return false
  return (await store.turns(row.slot.ticketId)).some((t) => t.sessionNonce === row.nonce && t.settlement === null)
}

const reasonOf = (found: Classified['found']): string =>
  found === 'missing' ? 'OpenCode no longer has it' : 'the ticket has left its phase'

async function tell(
  env: StartUpEnv,
  store: OpenProject['store'],
  about: { fence: Fence; row: SessionRecord; found: Classified['found'] },
): Promise<void> {
  const { fence, row, found } = about
  const told = event('recovered', {
    found: `session ${row.sessionId ?? row.nonce}: ${found}`,
    did: found === 'adopted' ? 'adopted it by its nonce' : 'gave it up',
  })
  await store.appendEvents(fence, { events: [told], at: env.clock.now() })
}
