/** The WebSocket half, on the same port and path. */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer, type WebSocket } from 'ws'
import type { TRPCError } from '@trpc/server'
import { isCode, systemClock, type LoopTroopError } from '#core'
import { appRouter } from './app.ts'
import { socketEncoder } from './encode.ts'
import { isTrpcPath, MAX_BATCH } from './http.ts'
import { bearerOf, type TokenCheck } from './token.ts'
import type { Ctx } from './trpc.ts'

const MAX_PAYLOAD = 1024 * 1024
/** A reader whose socket holds more than this gets nothing new until it has read on; what it missed is in the database. */
const MAX_BUFFERED = 4 * 1024 * 1024
const LOOK_AGAIN_MS = 20
/** For sockets that announce connectionParams and never send them. */
const HELLO_MS = 10_000
const CLOSE_GRACE_MS = 1_000

interface SocketOptions {
  readonly server: Server
  readonly context: (authorized: boolean, drained: Ctx['drained']) => Ctx
  readonly admit: (request: IncomingMessage) => LoopTroopError | null
  readonly tokenIsRight: TokenCheck
  readonly onError: (problem: { path: string | undefined; error: TRPCError }) => void
  /** Milliseconds; for specs. */
  readonly helloMs?: number
}
export interface Sockets {
  /** Says goodbye, then hangs up on who does not leave. */
  close(): Promise<void>
}

export function serveSockets({ server, context, admit, tokenIsRight, onError, helloMs = HELLO_MS }: SocketOptions): Sockets {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_PAYLOAD })
  applyWSSHandler({
    wss: sockets,
    router: appRouter,
    createContext: ({ req, res, info }) =>
      context(tokenIsRight(bearerOf(req.headers.authorization) ?? info.connectionParams?.['token']), drainedOf(res)),
    keepAlive: { enabled: true, pingMs: 30_000, pongWaitMs: 10_000 },
    maxBatchSize: MAX_BATCH,
    experimental_encoder: socketEncoder,
    onError,
  })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const status = refusal(request, { admit, tokenIsRight })
    if (status !== null) return void socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (sendsParams(request)) awaitHello(client, helloMs)
      sockets.emit('connection', client, request)
    })
  })
  return { close: () => closeAll(sockets) }
}

const sendsParams = (request: IncomingMessage): boolean =>
  new URL(request.url ?? '/', 'http://localhost').searchParams.get('connectionParams') === '1'

/** The token comes with the upgrade or right after it; a wrong one in the upgrade is refused at once. */
function refusal(request: IncomingMessage, { admit, tokenIsRight }: Pick<SocketOptions, 'admit' | 'tokenIsRight'>): string | null {
  const refused = admit(request)
  if (refused !== null) return isCode(refused, 'HOST_REFUSED') ? '403 Host Refused' : '403 Origin Refused'
  if (!isTrpcPath(request.url)) return '404 Not Found'
  const bearer = bearerOf(request.headers.authorization)
  const right = bearer === null ? sendsParams(request) : tokenIsRight(bearer)
  return right ? null : '401 Unauthorized'
}

function awaitHello(client: WebSocket, ms: number): void {
  const timer = setTimeout(() => client.terminate(), ms)
  const clear = (): void => clearTimeout(timer)
  client.once('message', clear)
  client.once('close', clear)
}

const drainedOf =
  (client: WebSocket): Ctx['drained'] =>
  async (signal) => {
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
