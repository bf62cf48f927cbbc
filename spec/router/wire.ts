/** The plain protocols, where a spec has to see what a typed client hides. */
import { once } from 'node:events'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { startServer, type RunningServer, type ServerOptions } from '../../router/index.ts'

export const TOKEN = 'a-token-for-specs-only'

export type Served = RunningServer & AsyncDisposable
export async function serve(options: Partial<ServerOptions> & Pick<ServerOptions, 'kernel'>): Promise<Served> {
  const server = await startServer({ host: '127.0.0.1', port: 0, token: { value: TOKEN }, ...options })
  return { ...server, [Symbol.asyncDispose]: () => server.close() }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: {
    readonly error?: { readonly message: string; readonly code: number; readonly data: Readonly<Record<string, unknown>> }
    readonly result?: { readonly data: unknown }
  }
}
interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string
}

/** `headers` replace the usual ones; `undefined` takes one away. */
export async function ask(server: RunningServer, path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
  const all = { host: `127.0.0.1:${server.port}`, authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers }
  const sent = Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined))
  const outgoing = request({ host: '127.0.0.1', port: server.port, path, method, headers: sent, setHost: false })
  outgoing.end(body)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const json = text.startsWith('{') ? (JSON.parse(text) as Answer['json']) : {}
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text, json }
}

/** `open`, or the status with which the upgrade was refused. */
export async function knock(
  server: RunningServer,
  { path = '/trpc?connectionParams=1', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers })
  try {
    return await Promise.race([
      once(socket, 'open').then(() => 'open'),
      once(socket, 'unexpected-response').then(([, response]) => String((response as { statusCode: number }).statusCode)),
    ])
  } finally {
    socket.on('error', () => undefined)
    socket.terminate()
  }
}
