/** What both halves of the server ask before anything is read or run. */
import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TRPCError } from '@trpc/server'
import { fail, type Kernel, type LoopTroopError } from '#core'
import { Quota } from './quota.ts'
import type { Limits } from './limits.ts'
import type { Throttle } from './throttle.ts'
import type { TokenCheck } from './token.ts'

export interface Door {
  readonly kernel: Kernel
  readonly limits: Limits
  /** Host and Origin, and whether there is a place for the connection: why it may not come in, null when it may. */
  readonly admit: (request: IncomingMessage) => LoopTroopError | null
  readonly tokenIsRight: TokenCheck
  readonly throttle: Throttle
  /** Event streams and sockets. */
  readonly streams: Quota
  readonly onError: (problem: { path: string | undefined; error: TRPCError }) => void
}

/** Past the limit a connection is answered with a refusal; past this many more it is cut without a word. */
const STILL_ANSWERED = 100

/** Counts the connections of a server, upgraded ones too: the reason to refuse one that is too many. */
export function countConnections(server: Server, { connections }: Limits): (socket: Duplex) => LoopTroopError | null {
  server.maxConnections = connections + STILL_ANSWERED
  const refused = new WeakSet<Duplex>()
  const quota = new Quota(connections, 'TOO_MANY_CONNECTIONS')
  server.on('connection', (socket: Socket) => {
    if (quota.taken >= connections) return void refused.add(socket)
    socket.once('close', quota.take())
  })
  return (socket) => (refused.has(socket) ? fail('TOO_MANY_CONNECTIONS', { limit: connections }) : null)
}
