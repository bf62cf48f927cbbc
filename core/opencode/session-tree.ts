/**
 * Which watched session an event belongs to. A sub-agent works in a session of its own, below its parent's, to any depth;
 * the parents are learnt from `session.created` and, for sessions older than the stream, asked for once.
 */
import { messageOf } from '../errors.ts'
import type { OpencodeEvent, RemoteSession } from './adapter.ts'

export interface SessionTree {
  watch(sessionId: string, listener: (event: OpencodeEvent, owner: string) => void): () => void
  take(event: OpencodeEvent): void
  ownerOf(sessionId: string): string | undefined
  watched(): number
}

export const sessionOf = (event: OpencodeEvent): string | undefined =>
  event.type === 'session.created' ? event.session.id : 'sessionId' in event ? event.sessionId : undefined

/** An event of a session of unknown descent waits for the answer; a flood of them must not fill the memory. */
const LONGEST_WAIT = 10_000

interface TreeOptions {
  readonly getSession: (sessionId: string) => Promise<RemoteSession | null>
  readonly report: (message: string) => void
}

type Listener = (event: OpencodeEvent, owner: string) => void

export function createSessionTree({ getSession, report }: TreeOptions): SessionTree {
  const listeners = new Map<string, Set<Listener>>()
  /** Null: has no parent. Absent: not known. */
  const parents = new Map<string, string | null>()
  /** Events in order of arrival, of sessions whose descent is being asked for. */
  const waiting = new Map<string, OpencodeEvent[]>()
  const climb = (sessionId: string): Descent => climbFrom(sessionId, listeners, parents)

  const deliver = (sessionId: string, event: OpencodeEvent): void => {
    const owner = listeners.has(sessionId) ? sessionId : climb(sessionId).owner
    if (owner !== undefined) listeners.get(owner)?.forEach((listener) => listener(event, owner))
    if (event.type === 'session.deleted') parents.delete(sessionId)
  }
  const learn = async (sessionId: string): Promise<void> => {
    try {
      for (let { unknown } = climb(sessionId); unknown !== undefined; { unknown } = climb(sessionId)) {
        parents.set(unknown, (await getSession(unknown))?.parentId ?? null)
      }
    } catch (error) {
      report(`The parent of session ${sessionId} is not known (${messageOf(error)}); its events were skipped.`)
    }
    const events = waiting.get(sessionId) ?? []
    waiting.delete(sessionId)
    for (const event of events) deliver(sessionId, event)
  }
  const take = (event: OpencodeEvent): void => {
    const sessionId = sessionOf(event)
    if (sessionId === undefined) return
    if (event.type === 'session.created') parents.set(sessionId, event.session.parentId ?? null)
    const queue = waiting.get(sessionId)
    if (queue !== undefined) return queue.length < LONGEST_WAIT ? void queue.push(event) : undefined
    // Nobody watches anything: nothing to ask for.
    if (listeners.size === 0 || listeners.has(sessionId) || climb(sessionId).unknown === undefined) return deliver(sessionId, event)
    waiting.set(sessionId, [event])
    void learn(sessionId)
  }
  return {
    take,
    ownerOf: (sessionId) => climb(sessionId).owner,
    watched: () => listeners.size,
    watch: (sessionId, listener) => addTo(listeners, sessionId, listener),
  }
}

/** The watched session reached first on the way up, or the first one whose parent is not known. */
interface Descent {
  readonly owner?: string
  readonly unknown?: string
}
function climbFrom(sessionId: string, listeners: ReadonlyMap<string, unknown>, parents: ReadonlyMap<string, string | null>): Descent {
  for (let at: string | null = sessionId; at !== null;) {
    if (listeners.has(at)) return { owner: at }
    const parent = parents.get(at)
    if (parent === undefined) return { unknown: at }
    at = parent
  }
  return {}
}

/** Returns what takes it out again. */
export function addTo<T>(map: Map<string, Set<T>>, key: string, value: T): () => void {
  const set = map.get(key) ?? new Set<T>()
  map.set(key, set.add(value))
  return () => {
    set.delete(value)
    if (set.size === 0 && map.get(key) === set) map.delete(key)
  }
}
