/**
 * The store over SQL: opens a database, brings it to the schema and hands out the verbs. The SQL is in `sql/`, one file
 * per noun, and knows only the small interface of `database.ts`; drivers differ below that line.
 */
import { isAbsolute, join, relative, dirname, basename, sep } from 'node:path'
import { fail } from '../errors.ts'
import type { Chance, Clock } from '../ports.ts'
import type { Database, Row } from './database.ts'
import { openFileDatabase, pathOfUrl } from './file-database.ts'
import { migrate, setMeta } from './migrate.ts'
import { APP_SCHEMA, PROJECT_SCHEMA } from './migrations/index.ts'
import { appStore } from './sql/app.ts'
import { artifactVerbs } from './sql/artifacts.ts'
import type { Announcement, Context } from './sql/batch.ts'
import { commandVerbs } from './sql/commands.ts'
import { editVerbs } from './sql/edits.ts'
import { eventVerbs } from './sql/events.ts'
import { draftVerbs } from './sql/drafts.ts'
import { inboxVerbs } from './sql/inbox.ts'
import { itemVerbs } from './sql/items.ts'
import { journalVerbs } from './sql/journal.ts'
import { keepingVerbs } from './sql/keeping.ts'
import { leaseVerbs } from './sql/leases.ts'
import { sessionVerbs } from './sql/sessions.ts'
import { settingVerbs } from './sql/settings.ts'
import { nudgeVerbs } from './sql/nudges.ts'
import { spentVerbs } from './sql/spent.ts'
import { pauseVerbs } from './sql/pauses.ts'
import { progressVerbs } from './sql/ticket-progress.ts'
import { stopVerbs } from './sql/ticket-stops.ts'
import { ticketVerbs } from './sql/tickets.ts'
import { turnVerbs } from './sql/turns.ts'
import type { StoreOpener } from './app-store.ts'
import type { Store } from './store.ts'

export interface FileStoreOptions {
  readonly clock: Clock
  readonly chance: Chance
  /** What a listener threw. It never reaches the verb. */
  readonly onListenerError?: (error: unknown) => void
}

type Identity = Parameters<StoreOpener['openProject']>[1]

export function createFileStores(options: FileStoreOptions): StoreOpener {
  return {
    openApp: async (url) => {
      const path = pathOfUrl(url)
      const database = await openFileDatabase(path, options.clock)
      await orClose(database, () => migrate(database, APP_SCHEMA, path))
      return appStore(database)
    },
    openProject: async (url, identity) => {
      const path = pathOfUrl(url)
      const database = await openFileDatabase(path, options.clock)
      const epoch = await orClose(database, async () => {
        await migrate(database, PROJECT_SCHEMA, path)
        return identify(database, { ...identity, path, freshEpoch: options.chance.hex(8) })
      })
      return projectStore(options, { database, epoch, identity, path })
    },
  }
}

async function orClose<T>(database: Database, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await database.close()
    throw error
  }
}

/** The file keeps the project's key from its first ticket on, and its epoch for good. */
async function identify(database: Database, own: Identity & { path: string; freshEpoch: string }): Promise<string> {
  const value = "(SELECT value FROM meta WHERE key = 'project_key')"
  const results = await database.batch([
    { sql: "INSERT INTO meta (key, value) VALUES ('epoch', :epoch) ON CONFLICT (key) DO NOTHING", args: { epoch: own.freshEpoch } },
    {
      sql: `INSERT INTO meta (key, value) VALUES ('project_key', :key)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE NOT EXISTS (SELECT 1 FROM tickets)`,
      args: { key: own.projectKey },
    },
    setMeta('project_id', own.projectId),
    { sql: `SELECT ${value} AS project_key, (SELECT value FROM meta WHERE key = 'epoch') AS epoch`, args: {} },
  ])
  const { project_key: key, epoch } = results.at(-1)?.[0] ?? {}
  if (key !== own.projectKey) throw fail('PROJECT_KEY_TAKEN', { key, path: own.path, asked: own.projectKey })
  return String(epoch)
}

interface Opened {
  readonly database: Database
  readonly epoch: string
  readonly identity: Identity
  readonly path: string
}

function projectStore(options: FileStoreOptions, { database, epoch, identity, path }: Opened): Store {
  const appended = listeners(options)
  const inbox = listeners(options)
  const context: Context = {
    database,
    epoch,
    projectId: identity.projectId,
    projectKey: identity.projectKey,
    directories: relativeTo(identity.baseDir ?? impliedBase(path)),
    random: (bytes) => options.chance.hex(bytes),
    announce: announcing((events, entries) => {
      appended.tell(events)
      inbox.tell(entries)
    }),
  }
  return {
    epoch,
    projectId: identity.projectId,
    projectKey: identity.projectKey,
    ...ticketVerbs(context),
    ...progressVerbs(context),
    ...stopVerbs(context),
    ...leaseVerbs(context),
    ...journalVerbs(context),
    ...itemVerbs(context),
    ...artifactVerbs(context),
    ...editVerbs(context),
    ...sessionVerbs(context),
    ...turnVerbs(context),
    ...inboxVerbs(context),
    ...draftVerbs(context),
    ...commandVerbs(context),
    ...eventVerbs(context),
    ...keepingVerbs(context),
    ...nudgeVerbs(context),
    ...pauseVerbs(context),
    ...spentVerbs(context),
    ...settingVerbs(database),
    onAppend: appended.add,
    onInbox: inbox.add,
    stats: () => stats(database),
    close: () => database.close(),
  }
}

type Listener = (ticketId: string) => void
function listeners({ onListenerError }: FileStoreOptions): {
  add: (listener: Listener) => () => void
  tell: (ticketIds: ReadonlySet<string>) => void
} {
  const all = new Set<Listener>()
  const call = (listener: Listener, ticketId: string): void => {
    try {
      listener(ticketId)
    } catch (error) {
      onListenerError?.(error)
    }
  }
  return {
    add: (listener) => {
      const own: Listener = (ticketId) => listener(ticketId)
      all.add(own)
      return () => void all.delete(own)
    },
    tell: (ticketIds) => {
      for (const ticketId of ticketIds) for (const listener of [...all]) call(listener, ticketId)
    },
  }
}

/** A database in `.looptroop` belongs to the folder that holds it. */
const impliedBase = (path: string): string | undefined => (basename(dirname(path)) === '.looptroop' ? dirname(dirname(path)) : undefined)

function relativeTo(base: string | undefined): Context['directories'] {
  if (base === undefined) return { store: (path) => path, resolve: (stored) => stored }
  return {
    store: (path) => {
      const inside = relative(base, path)
      return isAbsolute(inside) || inside === '..' || inside.startsWith(`..${sep}`) ? path : inside === '' ? '.' : inside
    },
    resolve: (stored) => (isAbsolute(stored) ? stored : join(base, stored)),
  }
}

async function stats(database: Database): Promise<Readonly<Record<string, number>>> {
  const tables = await database.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
  const names = tables.map((row) => String(row['name'])).filter((name) => name !== 'guard')
  const counts = names.map((name) => `(SELECT COUNT(*) FROM ${name}) AS ${name}`)
  const [row] = await database.all(
    `SELECT ${counts.join(', ')}, page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()`,
  )
  return (row ?? {}) as Readonly<Row> as Record<string, number>
}

/** What a soft batch did is told with the next batch that is not soft. */
function announcing(tell: (events: ReadonlySet<string>, inbox: ReadonlySet<string>) => void): (told: Announcement) => void {
  let held: Announcement = { events: new Set(), inbox: new Set(), soft: true }
  return ({ events, inbox, soft }) => {
    held = { events: new Set([...held.events, ...events]), inbox: new Set([...held.inbox, ...inbox]), soft: true }
    if (soft) return
    tell(held.events, held.inbox)
    held = { events: new Set(), inbox: new Set(), soft: true }
  }
}
