/** A refusal before or beside tRPC: in the shape of a tRPC answer, so that a client shows the message and not "unable to transform". */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { STATUS_CODES } from 'node:http'
import type { TRPCError } from '@trpc/server'
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc'
import { getHTTPStatusCodeFromError } from '@trpc/server/http'
import { viewOf, type ErrorView } from './errors.ts'

interface Refusal {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string
}

/** Connections that were told that nothing more is read. */
const left = new WeakSet<Duplex>()

export function answer(response: ServerResponse, error: TRPCError): void {
  send(response, error, trpcBody)
}

/** Of a plain route. */
export function answerPlainly(response: ServerResponse, error: TRPCError): void {
  send(response, error, plainBody)
}

/** Where there is no response object: an upgrade, or what is no HTTP. */
export function answerRaw(socket: Duplex, error: TRPCError): void {
  if (!socket.writable || left.has(socket)) return void socket.destroy()
  const { status, headers, body } = refusalOf(error, trpcBody)
  const head = Object.entries({ ...headers, 'content-length': Buffer.byteLength(body) }).map(
    ([name, value]) => `${name}: ${String(value)}\r\n`,
  )
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head.join('')}\r\n${body}`)
}

/** `retry-after` in whole seconds, when the error knows a time. */
export function retryAfter(errors: readonly TRPCError[]): OutgoingHttpHeaders {
  const waits = errors.map((error) => viewOf(error).view.details['retryAfterMs']).filter((ms) => typeof ms === 'number')
  return waits.length === 0 ? {} : { 'retry-after': String(Math.max(1, Math.ceil(Math.max(...waits) / 1_000))) }
}

type Body = (error: TRPCError, message: string, view: ErrorView) => unknown

const trpcBody: Body = (error, message, view) => ({
  error: {
    message,
    code: TRPC_ERROR_CODES_BY_KEY[error.code],
    data: { code: error.code, httpStatus: getHTTPStatusCodeFromError(error), ...view },
  },
})
const plainBody: Body = (_error, message, { looptroopCode: code, hint, details }) => ({ error: { code, message, hint, details } })

function send(response: ServerResponse, error: TRPCError, body: Body): void {
  const refusal = refusalOf(error, body)
  if (response.socket) left.add(response.socket)
  response.writeHead(refusal.status, refusal.headers).end(refusal.body)
}

function refusalOf(error: TRPCError, body: Body): Refusal {
  const { message, view } = viewOf(error)
  return {
    status: getHTTPStatusCodeFromError(error),
    // What a refused request still sends is not read.
    headers: { 'content-type': 'application/json', connection: 'close', ...retryAfter([error]) },
    body: JSON.stringify(body(error, message, view)),
  }
}
