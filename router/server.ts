/** One server: HTTP batch, SSE and WebSocket on one port, under /trpc. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TRPCError } from '@trpc/server'
import { fail, messageOf, type Kernel } from '#core'
import { admission } from './admission.ts'
import { httpListener } from './http.ts'
import { serveSockets } from './sockets.ts'
import { tokenCheck, tokenOf, type TokenSource } from './token.ts'
import type { Ctx } from './trpc.ts'

export interface ServerOptions {
  readonly kernel: Kernel
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly token: TokenSource
  readonly allowedOrigins?: readonly string[]
  /** Names besides loopback and `host` under which the server may be addressed. */
  readonly allowedHosts?: readonly string[]
  /** Errors that are our own fault, for the log. */
  readonly onError?: (line: string) => void
  /** How long a socket may stay without saying who it is. */
  readonly helloMs?: number
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
  const { kernel, host, onError = () => undefined } = options
  const token = await tokenOf(options.token)
  const admit = admission(options)
  const tokenIsRight = tokenCheck(token)
  const context = (authorized: boolean, drained: Ctx['drained'] = () => Promise.resolve()): Ctx => ({ kernel, authorized, drained })
  const report = ({ path, error }: { path: string | undefined; error: TRPCError }): void => {
    if (error.code === 'INTERNAL_SERVER_ERROR') onError(`${path ?? '(no procedure)'}: ${messageOf(error.cause ?? error)}`)
  }
  const server = createServer(httpListener({ kernel, context, admit, tokenIsRight, onError: report }))
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  const sockets = serveSockets({
    server,
    context,
    admit,
    tokenIsRight,
    onError: report,
    ...(options.helloMs === undefined ? {} : { helloMs: options.helloMs }),
  })
  const connections = trackUpgraded(server)
  const port = await listen(server, host, options.port)
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
