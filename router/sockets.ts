/** The WebSocket half, on the same port and path. */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { TRPCError } from '@trpc/server'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer, type WebSocket } from 'ws'
import { fail, systemClock } from '#core'
import { appRouter } from './app.ts'
import type { Door } from './door.ts'
import { toTrpcError } from './errors.ts'
import { isTrpcPath } from './http.ts'
import { Quota } from './quota.ts'
import { answerRaw } from './refusal.ts'
import { SocketStreams, StreamingSocket } from './socket-streams.ts'
import { bearerOf } from './token.ts'
import type { Ctx } from './trpc.ts'

/** A reader whose socket holds more than this gets nothing new until it has read on; what it missed is in the database. */
const MAX_BUFFERED = 4 * 1024 * 1024
const LOOK_AGAIN_MS = 20
const CLOSE_GRACE_MS = 1_000

export interface Sockets {
  /** Says goodbye, then hangs up on who does not leave. */
  close(): Promise<void>
}

export function serveSockets(server: Server, door: Door): Sockets {
  const { limits, onError } = door
  const sockets = new WebSocketServer({ noServer: true, maxPayload: limits.frame, WebSocket: StreamingSocket, perMessageDeflate: false })
  const hellos = new WeakMap<WebSocket, NodeJS.Timeout>()
  applyWSSHandler({
    wss: sockets,
    router: appRouter,
    createContext: ({ req, res, info }) => {
      const token = bearerOf(req.headers.authorization) ?? info.connectionParams?.['token'] ?? ''
      const ctx = socketContext(door, res, token)
      if (ctx.authorized) clearTimeout(hellos.get(res))
      if (res instanceof StreamingSocket) res.streams = new SocketStreams(res, { ctx, door })
      return ctx
    },
    keepAlive: { enabled: true, pingMs: limits.pingMs, pongWaitMs: limits.pongMs },
    maxBatchSize: limits.batch,
    onError,
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Until the handshake is done nobody else listens, and an unheard error ends the process.
    socket.on('error', () => socket.destroy())
    const place = placeFor(request, door)
    if (place instanceof TRPCError) return answerRaw(socket, place)
    socket.once('close', place)
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.wire = socket
      // Who did not show the right token by then never will.
      const hello = setTimeout(() => client.terminate(), limits.helloMs)
      hellos.set(client, hello)
      client.once('close', () => clearTimeout(hello))
      sockets.emit('connection', client, request)
    })
  })
  return { close: () => closeAll(sockets) }
}

function socketContext({ kernel, tokenIsRight, throttle, limits }: Door, client: WebSocket, token: string): Ctx {
  const subscriptions = new Quota(limits.subscriptions, 'TOO_MANY_STREAMS')
  return {
    kernel,
    authorized: tokenIsRight(token),
    depth: limits.depth,
    drained: drainedOf(client),
    spend: (kind) => throttle.spend(token, kind),
    subscribe: () => subscriptions.take(),
  }
}

const sendsParams = (request: IncomingMessage): boolean =>
  new URL(request.url ?? '/', 'http://localhost').searchParams.get('connectionParams') === '1'

/** The token comes with the upgrade or right after it; a wrong one in the upgrade is refused at once. Else: the way back of its place. */
function placeFor(request: IncomingMessage, { admit, tokenIsRight, streams }: Door): TRPCError | (() => void) {
  const stranger = admit(request)
  if (stranger !== null) return toTrpcError(stranger)
  if (!isTrpcPath(request.url) || !URL.canParse(request.url ?? '', 'http://localhost'))
    return new TRPCError({ code: 'NOT_FOUND', message: 'Sockets are served at /trpc.' })
  const bearer = bearerOf(request.headers.authorization)
  const right = bearer === null ? sendsParams(request) : tokenIsRight(bearer)
  if (!right) return toTrpcError(fail('TOKEN_WRONG'))
  try {
    return streams.take()
  } catch (problem) {
    return toTrpcError(problem)
  }
}

const drainedOf =
  (client: WebSocket): Ctx['drained'] =>
  (signal) =>
    client.bufferedAmount > MAX_BUFFERED ? whileFull(client, signal) : undefined

async function whileFull(client: WebSocket, signal: AbortSignal): Promise<void> {
  while (client.bufferedAmount > MAX_BUFFERED && client.readyState === client.OPEN && !signal.aborted)
    await systemClock.sleep(LOOK_AGAIN_MS, signal)
}

async function closeAll(sockets: WebSocketServer): Promise<void> {
  const leaving = [...sockets.clients].map(
    (client) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(() => client.terminate(), CLOSE_GRACE_MS)
        client.once('close', () => {
          clearTimeout(timer)
          resolve()
        })
        client.close(1001, 'the server is shutting down')
      }),
  )
  await Promise.all(leaving)
  sockets.close()
}
