/**
 * A loopback proxy between LoopTroop and a real OpenCode. It holds, drops, delays or duplicates single requests and replies
 * by rule, and passes the event stream frame by frame, so that a kill can be placed exactly. It says when a rule fired.
 */
import { createServer, request as send } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** The payload of one frame of OpenCode's event stream. */
export interface Frame {
  readonly type: string
  readonly properties?: Readonly<Record<string, unknown>>
}
export interface Rule {
  /** `request`: before OpenCode gets it. `reply`: before LoopTroop gets it. `frame`: of the event stream. */
  readonly on: 'request' | 'reply' | 'frame'
  readonly method?: string
  readonly path?: RegExp
  readonly frame?: (frame: Frame) => boolean
  /** Only what is about one of these. */
  readonly sessions?: ReadonlySet<string>
  /** 1 is the first that fits. */
  readonly nth?: number
  /** `hold`: until it is released. `duplicate`: OpenCode gets the request twice at once. */
  readonly act: 'hold' | 'drop' | 'duplicate' | { readonly delayMs: number }
}
export type Release = 'pass' | 'drop'
export interface Fired {
  /** Ends a hold: the bytes go on, or the connection is cut without them. */
  readonly release: (how: Release) => void
}

export interface Proxy extends AsyncDisposable {
  readonly url: string
  /** Resolves when the rule fires; a rule fires once. */
  arm(rule: Rule): Promise<Fired>
  /** Rules that have not fired are forgotten, and who watched. */
  disarm(): void
  /** Sees every prompt before it meets a rule. */
  watch(see: See): void
}
type See = (sessionId: string, body: string) => void

interface Armed {
  readonly rule: Rule
  seen: number
  readonly fire: (fired: Fired) => void
}
interface Seen {
  readonly method: string
  readonly path: string
  readonly frame?: Frame
  /** Null where it is about none. */
  readonly sessionId: string | null
}
interface Message {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export async function startProxy(target: () => string): Promise<Proxy> {
  let armed: Armed[] = []
  let see: See = () => {}
  const meet: Meet = async (on, seen) => {
    const found = armed.find((one) => one.rule.on === on && fits(one.rule, seen) && ++one.seen === (one.rule.nth ?? 1))
    if (!found) return 'pass'
    armed = armed.filter((one) => one !== found)
    return carryOut(found)
  }
  const server = createServer((request, response) => {
    forward({ request, response, target: target(), meet, see: (id, body) => see(id, body) }).catch(() => response.destroy()) // as a connection that breaks
  })
  server.requestTimeout = 0
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arm: (rule) => new Promise((fire) => armed.push({ rule, seen: 0, fire })),
    disarm: () => {
      armed = []
      see = () => {}
    },
    watch: (next) => void (see = next),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Met = Release | 'duplicate'
type Meet = (on: Rule['on'], seen: Seen) => Promise<Met>

const fits = ({ method, path, frame, sessions }: Rule, seen: Seen): boolean =>
  (method === undefined || method === seen.method) &&
  (path === undefined || path.test(seen.path)) &&
  (sessions === undefined || sessions.has(seen.sessionId ?? '')) &&
  (frame === undefined || (seen.frame !== undefined && frame(seen.frame)))

async function carryOut({ rule, fire }: Armed): Promise<Met> {
  if (rule.act === 'hold') return new Promise((release) => fire({ release }))
  fire({ release: () => {} })
  if (rule.act === 'drop' || rule.act === 'duplicate') return rule.act
  await sleep(rule.act.delayMs)
  return 'pass'
}

interface Forwarding {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: string
  readonly meet: Meet
  readonly see: See
}

export const PROMPT = /^\/session\/([^/]+)\/prompt_async$/

async function forward({ request, response, target, meet, see }: Forwarding): Promise<void> {
  const path = request.url ?? '/'
  const [plain = path] = path.split('?')
  const seen = { method: request.method ?? 'GET', path: plain, sessionId: /^\/session\/([^/]+)/.exec(plain)?.[1] ?? null }
  const message: Message = { method: seen.method, path, headers: request.headers, body: await bodyOf(request) }
  if (seen.sessionId !== null && PROMPT.test(plain)) see(seen.sessionId, message.body.toString('utf8'))
  const met = await meet('request', seen)
  if (met === 'drop') return void response.destroy()
  if (met === 'duplicate')
    ask(target, message)
      .then(bodyOf)
      .catch(() => undefined) // its reply is nobody's
  // A client that goes away does not stop what it has sent: as with a direct connection.
  const reply = await ask(target, message)
  if (seen.path === '/global/event') return passStream({ reply, response, meet, seen })
  const body = await bodyOf(reply)
  if ((await meet('reply', seen)) === 'drop') return void response.destroy()
  response.writeHead(reply.statusCode ?? 502, withoutHops(reply.headers)).end(body)
}

function ask(target: string, { method, path, headers, body }: Message): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = send(new URL(path, target), {
      method,
      headers: { ...withoutHops(headers), 'content-length': body.length },
      agent: false,
    })
    outgoing.on('response', resolve).on('error', reject).end(body)
  })
}

interface Passing {
  readonly reply: IncomingMessage
  readonly response: ServerResponse
  readonly meet: Meet
  readonly seen: Seen
}

async function passStream({ reply, response, meet, seen }: Passing): Promise<void> {
  response.on('close', () => reply.destroy())
  response.writeHead(reply.statusCode ?? 502, withoutHops(reply.headers))
  response.flushHeaders()
  let rest = ''
  for await (const chunk of reply.setEncoding('utf8')) {
    const frames = (rest + String(chunk)).split('\n\n')
    rest = frames.pop() ?? ''
    for (const text of frames) {
      const frame = readFrame(text)
      // What was told before arrives; the connection then breaks in mid-stream.
      if (frame && (await meet('frame', { ...seen, frame, sessionId: sessionOf(frame) })) === 'drop') return response.socket?.destroySoon()
      response.write(`${text}\n\n`)
    }
  }
  response.end()
}

/** Null for frames that nobody waits for: what comes again in a `sync` envelope. */
function readFrame(text: string): Frame | null {
  const data = text.startsWith('data: ') ? (JSON.parse(text.slice('data: '.length)) as { payload?: Frame }) : {}
  return data.payload && data.payload.type !== 'sync' ? data.payload : null
}

function sessionOf({ properties = {} }: Frame): string | null {
  const { info, part } = properties as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>
  const id = properties['sessionID'] ?? info?.['sessionID'] ?? part?.['sessionID']
  return typeof id === 'string' ? id : null
}

const HOPS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'host'])
const withoutHops = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOPS.has(name)))

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
