/** What ours is measured against: node's own http, and `ws`, writing the same frames to each reader. Nothing else. */
import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { playRole, STAMP, stamp, steady, usage } from '../role.ts'

export interface Playing {
  readonly transport: 'sse' | 'ws'
  /** As ours sent them; each time in them is put to now. */
  readonly frames: readonly string[]
  /** When each is to be written, in milliseconds after the first; null: one after the other. */
  readonly offsets: readonly number[] | null
}

const streams = new Set<ServerResponse>()
const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
  response.write(': hello\n\n')
  streams.add(response)
  response.once('close', () => streams.delete(response))
})
const sockets = new WebSocketServer({ server })

async function open(): Promise<{ port: number }> {
  sockets.on('connection', (socket) => socket.send('hello'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
}

async function play({ transport, frames, offsets }: Playing): Promise<{ from: number }> {
  const from = steady()
  for (const [n, frame] of frames.entries()) {
    const wait = from + (offsets?.[n] ?? 0) - steady()
    if (wait > 1) await after(wait)
    else await nextTurn()
    const text = frame.replaceAll(STAMP, () => `sent:${stamp()}`)
    if (transport === 'ws') for (const socket of sockets.clients) socket.send(text)
    else {
      const bytes = Buffer.from(text)
      for (const response of streams) response.write(bytes)
    }
  }
  return { from }
}

playRole({ open, play, usage })

export type RawRole = { readonly open: typeof open; readonly play: typeof play; readonly usage: typeof usage }
