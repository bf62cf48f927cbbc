/** The tRPC instance: what a request carries, who may call, and how errors leave. */
import { initTRPC, TRPCError } from '@trpc/server'
import { fail, type Kernel } from '#core'
import { assertSane } from './sane.ts'
import { toStreamError, toTrpcError, viewOf } from './errors.ts'
import type { CallKind } from './throttle.ts'

/** What every call has at hand. Exported because the client's types name it. */
export interface Ctx {
  readonly kernel: Kernel
  /** The right token was presented. */
  readonly authorized: boolean
  /** How deep an input may be. */
  readonly depth: number
  /** Resolves when the reader of a subscription has room again, undefined when it has; WebSocket has no back-pressure of its own. */
  readonly drained: (signal: AbortSignal) => Promise<void> | undefined
  /** Throws when the token has called too often. */
  readonly spend: (kind: CallKind) => void
  /** Throws when the connection has too many subscriptions; else gives the way to end this one. */
  readonly subscribe: () => () => void
}

/** Over HTTP the whole request was counted before, and each stream is a connection. */
export const unlimited: Pick<Ctx, 'drained' | 'spend' | 'subscribe'> = {
  drained: () => undefined,
  spend: () => undefined,
  subscribe: () => () => undefined,
}

export const PING_MS = 10_000
/** A reader over server-sent events that hears nothing for so long connects again, with the last id it saw. */
export const SILENCE_MS = 2.5 * PING_MS

const t = initTRPC.context<Ctx>().create({
  isDev: false,
  errorFormatter: ({ shape, error }) => {
    const { message, view } = viewOf(error)
    return { ...shape, message, data: { ...shape.data, ...view } }
  },
  sse: { ping: { enabled: true, intervalMs: PING_MS }, client: { reconnectAfterInactivityMs: SILENCE_MS } },
})

export const { router, createCallerFactory } = t

/** Every procedure: the token, how often and how deep, then errors of the kernel in tRPC's words. */
export const procedure = t.procedure.use(async ({ ctx, type, getRawInput, next }) => {
  if (!ctx.authorized) throw toTrpcError(fail('TOKEN_WRONG'))
  try {
    ctx.spend(type === 'mutation' ? 'writes' : 'reads')
    assertSane(await getRawInput(), ctx.depth)
  } catch (error) {
    throw toTrpcError(error)
  }
  const result = await next()
  if (!result.ok) throw toTrpcError(result.error)
  return result
})

interface Reading {
  readonly ctx: Ctx
  readonly signal: AbortSignal
}
/** Given a value: nothing while there is room for more, else when there is again. */
type Give<T> = (value: T) => Promise<void> | undefined
interface Source<S> extends AsyncIterable<S> {
  /** Hands its values over as they come, without a promise for each. */
  into?(take: Give<S>): Promise<void>
}
/** What a subscription gives: to be iterated, as tRPC does, or handed over, which every reader pays less for. */
export class Stream<T> implements AsyncIterable<T> {
  readonly #pour: (give: Give<T>) => Promise<void>
  readonly #iterate: () => AsyncGenerator<T, void>

  constructor(pour: (give: Give<T>) => Promise<void>, iterate: () => AsyncGenerator<T, void>) {
    this.#pour = pour
    this.#iterate = iterate
  }
  /** Ends when the reader has gone. */
  into(give: Give<T>): Promise<void> {
    return this.#pour(give)
  }
  [Symbol.asyncIterator](): AsyncGenerator<T, void> {
    return this.#iterate()
  }
}

/** A subscription's values with their errors translated; ends quietly when the reader has gone. */
export const stream = <T>(source: AsyncIterable<T>, reading: Reading): Stream<T> => streamOf(source, (value) => value, reading)

/** The same, each value as the reader gets it. */
export function streamOf<S, T>(source: Source<S>, shape: (value: S) => T, { ctx, signal }: Reading): Stream<T> {
  const leave = ctx.subscribe()
  // One that is stopped before it is read never comes to its end.
  signal.addEventListener('abort', leave, { once: true })
  const reading = { ctx, signal, leave }
  return new Stream(
    (give) => handOver(source, (value) => give(shape(value)) ?? ctx.drained(signal), reading),
    () => translated(source, shape, reading),
  )
}

async function handOver<S>(source: Source<S>, take: Give<S>, { signal, leave }: Leaving): Promise<void> {
  try {
    if (source.into) return await source.into(take)
    for await (const value of source) {
      if (signal.aborted) return
      await take(value)
    }
  } catch (error) {
    if (!signal.aborted) throw said(error)
  } finally {
    leave()
  }
}

interface Leaving extends Reading {
  readonly leave: () => void
}
async function* translated<S, T>(source: Source<S>, shape: (value: S) => T, { ctx, signal, leave }: Leaving): AsyncGenerator<T, void> {
  try {
    for await (const value of source) {
      yield shape(value)
      await ctx.drained(signal)
      if (signal.aborted) return
    }
  } catch (error) {
    if (!signal.aborted) throw said(error)
  } finally {
    leave()
  }
}
const said = (error: unknown): TRPCError => (error instanceof TRPCError ? error : toStreamError(error))

/** tRPC gives one to every subscription; the type allows for none. */
export const signalOf = (signal: AbortSignal | undefined): AbortSignal => signal ?? new AbortController().signal
