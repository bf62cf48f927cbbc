/** The state of the fake OpenCode: records in OpenCode's own shape, and the frames that its event stream would carry. */
import { existsSync, realpathSync } from 'node:fs'
import type { Chance, Clock } from '../../ports.ts'
import type { FakeRule } from './brain.ts'

export type Fields = Record<string, unknown>
export interface FakeMessage {
  readonly info: Fields & { readonly id: string; readonly role: 'user' | 'assistant' }
  readonly parts: Fields[]
}
export interface FakeSession {
  readonly id: string
  readonly directory: string
  readonly info: Fields
  readonly rules: readonly FakeRule[]
  readonly messages: FakeMessage[]
  turn: FakeRun | null
}
/** A running turn. `retrying` is the one state in which an abort leaves no error. */
export interface FakeRun {
  readonly abort: AbortController
  readonly done: Promise<void>
  retrying: boolean
}
/** A question or permission that waits. `settle` is null once its turn is gone: a ghost, listed but without effect. */
export interface Pending {
  readonly id: string
  readonly directory: string
  readonly record: Fields
  settle: ((answer: Answer) => void) | null
}
export type Answer =
  | { readonly kind: 'answers'; readonly answers: readonly (readonly string[])[] }
  | { readonly kind: 'reply'; readonly reply: string; readonly message?: string }
  | { readonly kind: 'rejected' }

export interface FakeState {
  readonly clock: Clock
  readonly sessions: Map<string, FakeSession>
  readonly statuses: Map<string, Fields>
  readonly questions: Map<string, Pending>
  readonly permissions: Map<string, Pending>
  newId(prefix: string): string
  emit(directory: string, type: string, properties: Fields): void
  /** Frames from now on, as JSON text. Ends (`null`) when the server goes. */
  subscribe(take: (frame: string | null) => void): () => void
  endStreams(): void
}

/** These are kept by OpenCode and come twice on the stream, the second time in a `sync` envelope. */
const DURABLE = /^(session\.(created|updated|deleted)|message\.(updated|removed|part\.updated|part\.removed))$/

export function createFakeState(clock: Clock, chance: Chance): FakeState {
  const subscribers = new Set<(frame: string | null) => void>()
  const seqs = new Map<string, number>()
  const send = (frame: Fields): void => {
    const text = JSON.stringify(frame)
    for (const take of subscribers) take(text)
  }
  const newId = (prefix: string): string => `${prefix}_${chance.hex(12)}`
  return {
    clock,
    sessions: new Map(),
    statuses: new Map(),
    questions: new Map(),
    permissions: new Map(),
    newId,
    emit(directory, type, properties) {
      const id = newId('evt')
      // A copy: records go on changing after they were sent.
      const data = structuredClone(properties)
      send({ directory, project: 'fake', payload: { id, type, properties: data } })
      if (!DURABLE.test(type)) return
      const aggregateID = String(data['sessionID'])
      const seq = seqs.get(aggregateID) ?? 0
      seqs.set(aggregateID, seq + 1)
      send({ directory, project: 'fake', payload: { type: 'sync', syncEvent: { id, type: `${type}.1`, seq, aggregateID, data }, id } })
    },
    subscribe(take) {
      subscribers.add(take)
      take(JSON.stringify({ payload: { id: newId('evt'), type: 'server.connected', properties: {} } }))
      return () => subscribers.delete(take)
    },
    endStreams() {
      const all = [...subscribers]
      subscribers.clear()
      for (const take of all) take(null)
    },
  }
}

export function createSession(state: FakeState, directory: string, body: Fields): FakeSession {
  const id = state.newId('ses')
  const now = state.clock.now()
  const rules = (body['permission'] ?? []) as readonly FakeRule[]
  if (rules.some((rule) => !rule.permission || !rule.pattern || !rule.action)) throw new FakeHttpError(400, { _tag: 'BadRequest' })
  const { title, metadata, parentID, permission } = body
  const info: Fields = {
    id,
    directory,
    projectID: 'fake',
    version: '1.18.33',
    title: title ?? 'New session',
    time: { created: now, updated: now },
  }
  for (const [key, value] of Object.entries({ metadata, parentID, permission })) if (value !== undefined) info[key] = value
  const session: FakeSession = { id, directory, info, rules, messages: [], turn: null }
  state.sessions.set(id, session)
  state.emit(directory, 'session.created', { sessionID: id, info })
  return session
}

/** As OpenCode does: symlinks and trailing slashes go; a folder that is missing is taken as it is. */
export const resolveDirectory = (directory: string): string => (existsSync(directory) ? realpathSync(directory) : directory)

/** Refused as the real server does it. */
export class FakeHttpError extends Error {
  override readonly name = 'FakeHttpError'
  readonly status: number
  readonly body: unknown
  constructor(status: number, body: unknown) {
    super(`HTTP ${status}`)
    this.status = status
    this.body = body
  }
}
export const notFound = (message: string): FakeHttpError => new FakeHttpError(404, { name: 'NotFoundError', data: { message } })
export const badRequest = (message: string): FakeHttpError =>
  new FakeHttpError(400, { name: 'BadRequest', data: { message, kind: 'Payload' } })
