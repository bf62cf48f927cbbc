/**
 * ONE event stream per OpenCode server, whatever the number of tickets: kept connected, watched, and demultiplexed to
 * whoever watches a session. Events of a sub-agent's session go to the watcher of the session it descends from.
 * Events are hints: what happened while the stream was away is lost, so listeners re-read on `connected`.
 */
import { messageOf } from '../errors.ts'
import type { Chance, Clock } from '../ports.ts'
import type { OpencodeAdapter, OpencodeEvent } from './adapter.ts'
import { addTo, createSessionTree, sessionOf } from './session-tree.ts'

export type SessionListener = (event: OpencodeEvent, ownerSessionId: string) => void
export type DirectoryListener = (event: OpencodeEvent) => void
export type StreamListener = (change: StreamChange) => void
export type StreamChange = { readonly type: 'connected' } | { readonly type: 'lost'; readonly reason: string }

export interface HubState {
  readonly connected: boolean
  /** Epoch ms of the last change of `connected`. */
  readonly since: number
  readonly connections: number
  readonly lastFrameAt: number | null
  readonly lastProblem: string | null
  readonly watchedSessions: number
}

export interface EventHub {
  /** Begins to connect, and keeps at it until `close()`. Calling it again does nothing. */
  start(): void
  /** Resolves once the stream is live; rejects with the signal's reason. */
  ready(signal?: AbortSignal): Promise<void>
  /** Events of the session and of all sessions below it. Returns what ends it. */
  watch(sessionId: string, listener: SessionListener): () => void
  /** Events of a directory that belong to no session (`file.edited`). The path as OpenCode resolved it. */
  watchDirectory(directory: string, listener: DirectoryListener): () => void
  onStream(listener: StreamListener): () => void
  /** The watched session that this one is or descends from, as far as is known without asking. */
  ownerOf(sessionId: string): string | undefined
  state(): HubState
  close(): Promise<void>
}

export interface EventHubOptions {
  readonly adapter: Pick<OpencodeAdapter, 'subscribeToEvents' | 'getSession'>
  readonly clock: Clock
  readonly chance: Pick<Chance, 'random'>
  readonly onDiagnostic?: ((message: string) => void) | undefined
}

/** OpenCode's heartbeat comes every 10 s. A half-open connection would otherwise be noticed after 300 s (measured). */
export const SILENCE_MS = 25_000
const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 5_000

export function createEventHub(options: EventHubOptions): EventHub {
  const { adapter, clock, chance } = options
  const report = (message: string): void => options.onDiagnostic?.(message)
  const closing = new AbortController()
  const directories = new Map<string, Set<DirectoryListener>>()
  const tree = createSessionTree({ getSession: (id) => adapter.getSession(id, { signal: closing.signal }), report })
  const stream = createStreamState(clock, report)
  let running: Promise<void> | undefined

  const take = (event: OpencodeEvent): void => {
    if (event.type === 'stream.connected') return stream.connected()
    if (sessionOf(event) !== undefined) return tree.take(event)
    for (const listener of directories.get(event.directory ?? '') ?? []) guarded(report, () => listener(event))
  }
  const run = async (): Promise<void> => {
    for (let failures = 0; !closing.signal.aborted; failures++) {
      const before = stream.state().connections
      stream.lost(await readConnection({ adapter, clock, closing: closing.signal, seen: () => stream.seen(), take }))
      if (stream.state().connections > before) failures = 0
      const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 10))
      await clock.sleep(delay * (0.5 + chance.random() / 2), closing.signal)
    }
  }
  return {
    start: () => void (running ??= run()),
    ready: (signal) => stream.ready(signal),
    watch: (sessionId, listener) => tree.watch(sessionId, (event, owner) => guarded(report, () => listener(event, owner))),
    watchDirectory: (directory, listener) => addTo(directories, directory, listener),
    onStream: (listener) => stream.listen(listener),
    ownerOf: (sessionId) => tree.ownerOf(sessionId),
    state: () => ({ ...stream.state(), watchedSessions: tree.watched() }),
    close: async () => {
      closing.abort()
      await running
    },
  }
}

interface StreamState {
  connected(): void
  /** Told to listeners only when it was connected. */
  lost(reason: string): void
  seen(): void
  listen(listener: StreamListener): () => void
  ready(signal?: AbortSignal): Promise<void>
  state(): Omit<HubState, 'watchedSessions'>
}

function createStreamState(clock: Clock, report: (message: string) => void): StreamState {
  const listeners = new Set<StreamListener>()
  const state = {
    connected: false,
    since: clock.now(),
    connections: 0,
    lastFrameAt: null as number | null,
    lastProblem: null as string | null,
  }
  const change = (to: StreamChange): void => {
    Object.assign(state, { connected: to.type === 'connected', since: clock.now() })
    for (const listener of listeners) guarded(report, () => listener(to))
  }
  return {
    connected: () => {
      state.connections++
      change({ type: 'connected' })
    },
    lost: (reason) => {
      state.lastProblem = reason
      if (state.connected) change({ type: 'lost', reason })
    },
    seen: () => void (state.lastFrameAt = clock.now()),
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    ready: (signal) => whenReady(listeners, () => state.connected, signal),
    state: () => ({ ...state }),
  }
}

interface Connection {
  readonly adapter: Pick<OpencodeAdapter, 'subscribeToEvents'>
  readonly clock: Clock
  readonly closing: AbortSignal
  /** Something came. */
  readonly seen: () => void
  readonly take: (event: OpencodeEvent) => void
}

/** Reads one connection to its end, however it ends; says why. A reader that ignores its signal is left behind. */
async function readConnection({ adapter, clock, closing, seen, take }: Connection): Promise<string> {
  const round = new AbortController()
  const leave = (): void => round.abort('closed')
  closing.addEventListener('abort', leave, { once: true })
  if (closing.aborted) leave()
  const nextOf = orAborted(round.signal)
  const takeAll = (list: readonly OpencodeEvent[]): void => {
    for (const event of list) if (!round.signal.aborted) take(event)
  }
  const watchdog = startWatchdog(clock, round)
  const events = adapter.subscribeToEvents({ signal: round.signal })[Symbol.asyncIterator]()
  try {
    while (!round.signal.aborted) {
      const next = await nextOf(events.next())
      if (next === 'aborted') break
      if (next.done) return 'the server ended the stream'
      watchdog.seen()
      seen()
      takeAll(next.value)
    }
    return String(round.signal.reason)
  } catch (error) {
    return messageOf(error)
  } finally {
    closing.removeEventListener('abort', leave)
    round.abort('ended')
    // It was told to end by its signal; whether it manages to is not waited for.
    events.return?.()?.catch(() => undefined)
  }
}

/** Not a race with one promise of the abort: that would hold on to something of every value that ever came. */
function orAborted(signal: AbortSignal): <T>(work: Promise<T>) => Promise<T | 'aborted'> {
  let leave = (): void => {}
  signal.addEventListener('abort', () => leave(), { once: true })
  return (work) =>
    new Promise((resolve, reject) => {
      leave = () => resolve('aborted')
      work.then(resolve, reject)
      if (signal.aborted) leave()
    })
}

function startWatchdog(clock: Clock, round: AbortController): { seen: () => void } {
  let last = clock.monotonic()
  const watch = async (): Promise<void> => {
    while (!round.signal.aborted) {
      const left = last + SILENCE_MS - clock.monotonic()
      if (left <= 0) return round.abort(`no frame for ${SILENCE_MS} ms`)
      await clock.sleep(left, round.signal)
    }
  }
  void watch()
  return { seen: () => void (last = clock.monotonic()) }
}

function whenReady(listeners: Set<StreamListener>, connected: () => boolean, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (connected()) return resolve()
    if (signal?.aborted) return reject(signal.reason as Error)
    const end = (done: () => void) => (): void => {
      listeners.delete(onChange)
      signal?.removeEventListener('abort', onAbort)
      done()
    }
    const onAbort = end(() => reject(signal?.reason as Error))
    const onReady = end(resolve)
    const onChange: StreamListener = (change) => (change.type === 'connected' ? onReady() : undefined)
    listeners.add(onChange)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** A listener that fails, at once or later, is reported and harms nobody else. */
function guarded(report: (message: string) => void, call: () => unknown): void {
  try {
    const result = call()
    if (result instanceof Promise) result.catch((error: unknown) => report(failureOf(error)))
  } catch (error) {
    report(failureOf(error))
  }
}

const failureOf = (error: unknown): string => `A listener of OpenCode events failed: ${messageOf(error)}`
