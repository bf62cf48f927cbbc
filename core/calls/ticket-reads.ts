/** Reading calls about tickets. They change nothing and ask nothing outside the databases (but `diff`, which asks git). */
import { fail, messageOf } from '../errors.ts'
import type { PartialFailure, TicketCalls, TicketView } from '../kernel-api.ts'
import { worktreePath } from '../projects.ts'
import type { OpenProject, Projects } from '../projects.ts'
import { ticketPages } from '../ticket-pages.ts'
import { isDraft } from '../ticket.ts'
import type { ListedTicket, Ticket, TicketStatus } from '../ticket.ts'
import { artifactHead, artifactView, ticketView, turnView } from '../views.ts'
import { ticketCosts } from './costs.ts'
import { diffOfBranch } from '../workspace/index.ts'

type Reads = Pick<
  TicketCalls,
  'get' | 'list' | 'artifacts' | 'artifact' | 'attempts' | 'sessions' | 'turns' | 'costs' | 'beads' | 'diff' | 'errors' | 'lease'
>
const PAGE = 50
const MAX_PAGE = 500
const MAX_DIFF = 200_000
/** A project database that does not answer in time neither fails nor delays a list. */
const PROJECT_BOUND_MS = 2_000

export function ticketReads(projects: Projects): Reads {
  const storeOf = (ticketId: string): OpenProject['store'] => projects.ofTicket(ticketId).store
  const known = async (ticketId: string): Promise<Ticket> => {
    const ticket = await storeOf(ticketId).getTicket(ticketId)
    if (!ticket) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
    return ticket
  }
  return {
    get: async (ticketId) => ticketView(await known(ticketId)),
    list: (filter) => list(projects, filter),
    artifacts: async (ticketId) => (await storeOf((await known(ticketId)).id).artifacts(ticketId)).map(artifactHead),
    artifact: async ({ ticketId, kind, ...rest }) => {
      await known(ticketId)
      const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
      const found = await storeOf(ticketId).artifact(ticketId, { kind, ...given })
      if (!found) throw fail('ARTIFACT_MISSING', { ticketId, kind, field: 'kind' })
      return artifactView(found)
    },
    attempts: async (ticketId) => storeOf((await known(ticketId)).id).attempts(ticketId),
    sessions: async (ticketId) => storeOf((await known(ticketId)).id).sessions(ticketId),
    turns: async (ticketId) => {
      const store = storeOf((await known(ticketId)).id)
      const slots = new Map((await store.sessions(ticketId)).map((s) => [s.nonce, s.slot]))
      return (await store.turns(ticketId)).map((t) => turnView(t, slots.get(t.sessionNonce) ?? null))
    },
    costs: (ticketId) => ticketCosts(projects, ticketId),
    beads: async (ticketId) => storeOf((await known(ticketId)).id).items(ticketId),
    diff: async ({ ticketId, maxChars }) => {
      const ticket = await known(ticketId)
      if (isDraft(ticket) || ticket.branch === undefined || ticket.baseCommit === undefined)
        return { patch: '', stat: '', truncated: false }
      const { record } = projects.ofTicket(ticketId)
      const range = { branch: ticket.branch, base: ticket.baseCommit, worktree: worktreePath(record, ticketId) }
      return diffOfBranch(record.path, { ...range, maxChars: Math.min(maxChars ?? MAX_DIFF, MAX_DIFF) })
    },
    errors: async (ticketId) => storeOf((await known(ticketId)).id).errors(ticketId),
    lease: async (ticketId) => storeOf((await known(ticketId)).id).lease(ticketId),
  }
}

type ListFilter = Parameters<TicketCalls['list']>[0]

/** Newest project first within a page; the cursor is `<project index>:<number>` of the last ticket shown. */
async function list(
  projects: Projects,
  filter: ListFilter,
): Promise<{ items: readonly TicketView[]; nextCursor?: string; errors: readonly PartialFailure[] }> {
  const limit = Math.min(Math.max(filter.limit ?? PAGE, 1), MAX_PAGE)
  const from = parseCursor(filter.cursor)
  const chosen = filter.projectId === undefined ? projects.open() : [projects.get(filter.projectId)]
  const items: TicketView[] = []
  const errors: PartialFailure[] = filter.projectId === undefined ? [...projects.failures()] : []
  for (const [index, project] of chosen.entries()) {
    if (index < from.index) continue
    const after = index === from.index ? from.after : 0
    const found = await bounded(project, { after, limit: limit - items.length + 1, status: filter.status }, errors)
    for (const ticket of found) {
      const last = items.at(-1)
      if (items.length === limit) return { items, nextCursor: cursorAfter(chosen, last), errors }
      items.push(ticketView(ticket))
    }
  }
  return { items, errors }
}

async function bounded(
  project: OpenProject,
  query: { after: number; limit: number; status?: TicketStatus | undefined },
  errors: PartialFailure[],
): Promise<readonly ListedTicket[]> {
  const { status, ...rest } = query
  const timer = new AbortController()
  try {
    const late = new Promise<never>((_, reject) => {
      const id = setTimeout(
        () => reject(fail('DATABASE_BUSY', { path: project.record.databaseUrl, ms: PROJECT_BOUND_MS })),
        PROJECT_BOUND_MS,
      )
      timer.signal.addEventListener('abort', () => clearTimeout(id), { once: true })
    })
    const pages = ticketPages(project.store, { ...rest, ...(status === undefined ? {} : { status: [status] }) })
    return await Promise.race([allOf(pages), late])
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'INTERNAL'
    errors.push({ projectId: project.record.id, code, message: messageOf(error) })
    return []
  } finally {
    timer.abort()
  }
}

async function allOf(pages: AsyncIterable<readonly ListedTicket[]>): Promise<readonly ListedTicket[]> {
  const all: ListedTicket[] = []
  for await (const page of pages) all.push(...page)
  return all
}

function cursorAfter(chosen: readonly OpenProject[], last: TicketView | undefined): string {
  const index = chosen.findIndex((p) => p.record.id === last?.projectId)
  return `${index}:${last?.id.split('-').at(-1) ?? 0}`
}

function parseCursor(cursor: string | undefined): { index: number; after: number } {
  if (cursor === undefined) return { index: 0, after: 0 }
  const [index, after] = cursor.split(':').map(Number)
  if (index === undefined || after === undefined || !Number.isInteger(index) || !Number.isInteger(after))
    throw fail('INVALID_INPUT', { field: 'cursor', problem: 'is not one that tickets.list returned' })
  return { index, after }
}
