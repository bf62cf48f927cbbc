/** Attached projects: each a git repository with its own database. A ticket's id names its project by the key. */
import path from 'node:path'
import { fail, isCode, messageOf } from './errors.ts'
import { createEventFeed } from './events/feed.ts'
import type { EventFeed } from './events/feed.ts'
import type { PartialFailure, ProjectView } from './kernel-api.ts'
import type { Chance, Clock } from './ports.ts'
import type { ProjectRecord } from './store/records.ts'
import type { AppStore, StoreOpener } from './store/app-store.ts'
import type { Store } from './store/store.ts'
import { isFinal } from './ticket.ts'
import { commitOf, excludeLocally, inspectRepository } from './workspace/index.ts'

export interface OpenProject {
  readonly record: ProjectRecord
  readonly store: Store
  readonly feed: EventFeed
}
interface ProjectsEnv {
  readonly app: AppStore
  readonly stores: StoreOpener
  readonly clock: Clock
  readonly chance: Chance
}

const KEY = /^[A-Z][A-Z0-9]{1,9}$/
export const projectView = ({ id, key, name, path: folder, defaultBranch }: ProjectRecord): ProjectView => ({
  id,
  key,
  name,
  path: folder,
  defaultBranch,
})
/** Folder of a ticket's worktree. */
export const worktreePath = (project: ProjectRecord, ticketId: string): string =>
  path.join(project.path, '.looptroop', 'worktrees', ticketId)

export class Projects {
  readonly #env: ProjectsEnv
  readonly #open = new Map<string, OpenProject>()
  readonly #failed = new Map<string, PartialFailure>()
  readonly #listeners = new Set<(project: OpenProject) => void>()

  constructor(env: ProjectsEnv) {
    this.#env = env
  }

  /** Opens every attached project's database; one that cannot be opened is kept as a failure and harms no other. */
  async openAll(): Promise<void> {
    for (const record of await this.#env.app.listProjects()) {
      try {
        await this.#openOne(record)
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL'
        this.#failed.set(record.id, { projectId: record.id, code, message: messageOf(error) })
      }
    }
  }

  open(): readonly OpenProject[] {
    return [...this.#open.values()]
  }
  failures(): readonly PartialFailure[] {
    return [...this.#failed.values()]
  }
  /** Told of each project that is opened, now and later, until the returned function is called. */
  onOpen(listener: (project: OpenProject) => void): () => void {
    this.#listeners.add(listener)
    for (const project of this.open()) listener(project)
    return () => this.#listeners.delete(listener)
  }

  get(projectId: string): OpenProject {
    const project = this.#open.get(projectId)
    if (project) return project
    const failed = this.#failed.get(projectId)
    throw failed
      ? fail('DATABASE_CORRUPT', { path: projectId, problem: failed.message })
      : fail('PROJECT_UNKNOWN', { projectId, field: 'projectId' })
  }

  ofTicket(ticketId: string): OpenProject {
    const key = ticketId.slice(0, ticketId.lastIndexOf('-'))
    const project = this.open().find((p) => p.record.key === key)
    if (!project) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
    return project
  }

  async attach(input: { path: string; key?: string | undefined; name?: string | undefined }): Promise<ProjectRecord> {
    if (!path.isAbsolute(input.path)) throw fail('INVALID_INPUT', { field: 'path', problem: 'must be an absolute path' })
    if (input.key !== undefined && !KEY.test(input.key))
      throw fail('INVALID_INPUT', { field: 'key', problem: 'must be 2 to 10 capital letters and digits, a letter first' })
    const repository = await inspectRepository(input.path)
    const known = (await this.#env.app.listProjects()).find((p) => p.path === repository.path)
    if (known) return known
    const folder = path.basename(repository.path)
    const key = input.key ?? keyFrom(folder)
    const databaseUrl = `file:${path.join(repository.path, '.looptroop', 'looptroop.db')}`
    const draft = {
      id: `prj_${this.#env.chance.hex(6)}`,
      key,
      name: input.name ?? folder,
      path: repository.path,
      defaultBranch: repository.defaultBranch,
      databaseUrl,
    }
    const taken = (await this.#env.app.listProjects()).find((p) => p.key === key)
    if (taken) throw fail('PROJECT_KEY_TAKEN', { key, path: taken.path, field: 'key' })
    await excludeLocally(repository.path)
    const { store } = await this.#openOne({ ...draft, attachedAt: this.#env.clock.now() })
    // A database that was attached before brings its own identity.
    const record = await this.#env.app.attachProject({ ...draft, id: store.projectId, key: store.projectKey, at: this.#env.clock.now() })
    this.#reopen(draft.id, record)
    return record
  }

  async update(input: {
    projectId: string
    name?: string | undefined
    key?: string | undefined
    defaultBranch?: string | undefined
  }): Promise<ProjectRecord> {
    const { record, store } = this.get(input.projectId)
    if (input.key !== undefined && input.key !== record.key) {
      if ((await store.listTickets({ limit: 1 })).length > 0)
        throw fail('PROJECT_KEY_FIXED', { projectId: record.id, key: record.key, field: 'key' })
      throw fail('INVALID_INPUT', {
        field: 'key',
        problem: 'is fixed when the project is attached; detach it and attach it with another key',
      })
    }
    const { name, defaultBranch } = input
    if (defaultBranch !== undefined) await assertBranch(record.path, defaultBranch)
    const patch = { ...(name === undefined ? {} : { name }), ...(defaultBranch === undefined ? {} : { defaultBranch }) }
    const updated = await this.#env.app.updateProject({ id: record.id, patch, at: this.#env.clock.now() })
    this.#reopen(record.id, updated)
    return updated
  }

  /** Refused while tickets are under way. The database and the branches stay where they are. */
  async detach(projectId: string): Promise<void> {
    const { store, feed } = this.get(projectId)
    const busy = (await store.listTickets()).filter((t) => !isFinal(t) && t.revision > 0 && 'phase' in t)
    if (busy.length > 0) throw fail('PROJECT_BUSY', { projectId, tickets: busy.map((t) => t.id).join(', ') })
    await this.#env.app.detachProject({ id: projectId, at: this.#env.clock.now() })
    this.#open.delete(projectId)
    feed.close()
    await store.close()
  }

  async close(): Promise<void> {
    for (const { store, feed } of this.#open.values()) {
      feed.close()
      await store.close()
    }
    this.#open.clear()
  }

  async #openOne(record: ProjectRecord): Promise<OpenProject> {
    const identity = { projectId: record.id, projectKey: record.key, baseDir: record.path }
    const store = await this.#env.stores.openProject(record.databaseUrl, identity)
    const project = { record, store, feed: createEventFeed(store, this.#env.clock) }
    this.#open.set(record.id, project)
    for (const listener of this.#listeners) listener(project)
    return project
  }

  #reopen(oldId: string, record: ProjectRecord): void {
    const old = this.#open.get(oldId)
    this.#open.delete(oldId)
    if (old) this.#open.set(record.id, { ...old, record })
  }
}

async function assertBranch(folder: string, revision: string): Promise<void> {
  try {
    await commitOf(folder, revision)
  } catch (error) {
    throw isCode(error, 'BRANCH_UNKNOWN')
      ? fail('INVALID_INPUT', { field: 'defaultBranch', problem: `there is no ${revision}` }, error)
      : error
  }
}

/** Letters and digits of the folder's name: `my-auth` → `MYAUTH`. */
function keyFrom(folder: string): string {
  const letters = folder
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .replace(/^[0-9]+/, '')
    .slice(0, 10)
  return KEY.test(letters) ? letters : 'LT'
}
