/**
 * Subscriptions as server-sent events, in tRPC's own words on the wire (`httpSubscriptionLink` cannot tell the difference):
 * the same procedure is called, and its batches are written as they are. tRPC's way leads each event through six streams
 * and costs some twenty times as much at a hundred readers. Besides, it never says `retry:`, so that clients stay away
 * for three seconds after each cut.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { callTRPCProcedure, getTRPCErrorFromUnknown, getTRPCErrorShape, isTrackedEnvelope, TRPCError } from '@trpc/server'
import { appRouter } from './app.ts'
import type { Door } from './door.ts'
import { eventFrame, jsonOf } from './encode.ts'
import { toTrpcError } from './errors.ts'
import { answer } from './refusal.ts'
import { PING_MS, SILENCE_MS, type Ctx, type Stream } from './trpc.ts'

/** How soon a client comes back that was cut off. */
const RETRY_MS = 200

interface StreamOptions {
  readonly ctx: Ctx
  readonly door: Door
}
type Procedures = Readonly<Record<string, { readonly _def: { readonly type: string } }>>

/** The subscription that a request asks for, null when it is something else. */
export function subscriptionOf(request: IncomingMessage): string | null {
  if (request.method !== 'GET') return null
  const path = urlOf(request).pathname.slice('/trpc/'.length)
  return isSubscription(path) ? path : null
}

export function isSubscription(path: string): boolean {
  const procedures = appRouter._def.procedures as unknown as Procedures
  return Object.hasOwn(procedures, path) && procedures[path]?._def.type === 'subscription'
}

export const eventStreams =
  ({ ctx, door }: StreamOptions) =>
  (request: IncomingMessage, response: ServerResponse, path: string): void => {
    const leaving = new AbortController()
    try {
      response.once('close', door.streams.take()).once('close', () => leaving.abort())
    } catch (problem) {
      return answer(response, toTrpcError(problem))
    }
    openStream(response)
    response.write(`event: connected\ndata: ${JSON.stringify({ reconnectAfterInactivityMs: SILENCE_MS })}\n\n`)
    const reader = { signal: leaving.signal, stalledMs: door.limits.stalledMs }
    pump(response, () => call(request, { path, ctx, signal: leaving.signal }), reader).catch((cause: unknown) => {
      if (leaving.signal.aborted) return
      const error = getTRPCErrorFromUnknown(cause)
      door.onError({ path, error })
      const shape = getTRPCErrorShape({ config: appRouter._def._config, error, type: 'subscription', path, input: undefined, ctx })
      response.end(`event: serialized-error\ndata: ${JSON.stringify(shape)}\n\n`)
    })
  }

/** Head of any stream of events, with its pings until it closes. */
export function openStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no', connection: 'keep-alive' })
  response.write(`retry: ${RETRY_MS}\n\n`)
  const ping = setInterval(() => {
    if (!response.writableNeedDrain) response.write('event: ping\ndata: \n\n')
  }, PING_MS)
  response.once('close', () => clearInterval(ping))
}

interface StreamReader {
  /** It has gone. */
  readonly signal: AbortSignal
  readonly stalledMs: number
}

/** Resolves when the reader has taken what was written, or has gone. One that takes nothing is hung up on: it comes back with its id. */
export async function drained(response: ServerResponse, { signal, stalledMs }: StreamReader): Promise<void> {
  if (!response.writableNeedDrain || signal.aborted) return
  await new Promise<void>((resolve) => {
    const stalled = setTimeout(() => response.destroy(), stalledMs)
    const end = (): void => {
      clearTimeout(stalled)
      response.off('drain', end)
      signal.removeEventListener('abort', end)
      resolve()
    }
    response.once('drain', end)
    signal.addEventListener('abort', end, { once: true })
  })
}

async function pump(response: ServerResponse, open: () => Promise<Stream<unknown>>, reader: StreamReader): Promise<void> {
  const values = await open()
  await values.into((value) => {
    response.write(isTrackedEnvelope(value) ? eventFrame(value[0], value[1]) : `data: ${jsonOf(value)}\n\n`)
    return response.writableNeedDrain ? drained(response, reader) : undefined
  })
  if (!reader.signal.aborted) response.end('event: return\ndata: \n\n')
}

async function call(
  request: IncomingMessage,
  { path, ctx, signal }: { path: string; ctx: Ctx; signal: AbortSignal },
): Promise<Stream<unknown>> {
  const getRawInput = (): Promise<unknown> => Promise.resolve(inputOf(request))
  return (await callTRPCProcedure({
    router: appRouter,
    type: 'subscription',
    ...{ path, ctx, signal, getRawInput, batchIndex: 0 },
  })) as Stream<unknown>
}

/** The id of the header is newer than the one in the URL, which a reconnecting source repeats as it was. */
function inputOf(request: IncomingMessage): unknown {
  const { searchParams } = urlOf(request)
  const lastEventId = request.headers['last-event-id'] ?? searchParams.get('lastEventId') ?? searchParams.get('Last-Event-Id')
  const given = parsed(searchParams.get('input'))
  return typeof lastEventId === 'string' && lastEventId !== '' ? { ...(given as object | undefined), lastEventId } : given
}

function parsed(text: string | null): unknown {
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: '`input` is not JSON.', cause })
  }
}

export const urlOf = (request: IncomingMessage): URL => new URL(request.url ?? '/', 'http://localhost')
