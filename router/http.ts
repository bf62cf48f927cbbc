/** The HTTP half: what every answer carries, who is refused before tRPC sees anything, and the tRPC handler. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TRPCError } from '@trpc/server'
import { createHTTPHandler } from '@trpc/server/adapters/standalone'
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc'
import { getHTTPStatusCodeFromError } from '@trpc/server/http'
import { fail, type Kernel, type LoopTroopError } from '#core'
import { appRouter } from './app.ts'
import { toTrpcError, viewOf } from './errors.ts'
import { eventStreams, subscriptionOf } from './event-stream.ts'
import { answerPlain, isPlainPath } from './plain/routes.ts'
import { bearerOf, type TokenCheck } from './token.ts'
import type { Ctx } from './trpc.ts'

export const TRPC_PATH = '/trpc'
const MAX_BODY = 1024 * 1024
export const MAX_BATCH = 20

interface HttpOptions {
  readonly kernel: Kernel
  readonly context: (authorized: boolean) => Ctx
  readonly admit: (request: IncomingMessage) => LoopTroopError | null
  readonly tokenIsRight: TokenCheck
  readonly onError: (problem: { path: string | undefined; error: TRPCError }) => void
}

export const isTrpcPath = (url: string | undefined): boolean => /^\/trpc(?:[/?]|$)/.test(url ?? '')

export function httpListener({
  kernel,
  context,
  admit,
  tokenIsRight,
  onError,
}: HttpOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const trpc = createHTTPHandler({
    router: appRouter,
    basePath: `${TRPC_PATH}/`,
    createContext: () => context(true),
    maxBodySize: MAX_BODY,
    maxBatchSize: MAX_BATCH,
    onError,
  })
  const streams = eventStreams({ context, onError })
  return (request, response) => {
    guardHeaders(response)
    const refused = admit(request)
    if (refused !== null) return answer(response, toTrpcError(refused))
    if (request.headers.origin !== undefined) shareWith(response, request.headers.origin)
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    const plain = isPlainPath(request.url)
    if (!plain && !isTrpcPath(request.url))
      return answer(
        response,
        new TRPCError({ code: 'NOT_FOUND', message: `Nothing is served at ${request.url}; calls go to ${TRPC_PATH}, plain HTTP to /api.` }),
      )
    // Before a body is read; over WebSocket, where the token may come later, each procedure looks.
    if (!tokenIsRight(bearerOf(request.headers.authorization))) return answer(response, toTrpcError(fail('TOKEN_WRONG')))
    if (plain) return void answerPlain(kernel, { request, response }, onError)
    const subscription = subscriptionOf(request)
    if (subscription === null) trpc(request, response)
    else streams(request, response, subscription)
  }
}

/** Nothing here is a page: not to be cached, framed, sniffed or run. */
function guardHeaders(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-resource-policy', 'same-origin')
  response.setHeader('cache-control', 'no-store')
}

function shareWith(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-allow-methods', 'GET, POST')
  response.setHeader('access-control-allow-headers', 'authorization, content-type, last-event-id')
  response.setHeader('access-control-max-age', '600')
}

/** In the shape of a tRPC answer, so that a client shows the message and not "unable to transform". */
function answer(response: ServerResponse, error: TRPCError): void {
  const { message, view } = viewOf(error)
  const httpStatus = getHTTPStatusCodeFromError(error)
  const body = JSON.stringify({
    error: { message, code: TRPC_ERROR_CODES_BY_KEY[error.code], data: { code: error.code, httpStatus, ...view } },
  })
  response.writeHead(httpStatus, { 'content-type': 'application/json', connection: 'close' }).end(body)
}
