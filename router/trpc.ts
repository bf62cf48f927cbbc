/** The tRPC instance: what a request carries, who may call, and how errors leave. */
import { initTRPC, TRPCError } from '@trpc/server'
import { fail, type Kernel } from '#core'
import { toStreamError, toTrpcError, viewOf } from './errors.ts'

/** What every call has at hand. Exported because the client's types name it. */
export interface Ctx {
  readonly kernel: Kernel
  /** The right token was presented. */
  readonly authorized: boolean
  /** Resolves when the reader of a subscription has room again; WebSocket has no back-pressure of its own. */
  readonly drained: (signal: AbortSignal) => Promise<void>
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

/** Every procedure: the token, then errors of the kernel in tRPC's words. */
export const procedure = t.procedure.use(async ({ ctx, next }) => {
  if (!ctx.authorized) throw toTrpcError(fail('TOKEN_WRONG'))
  const result = await next()
  if (!result.ok) throw toTrpcError(result.error)
  return result
})

/** A subscription's generator with its errors translated; ends quietly when the reader has gone. */
export async function* stream<T>(source: AsyncIterable<T>, { ctx, signal }: { ctx: Ctx; signal: AbortSignal }): AsyncGenerator<T, void> {
  try {
    for await (const value of source) {
      yield value
      await ctx.drained(signal)
      if (signal.aborted) return
    }
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof TRPCError ? error : toStreamError(error)
  }
}

/** tRPC gives one to every subscription; the type allows for none. */
export const signalOf = (signal: AbortSignal | undefined): AbortSignal => signal ?? new AbortController().signal
