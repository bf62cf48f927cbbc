/** Looks at what is stored, for doctor: opens the databases, starts nothing, asks no OpenCode. */
import { observeRecovery } from './calls/recovery.ts'
import { messageOf } from './errors.ts'
import { thisProcess } from './leases.ts'
import type { Chance, Clock } from './ports.ts'
import { Projects } from './projects.ts'
import type { OpenProject } from './projects.ts'
import { isFinal } from './ticket.ts'
import type { RecoveryReport } from './recovery.ts'
import type { ProjectRecord } from './store/records.ts'
import type { StoreOpener } from './store/app-store.ts'

export interface Inspection {
  readonly projects: readonly {
    readonly record: ProjectRecord
    readonly stats: Readonly<Record<string, number>>
    /** Tickets that are over, with their branches. */
    readonly finished: readonly { readonly id: string; readonly branch: string | null }[]
    /** Sessions given up without OpenCode's confirmation. */
    readonly pendingAborts: readonly string[]
  }[]
  readonly recovery: RecoveryReport
  /** What the last start found and did; null when none was finished. */
  readonly lastStart: RecoveryReport | null
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
  if (typeof app === 'string') return { projects: [], recovery: none, lastStart: null, problem: app }
  const projects = new Projects({ app, stores, clock, chance })
  try {
    await projects.openAll()
    const recovery = await observeRecovery({ projects, clock, me: thisProcess(chance) })
    const found = await Promise.all(projects.open().map(inspectProject))
    const kept = await app.meta('recovery')
    return { projects: found, recovery, lastStart: kept === null ? null : (JSON.parse(kept) as RecoveryReport), problem: null }
  } finally {
    await projects.close()
    await app.close()
  }
}

async function inspectProject({ record, store }: OpenProject): Promise<Inspection['projects'][number]> {
  const finished = (await store.listTickets()).filter(isFinal).map(({ id, branch }) => ({ id, branch: branch ?? null }))
  const pendingAborts = (await store.pendingAborts()).map((s) => s.sessionId ?? s.nonce)
  return { record, stats: await store.stats(), finished, pendingAborts }
}
