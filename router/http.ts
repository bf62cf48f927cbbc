/** The HTTP half: what every answer carries, who is refused before tRPC sees anything, and the tRPC handler. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { fail } from '#core'
import { appRouter } from './app.ts'
import type { Door } from './door.ts'
import { toTrpcError } from './errors.ts'
import { eventStreams, subscriptionOf, urlOf } from './event-stream.ts'
import { answerPlain, isPlainPath } from './plain/routes.ts'
import { answer, answerPlainly } from './refusal.ts'
import { bearerOf } from './token.ts'
import { unlimited, type Ctx } from './trpc.ts'

export const TRPC_PATH = '/trpc'
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])

export const isTrpcPath = (url: string | undefined): boolean => /^\/trpc(?:[/?]|$)/.test(url ?? '')

export function httpListener(door: Door): (request: IncomingMessage, response: ServerResponse) => void {
  const { kernel, limits, onError } = door
  const ctx: Ctx = { kernel, authorized: true, depth: limits.depth, ...unlimited }
  const trpc = createHTTPHandler({
    router: appRouter,
    basePath: `${TRPC_PATH}/`,
    createContext: () => ctx,
    maxBodySize: limits.body,
    maxBatchSize: limits.batch,
    onError,
  })
  const streams = eventStreams({ ctx, door })
  return (request, response) => {
    guardHeaders(response)
    const plain = isPlainPath(request.url)
    const refuse = plain ? answerPlainly : answer
    const stranger = door.admit(request)
    if (stranger !== null) return refuse(response, toTrpcError(stranger))
    if (request.headers.origin !== undefined) shareWith(response, request.headers.origin)
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    const refused = refusal(door, request)
    if (refused !== null) return refuse(response, refused)
    if (plain) return void answerPlain({ door, request, response })
    const subscription = subscriptionOf(request)
    if (subscription === null) trpc(request, response)
    else streams(request, response, subscription)
  }
}

/** Before a body is read. Over WebSocket the token may come later, and each call looks for itself. */
function refusal({ tokenIsRight, throttle }: Door, request: IncomingMessage): TRPCError | null {
  if (!isPlainPath(request.url) && !isTrpcPath(request.url))
    return new TRPCError({
      code: 'NOT_FOUND',
      message: `Nothing is served at ${request.url}; calls go to ${TRPC_PATH}, plain HTTP to /api.`,
    })
  if (!URL.canParse(request.url ?? '', 'http://localhost'))
    return toTrpcError(fail('INVALID_INPUT', { field: 'url', problem: 'is not a URL' }))
  if (!METHODS.has(request.method ?? ''))
    return new TRPCError({ code: 'METHOD_NOT_SUPPORTED', message: `${request.method} is not answered here.` })
  const token = bearerOf(request.headers.authorization)
  if (token === null || !tokenIsRight(token)) return toTrpcError(fail('TOKEN_WRONG'))
  try {
    throttle.spend(token, request.method === 'POST' ? 'writes' : 'reads', callsIn(request))
    return null
  } catch (problem) {
    return toTrpcError(problem)
  }
}

/** A batch names its calls in the path. */
function callsIn(request: IncomingMessage): number {
  const { pathname, searchParams } = urlOf(request)
  return searchParams.has('batch') ? pathname.split(',').length : 1
}

/** Nothing here is a page: not to be cached, framed, sniffed or run. */
function guardHeaders(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('x-frame-options', 'DENY')
  response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  response.setHeader('cache-control', 'no-store')
}

function shareWith(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-allow-methods', 'GET, POST')
  response.setHeader('access-control-allow-headers', 'authorization, content-type, last-event-id')
  response.setHeader('access-control-expose-headers', 'retry-after')
  response.setHeader('access-control-max-age', '600')
}
