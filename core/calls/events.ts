/** Reading a ticket's events: pages of the log, and the log followed by what is live. */
import { fail } from '../errors.ts'
import { followAll } from '../events/all.ts'
import type { EventBatch, EventStream, Kernel } from '../kernel-api.ts'
import type { OpenProject, Projects } from '../projects.ts'

const PAGE = 200
const MAX_PAGE = 1_000

export function eventCalls(projects: Projects): Kernel['events'] {
  const open = async (ticketId: string): Promise<OpenProject> => {
    const project = projects.ofTicket(ticketId)
    if (!(await project.store.getTicket(ticketId))) throw fail('TICKET_UNKNOWN', { ticketId, field: 'ticketId' })
    return project
  }
  return {
    history: async ({ ticketId, after, limit }) => {
      const { store } = await open(ticketId)
      const position = parseId(after)
      if (position && position.epoch !== store.epoch)
        throw fail('INVALID_INPUT', { field: 'after', problem: 'is not an id of this database' })
      const wanted = Math.min(Math.max(limit ?? PAGE, 1), MAX_PAGE)
      const found = await store.events(ticketId, position?.seq ?? 0, wanted + 1)
      const items = found.slice(0, wanted)
      const last = items.at(-1)
      return { items, ...(found.length > wanted && last ? { next: last.id } : {}) }
    },
    follow: ({ ticketId, lastEventId, signal }) =>
      opened(async () => {
        const { store, feed } = await open(ticketId)
        const position = parseId(lastEventId, 'lastEventId')
        const known = position === null || (position.epoch === store.epoch && position.seq <= (await store.lastSeq(ticketId)))
        const gap = known ? null : 'the presented id is of another state of this database; everything is told anew'
        return feed.follow({ ticketId, after: known ? (position?.seq ?? 0) : 0, gap, signal })
      }),
    followAll: (input) => followAll(projects, input),
  }
}

/** What has to be opened first, with its first value. A generator in between would cost every reader of every batch. */
function opened(open: () => Promise<Required<EventStream>>): EventStream {
  return {
    into: async (take) => (await open()).into(take),
    [Symbol.asyncIterator]: () => {
      let inner: AsyncIterator<EventBatch> | null = null
      const first = async (): Promise<IteratorResult<EventBatch>> => {
        inner = (await open())[Symbol.asyncIterator]()
        return inner.next()
      }
      return {
        next: () => inner?.next() ?? first(),
        return: async () => (await inner?.return?.()) ?? { done: true, value: undefined },
      }
    },
  }
}

/** `<epoch>.<seq>` */
function parseId(id: string | undefined, field = 'after'): { epoch: string; seq: number } | null {
  if (id === undefined) return null
  const dot = id.lastIndexOf('.')
  const seq = Number(id.slice(dot + 1))
  if (dot < 1 || !Number.isSafeInteger(seq) || seq < 0) throw fail('INVALID_INPUT', { field, problem: 'is not an event id' })
  return { epoch: id.slice(0, dot), seq }
}
