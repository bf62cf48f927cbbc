/** A call of a procedure with any input text, over each transport; what came back, judged. */
import { request, type IncomingMessage } from 'node:http'
import type { Agent } from 'node:http'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { RunningServer } from '../../../router/index.ts'
import { TOKEN } from '../wire.ts'

export interface Reply {
  readonly status: number
  readonly text: string
}
export interface Sent {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | undefined
}
const HANGS_AFTER_MS = 5_000
/** A stream that has begun and says nothing for so long has nothing to say. */
const SILENT_AFTER_MS = 400

/** The whole answer; of an event stream what comes before it says `connected` and one thing more. */
export async function send(server: RunningServer, agent: Agent, { method, path, headers = {}, body }: Sent): Promise<Reply> {
  const all = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers }
  const asked = request({ host: '127.0.0.1', port: server.port, agent, method, path, headers: all })
  const late = setTimeout(() => asked.destroy(new Error('hangs')), HANGS_AFTER_MS)
  try {
    asked.end(body)
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    let text = ''
    const streams = response.headers['content-type']?.startsWith('text/event-stream') === true
    const silent = streams ? setTimeout(() => response.destroy(), SILENT_AFTER_MS) : undefined
    response.once('close', () => clearTimeout(silent)).on('error', () => undefined)
    for await (const chunk of untilCut(response, streams)) {
      text += chunk.toString()
      // An error comes at once, or the stream is fine.
      if (streams && /event: (?:serialized-error|return)|^id: |^data: \{/m.test(text.replace(/^event: connected\ndata: .*$/m, ''))) break
    }
    asked.destroy()
    return { status: response.statusCode ?? 0, text }
  } finally {
    clearTimeout(late)
  }
}

async function* untilCut(response: IncomingMessage, streams: boolean): AsyncGenerator<Buffer, void> {
  try {
    yield* response as AsyncIterable<Buffer>
  } catch (error) {
    if (!streams) throw error
  }
}

/** One socket for many calls, as a client has it. */
export class Line implements Disposable {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, (text: string) => void>()
  #id = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      const { id, result } = JSON.parse(text.startsWith('{') ? text : '{}') as { id?: number; result?: { type: string } }
      if (typeof id !== 'number') return
      if (result?.type === 'started') setTimeout(() => this.#waiting.get(id)?.(text), SILENT_AFTER_MS)
      else this.#waiting.get(id)?.(text)
    })
    socket.on('close', (code) => {
      for (const [, tell] of this.#waiting) tell(`closed with ${code}`)
    })
  }
  static async open(server: RunningServer): Promise<Line> {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers: { authorization: `Bearer ${TOKEN}` } })
    await once(socket, 'open')
    return new Line(socket)
  }
  /** `input` is JSON text, as it goes over the wire. Of a subscription: the first thing it says, then it is stopped. */
  async call(method: string, path: string, input: string | undefined): Promise<Reply> {
    const id = ++this.#id
    const params = `{"path":${JSON.stringify(path)}${input === undefined ? '' : `,"input":${input}`}}`
    let late: NodeJS.Timeout | undefined
    const answered = new Promise<string>((resolve, reject) => {
      this.#waiting.set(id, resolve)
      late = setTimeout(() => reject(new Error('hangs')), HANGS_AFTER_MS)
    })
    this.#socket.send(`{"id":${id},"method":"${method}","params":${params}}`)
    try {
      const text = await answered
      const { error } = JSON.parse(text.startsWith('{') ? text : '{}') as { error?: { data?: { httpStatus?: number } } }
      return { status: text.startsWith('{') ? (error ? (error.data?.httpStatus ?? 0) : 200) : 0, text }
    } finally {
      clearTimeout(late)
      this.#waiting.delete(id)
      if (method === 'subscription') this.#socket.send(`{"id":${id},"method":"subscription.stop"}`)
    }
  }
  [Symbol.dispose](): void {
    this.#socket.terminate()
  }
}

/** Of a batch. */
const SOME_FAILED = 207

/** Why an answer is not what a hostile caller should get; null when it is. */
export function faultOf({ status, text }: Reply): string | null {
  if (status === 200 && !text.includes('serialized-error')) return null
  const streamed = /event: serialized-error\ndata: (.*)/.exec(text)?.[1]
  const body = streamed ?? text
  if (streamed === undefined && status !== SOME_FAILED && (status < 400 || status > 499)) return `status ${status}`
  if (!body.startsWith('{') && !body.startsWith('[')) return 'an error without a typed body'
  const parsed = JSON.parse(body) as object
  return (Array.isArray(parsed) ? (parsed as object[]) : [parsed]).map(untyped).find((fault) => fault !== null) ?? null
}

interface ErrorOfWire {
  readonly code?: unknown
  readonly data?: Readonly<Record<string, unknown>>
  readonly details?: Readonly<Record<string, unknown>>
}
const errorIn = (entry: { error?: ErrorOfWire; result?: unknown }): ErrorOfWire | undefined =>
  entry.error ?? (entry.result === undefined ? (entry as ErrorOfWire) : undefined)

/** Of one answer; null for none and for a typed one. */
function untyped(entry: object): string | null {
  const error = errorIn(entry)
  if (error === undefined) return null
  const { data = {}, details = {} } = error
  const { looptroopCode: code = error.code, httpStatus: status = 400, field = details['field'] } = data
  if (typeof code !== 'string' || code.startsWith('INTERNAL')) return 'no code of a caller'
  if (typeof status !== 'number' || status < 400 || status > 499) return 'no status of a caller'
  if (JSON.stringify(error).includes('    at ')) return 'a stack'
  return namesField(status, field) ? null : `${code} names no field`
}

const namesField = (status: number, field: unknown): boolean => status !== 400 || (typeof field === 'string' && field !== '')
