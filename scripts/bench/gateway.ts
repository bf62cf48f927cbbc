/** A port that refuses, stalls (takes connections and never answers) or passes to OpenCode, as told at any time. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export type Mode = 'refused' | 'stalled' | 'up'
export interface Gateway extends AsyncDisposable {
  readonly url: string
  set(mode: Mode): Promise<void>
}

export async function openGateway(target: string): Promise<Gateway> {
  const { hostname, port: targetPort } = new URL(target)
  const open = new Set<Socket>()
  let mode: Mode = 'up'
  const server: Server = createServer((socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket)).on('error', () => socket.destroy())
    if (mode !== 'up') return
    const onward = connect(Number(targetPort), hostname)
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.on('close', () => onward.destroy())
    socket.pipe(onward).pipe(socket)
  })
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    set: async (next) => {
      await close()
      mode = next
      if (next !== 'refused') await listen(port)
    },
    [Symbol.asyncDispose]: close,
  }
}
