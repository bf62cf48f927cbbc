/** Bytes on a socket, where a spec has to break the protocol. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { RunningServer } from '../../router/index.ts'
import { TOKEN } from './wire.ts'

export interface Raw extends Disposable {
  readonly socket: Socket
  /** All that came so far. */
  readonly text: () => string
  /** All that came until the other side hung up. */
  readonly ended: Promise<string>
}

export async function raw(server: RunningServer, bytes: string | Buffer = ''): Promise<Raw> {
  const socket = connect(server.port, '127.0.0.1')
  const chunks: Buffer[] = []
  const text = (): string => Buffer.concat(chunks).toString('latin1')
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined) // a reset is an end too
  const ended = once(socket, 'close').then(text)
  await once(socket, 'connect')
  socket.write(bytes)
  return { socket, text, ended, [Symbol.dispose]: () => void socket.destroy() }
}

/** The lines of a head, with the empty one after it. */
export const head = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`

export const UPGRADE = [
  'GET /trpc HTTP/1.1',
  'host: 127.0.0.1',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  `authorization: Bearer ${TOKEN}`,
] as const

/** A frame as a client sends it: masked, with a mask of zeros. */
export function frame(opcode: number, payload: Buffer | string, { fin = true, length }: { fin?: boolean; length?: number } = {}): Buffer {
  const body = Buffer.from(payload)
  const size = length ?? body.length
  const long = Buffer.alloc(size > 65_535 ? 8 : size > 125 ? 2 : 0)
  if (long.length === 2) long.writeUInt16BE(size)
  if (long.length === 8) long.writeBigUInt64BE(BigInt(size))
  const short = long.length === 8 ? 127 : long.length === 2 ? 126 : size
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, 0x80 | short]), long, Buffer.alloc(4), body])
}
