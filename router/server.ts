/** One server: HTTP batch, SSE and WebSocket on one port, under /trpc. */
import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { TRPCError } from '@trpc/server'
import { fail, messageOf, systemClock, type Kernel } from '#core'
import { admission } from './admission.ts'
import { countConnections, type Door } from './door.ts'
import { httpListener } from './http.ts'
import { limitsOf, type Limits } from './limits.ts'
import { Quota } from './quota.ts'
import { answerRaw } from './refusal.ts'
import { serveSockets } from './sockets.ts'
import { createThrottle } from './throttle.ts'
import { tokenCheck, tokenOf, type TokenSource } from './token.ts'

export interface ServerOptions {
  readonly kernel: Kernel
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly token: TokenSource
  /** Somebody else terminates TLS before it: only then may it listen on more than loopback. */
  readonly tlsInFront?: boolean
  readonly allowedOrigins?: readonly string[]
  /** Names besides loopback and `host` under which the server may be addressed. */
  readonly allowedHosts?: readonly string[]
  /** Errors that are our own fault, for the log. */
  readonly onError?: (line: string) => void
  /** Others than the defaults of `limits.ts`. */
  readonly limits?: Partial<Limits>
}
export interface RunningServer {
  /** `http://127.0.0.1:4747`; what `createLoopTroopClient` takes. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly token: string
  /** Cuts every connection without ending the server: clients come back with their last id. For specs and chaos. */
  disconnectAll(): void
  /** Stops listening, says goodbye on sockets, ends streams. The kernel is the caller's to stop. */
  close(): Promise<void>
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host } = options
  if (!isLoopback(host) && options.tlsInFront !== true) throw fail('CONFIG_INVALID', { problems: TLS_NEEDED(host) })
  const token = await tokenOf(options.token)
  const limits = limitsOf(options.limits)
  const streams = new Set<ServerResponse>()
  const timeouts = {
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(LOOK_FOR_SLOW_MS, limits.headMs),
  }
  const server = createServer(timeouts)
  const door = openDoor(server, { options, limits, token, onExchange: () => cutStreams() })
  server.on('request', httpListener(door)).on('clientError', refuseNonsense)
  const sockets = serveSockets(server, door)
  const connections = trackUpgraded(server)
  const port = await listen(server, host, options.port)
  server.on('request', (_request, response) => {
    streams.add(response)
    response.once('close', () => streams.delete(response))
  })
  // Who came with an exchanged token comes again, with the new one or not at all.
  const cutStreams = (): void => {
    for (const response of streams) if (response.headersSent) response.destroy()
    for (const socket of connections) socket.destroy()
  }
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    host,
    port,
    token,
    disconnectAll: () => {
      server.closeAllConnections()
      for (const socket of connections) socket.destroy()
    },
    close: () => closeServer(server, () => sockets.close()),
  }
}

interface Opening {
  readonly options: ServerOptions
  readonly limits: Limits
  readonly token: string
  /** The token is another one. */
  readonly onExchange: () => void
}

function openDoor(server: Server, { options, limits, token, onExchange }: Opening): Door {
  const throttle = createThrottle(limits, systemClock)
  const tooMany = countConnections(server, limits)
  const stranger = admission(options)
  return {
    kernel: options.kernel,
    limits,
    throttle,
    streams: new Quota(limits.streams, 'TOO_MANY_STREAMS'),
    admit: (request) => tooMany(request.socket) ?? stranger(request),
    tokenIsRight: tokenCheck(token, options.token, () => {
      throttle.forget()
      onExchange()
    }),
    onError: ({ path, error }) => {
      if (error.code === 'INTERNAL_SERVER_ERROR') options.onError?.(`${path ?? '(no procedure)'}: ${messageOf(error.cause ?? error)}`)
    },
  }
}

/** How often connections are looked through for requests that are too slow. */
const LOOK_FOR_SLOW_MS = 1_000

/** What is no HTTP, or does not come to its end in time. */
function refuseNonsense(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET') return void socket.destroy()
  const problem = NONSENSE[error.code ?? ''] ?? (['BAD_REQUEST', 'This is no HTTP request.'] as const)
  answerRaw(socket, new TRPCError({ code: problem[0], message: problem[1] }))
}
const NONSENSE: Readonly<Record<string, readonly [TRPCError['code'], string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['TIMEOUT', 'The request took too long to arrive.'],
  HPE_HEADER_OVERFLOW: ['PAYLOAD_TOO_LARGE', 'The head of the request is too long.'],
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host)
const TLS_NEEDED = (host: string): string =>
  `listening on ${host} would send the token in the clear; put a proxy that terminates TLS in front and say so with LOOPTROOP_TLS_IN_FRONT=1`

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host)
  try {
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code === 'EADDRINUSE'
      ? fail('PORT_IN_USE', { host, port }, error)
      : fail('INTERNAL', { problem: `cannot listen on ${host}:${port}: ${messageOf(error)}` }, error)
  }
  return (server.address() as AddressInfo).port
}

/** An upgraded connection is no longer the HTTP server's to close. */
function trackUpgraded(server: Server): ReadonlySet<{ destroy(): void }> {
  const upgraded = new Set<{ destroy(): void }>()
  server.on('upgrade', (_request, socket) => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
  })
  return upgraded
}

/** In this order: `close` alone waits for event streams for ever, and streams end only when their connections do. */
async function closeServer(server: Server, closeSockets: () => Promise<void>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await closeSockets()
  server.closeAllConnections()
  await closed
}
