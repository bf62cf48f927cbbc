/**
 * Durable events of many projects as one stream. Always read from the databases past a vector cursor (one position per
 * project), page by page as the reader takes them: a slow one costs no memory.
 */
import { fail } from '../errors.ts'
import type { AllBatch, AnyEvent } from '../kernel-api.ts'
import type { OpenProject, Projects } from '../projects.ts'

const PAGE = 500
/** In the place of an epoch, when no project has told anything yet. */
const NONE = '0'

/** Projects are known by the epoch of their database: `<epoch>.<position>~<epoch>.<position>`. */
type Vector = Map<string, number>

export interface AllInput {
  readonly projectIds?: readonly string[] | undefined
  readonly lastEventId?: string | undefined
  readonly from?: 'start' | 'now' | undefined
  readonly signal: AbortSignal
}

export async function* followAll(projects: Projects, { projectIds, lastEventId, from, signal }: AllInput): AsyncGenerator<AllBatch, void> {
  for (const id of projectIds ?? []) projects.get(id)
  const wanted = (): readonly OpenProject[] => projects.open().filter(({ record }) => projectIds?.includes(record.id) ?? true)
  const news = new News(projects, signal)
  const vector = lastEventId === undefined ? new Map<string, number>() : parseVector(lastEventId)
  if (lastEventId === undefined && from === 'now') for (const { store } of wanted()) vector.set(store.epoch, await store.lastPosition())
  const { gaps, told } = await strangers(wanted(), vector, lastEventId !== undefined)
  if (gaps.length > 0 || told) yield { id: nameOf(vector), events: [], gaps }
  try {
    while (!signal.aborted) {
      news.forget()
      let full = false
      for await (const events of pages(wanted(), vector)) {
        full ||= events.length === PAGE
        yield { id: nameOf(vector), events, gaps: [] }
      }
      if (!full) await news.wait()
    }
  } finally {
    news.close()
  }
}

/** Positions past the end of a database, or of a database that is gone, belong to another state of it. */
async function strangers(
  projects: readonly OpenProject[],
  vector: Vector,
  resumed: boolean,
): Promise<{ gaps: readonly string[]; told: boolean }> {
  const gaps: string[] = []
  const known = new Set(projects.map(({ store }) => store.epoch))
  const lost = [...vector.keys()].filter((epoch) => !known.has(epoch) && epoch !== NONE)
  for (const { record, store } of projects) {
    const position = vector.get(store.epoch)
    const beyond = position !== undefined && position > (await store.lastPosition())
    if (beyond) vector.delete(store.epoch)
    // With a lost epoch in the id, a project that it does not know may be that one, restored.
    if (beyond || (resumed && position === undefined && lost.length > 0)) gaps.push(record.id)
  }
  for (const epoch of lost) vector.delete(epoch)
  return { gaps, told: !resumed && vector.size > 0 }
}

/** The next page of each project that has one; the vector is past it when it is handed out. */
async function* pages(projects: readonly OpenProject[], vector: Vector): AsyncGenerator<readonly AnyEvent[], void> {
  for (const project of projects) {
    const events = await page(project, vector)
    if (events.length > 0) yield events
  }
}

async function page({ record, store }: OpenProject, vector: Vector): Promise<readonly AnyEvent[]> {
  const rows = await store.allEvents(vector.get(store.epoch) ?? 0, PAGE)
  const last = rows.at(-1)
  if (last) vector.set(store.epoch, last.position)
  return rows.map(({ ticketId, event }) => ({ ...event, ticketId, projectId: record.id }))
}

const nameOf = (vector: Vector): string => [...vector].map(([epoch, position]) => `${epoch}.${position}`).join('~') || `${NONE}.0`

function parseVector(id: string): Vector {
  return new Map(
    id.split('~').map((text) => {
      const dot = text.lastIndexOf('.')
      const position = Number(text.slice(dot + 1))
      if (dot < 1 || !Number.isSafeInteger(position) || position < 0)
        throw fail('INVALID_INPUT', { field: 'lastEventId', problem: 'is not an id of this stream' })
      return [text.slice(0, dot), position] as const
    }),
  )
}

/** Says that some project has appended, or that one was opened. */
class News {
  readonly #signal: AbortSignal
  readonly #offs: (() => void)[] = []
  #fresh = false
  #wake: () => void = () => {}

  constructor(projects: Projects, signal: AbortSignal) {
    this.#signal = signal
    const told = (): void => {
      this.#fresh = true
      this.#wake()
    }
    const off = projects.onOpen(({ store }) => {
      this.#offs.push(store.onAppend(told))
      told()
    })
    this.#offs.push(off)
    signal.addEventListener('abort', told, { once: true })
  }
  forget(): void {
    this.#fresh = this.#signal.aborted
  }
  async wait(): Promise<void> {
    if (!this.#fresh) await new Promise<void>((resolve) => (this.#wake = resolve))
  }
  close(): void {
    for (const off of this.#offs) off()
  }
}
