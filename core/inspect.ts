/** Looks at what is stored, for doctor: opens the databases, starts nothing, asks no OpenCode. */
import { observeRecovery } from './calls/recovery.ts'
import { messageOf } from './errors.ts'
import { totalOf } from './money.ts'
import type { Spent } from './money.ts'
import { thisProcess } from './leases.ts'
import type { Chance, Clock } from './ports.ts'
import { Pauses } from './pauses.ts'
import { Projects } from './projects.ts'
import { resolveSettings } from './settings.ts'
import type { OpenProject } from './projects.ts'
import { isFinal } from './ticket.ts'
import type { RecoveryReport } from './recovery.ts'
import type { ProjectRecord } from './store/records.ts'
import type { StoreOpener } from './store/app-store.ts'
import { ticketBranches } from './workspace/index.ts'

export interface Inspection {
  readonly projects: readonly {
    readonly record: ProjectRecord
    readonly stats: Readonly<Record<string, number>>
    /** By all its tickets, deleted ones too. */
    readonly spent: Spent
    readonly paused: boolean
    /** Tickets that are over: their branches, and when they ended (epoch milliseconds). */
    readonly finished: readonly { readonly id: string; readonly branch: string | null; readonly endedAt: number }[]
    /** Of these, branches that are still there. */
    readonly branches: readonly string[]
    /** Sessions given up without OpenCode's confirmation. */
    readonly pendingAborts: readonly string[]
    /** Entries that nobody could be told of. */
    readonly failedNudges: Awaited<ReturnType<OpenProject['store']['failedNudges']>>
  }[]
  readonly recovery: RecoveryReport
  /** What the last start found and did; null when none was finished. */
  readonly lastStart: RecoveryReport | null
  /** The server as a whole is. */
  readonly paused: boolean
  /** How long a ticket is over before it is cleared away; null: never. */
  readonly cleanupAfterMs: number | null
  /** The app database itself could not be opened. */
  readonly problem: string | null
}

export async function inspectStores(options: {
  databaseUrl: string
  stores: StoreOpener
  clock: Clock
  chance: Chance
}): Promise<Inspection> {
  const { stores, clock, chance } = options
  const none: RecoveryReport = { at: clock.now(), tickets: [], opencode: 'not asked', sessions: [], counts: {}, problems: [] }
  const app = await stores.openApp(options.databaseUrl).catch(messageOf)
  if (typeof app === 'string') return { projects: [], recovery: none, lastStart: null, paused: false, cleanupAfterMs: null, problem: app }
  const projects = new Projects({ app, stores, clock, chance })
  try {
    await projects.openAll()
    const recovery = await observeRecovery({ projects, clock, me: thisProcess(chance) })
    const found = await Promise.all(projects.open().map(inspectProject))
    const kept = await app.meta('recovery')
    const cleanupAfterMs = resolveSettings([['app', await app.settings()]]).values['cleanup.finishedMs']
    const lastStart = kept === null ? null : (JSON.parse(kept) as RecoveryReport)
    return { projects: found, recovery, lastStart, paused: await new Pauses({ app, clock }).server(), cleanupAfterMs, problem: null }
  } finally {
    await projects.close()
    await app.close()
  }
}

async function inspectProject({ record, store }: OpenProject): Promise<Inspection['projects'][number]> {
  const finished = (await store.listTickets())
    .filter(isFinal)
    .map(({ id, branch, updatedAt }) => ({ id, branch: branch ?? null, endedAt: updatedAt }))
  // A repository that is gone or broken is another finding's; here it has no branches.
  const there = new Set(await ticketBranches(record.path).catch((): readonly string[] => []))
  const branches = finished.flatMap(({ branch }) => (branch !== null && there.has(branch) ? [branch] : []))
  const pendingAborts = (await store.pendingAborts()).map((s) => s.sessionId ?? s.nonce)
  return {
    record,
    stats: await store.stats(),
    spent: totalOf(await store.spentByTicket()),
    paused: await store.projectPaused(),
    finished,
    branches,
    pendingAborts,
    failedNudges: await store.failedNudges(),
  }
}
