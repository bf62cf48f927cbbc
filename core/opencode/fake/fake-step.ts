/** What the fake's loop and its actions share: one step of a turn, its parts, its status, and how it is interrupted. */
import type { FakeFigures } from './brain.ts'
import type { FakeMessage, FakeRun, FakeSession, FakeState, Fields } from './fake-state.ts'

/** One model request and what came of it. */
export interface Step {
  readonly state: FakeState
  readonly session: FakeSession
  readonly run: FakeRun
  readonly message: FakeMessage
  /** As OpenCode words what it took. */
  figures: Fields
}
/** What an action does to its step. `null`: go on. */
export type StepEnd = null | { readonly finish: string; readonly last?: boolean } | { readonly error: Fields }

/** Thrown where a turn waits when it is aborted; not an error. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

export function orInterrupted<T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Interrupted('aborted'))
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}

/** As OpenCode words it; what is null is left out. */
export const figuresOf = ({ input, cost }: FakeFigures): Fields => ({
  ...(input === null ? {} : { tokens: { input, output: 5, reasoning: 0, cache: { read: 0, write: 0 } } }),
  ...(cost === null ? {} : { cost }),
})

export function addPart(here: Step, fields: Fields): Fields {
  const part: Fields = { id: here.state.newId('prt'), sessionID: here.session.id, messageID: here.message.info.id, ...fields }
  here.message.parts.push(part)
  sendPart(here, part)
  return part
}
export const sendPart = (here: Step, part: Fields): void =>
  here.state.emit(here.session.directory, 'message.part.updated', { sessionID: here.session.id, part })

export function setStatus(state: FakeState, session: FakeSession, status: Fields): void {
  state.statuses.set(session.id, status)
  state.emit(session.directory, 'session.status', { sessionID: session.id, status })
}
export function setIdle(state: FakeState, session: FakeSession): void {
  state.statuses.delete(session.id)
  state.emit(session.directory, 'session.status', { sessionID: session.id, status: { type: 'idle' } })
  state.emit(session.directory, 'session.idle', { sessionID: session.id })
}
