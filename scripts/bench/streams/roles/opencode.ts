/**
 * An OpenCode whose model says what the bench tells it to, when it tells it to: the routes that one turn needs, and the frames of
 * `/global/event` as OpenCode sends them, one write for each.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { playRole, stamp, steady } from '../role.ts'

type Fields = Readonly<Record<string, unknown>>
interface Turn {
  readonly session: Fields & { readonly id: string; readonly directory: string }
  readonly messages: { info: Fields; parts: Fields[] }[]
  partId: string
  text: string
}
interface Asked {
  readonly id: string
  readonly body: Fields
  readonly directory: string
}

const turns = new Map<string, Turn>()
const readers = new Set<ServerResponse>()
const newId = (prefix: string): string => `${prefix}_${randomBytes(13).toString('hex')}`
const now = (): number => Date.now()
const FIGURES = { cost: 0, tokens: { input: 10, output: 5, reasoning: 0, cache: { read: 0, write: 0 } } }

function emit(directory: string | null, type: string, properties: Fields): void {
  const payload = { id: newId('evt'), type, properties }
  const frame = `data: ${JSON.stringify(directory === null ? { payload } : { directory, project: 'bench', payload })}\n\n`
  for (const reader of readers) reader.write(frame)
}

const ROUTES: readonly (readonly [string, RegExp, (asked: Asked) => unknown])[] = [
  ['GET', /^\/global\/health$/, () => ({ healthy: true, version: '1.18.33' })],
  ['POST', /^\/session$/, createSession],
  ['GET', /^\/experimental\/session$/, () => [...turns.values()].map((turn) => turn.session)],
  [
    'GET',
    /^\/session\/status$/,
    () => Object.fromEntries([...turns].filter(([, turn]) => turn.partId !== '').map(([id]) => [id, { type: 'busy' }])),
  ],
  ['GET', /^\/session\/([^/]+)$/, ({ id }) => turns.get(id)?.session],
  ['POST', /^\/session\/([^/]+)\/prompt_async$/, takePrompt],
  ['GET', /^\/session\/([^/]+)\/message$/, ({ id }) => turns.get(id)?.messages],
  ['GET', /^\/session\/([^/]+)\/children$/, () => []],
  ['GET', /^\/(?:question|permission)$/, () => []],
  [
    'GET',
    /^\/config\/providers$/,
    () => ({
      providers: [{ id: 'fake', name: 'fake', models: { m1: { id: 'm1', name: 'm1', limit: { context: 200_000, output: 32_000 } } } }],
      default: {},
    }),
  ],
]

const server = createServer((request, response) => void answer(request, response))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/global/event') return stream(response)
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  const body = (text === '' ? {} : JSON.parse(text)) as Fields
  for (const [method, path, run] of ROUTES) {
    const match = request.method === method ? path.exec(url.pathname) : null
    if (!match) continue
    const data = run({ id: match[1] ?? '', body, directory: url.searchParams.get('directory') ?? '/' })
    return void response.writeHead(data === undefined ? 204 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(data))
  }
  // Aborts, deletions and the like: all is well.
  response.writeHead(200, { 'content-type': 'application/json' }).end('true')
}

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(`data: ${JSON.stringify({ payload: { id: newId('evt'), type: 'server.connected', properties: {} } })}\n\n`)
  readers.add(response)
  response.once('close', () => readers.delete(response))
}
setInterval(() => emit(null, 'server.heartbeat', {}), 10_000).unref()

function createSession({ body, directory }: Asked): Fields {
  const id = newId('ses')
  const session = { id, directory, projectID: 'bench', version: '1.18.33', time: { created: now(), updated: now() }, ...body }
  turns.set(id, { session, messages: [], partId: '', text: '' })
  emit(directory, 'session.created', { sessionID: id, info: session })
  return session
}

/** The message is stored, an empty answer and its text part are opened; what it says comes with `speak`. */
function takePrompt({ id, body }: Asked): undefined {
  const turn = turns.get(id)
  if (!turn || turn.messages.length > 0) return
  const tell = (type: string, properties: Fields): void => emit(turn.session.directory, type, { sessionID: id, ...properties })
  const user = { id: body['messageID'], sessionID: id, role: 'user', time: { created: now() } }
  const asked = (body['parts'] as Fields[]).map((part) => ({ ...part, sessionID: id, messageID: user.id }))
  turn.messages.push({ info: user, parts: asked })
  tell('message.updated', { info: user })
  for (const part of asked) tell('message.part.updated', { part })
  tell('session.status', { status: { type: 'busy' } })
  const info = { id: newId('msg'), sessionID: id, role: 'assistant', parentID: user.id, time: { created: now() }, ...FIGURES }
  const part = { id: newId('prt'), sessionID: id, messageID: info.id, type: 'text', text: '', time: { start: now() } }
  turn.messages.push({ info, parts: [part] })
  turn.partId = part.id
  tell('message.updated', { info })
  tell('message.part.updated', { part })
}

export interface Speaking {
  /** Of each turn. */
  readonly deltas: number
  readonly everyMs: number
  readonly chars: number
  /** In the last delta of each turn. */
  readonly mark: string
}
/** All open turns at once, their deltas evenly between each other. */
async function speak({ deltas, everyMs, chars, mark }: Speaking): Promise<{ from: number; to: number }> {
  const open = [...turns.values()].filter((turn) => turn.partId !== '')
  const from = steady()
  const total = deltas * open.length
  const apart = everyMs / open.length
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor((steady() - from) / apart) + 1)
    for (; sent < due; sent++) {
      const turn = open[sent % open.length]
      if (turn) say(turn, `${sent >= total - open.length ? mark : ''}${`sent:${stamp()} ${'x'.repeat(chars)}`.slice(0, chars - 1)} `)
    }
    if (sent < total) await after(1)
  }
  return { from, to: steady() }
}

function say(turn: Turn, delta: string): void {
  const messageID = turn.messages.at(-1)?.info['id']
  turn.text += delta
  emit(turn.session.directory, 'message.part.delta', { sessionID: turn.session.id, messageID, partID: turn.partId, field: 'text', delta })
}

/** Every open turn ends: its text is whole, then the fitting answer in a part of its own. */
function finish({ answer: said }: { answer: string }): void {
  for (const turn of [...turns.values()].filter(({ partId }) => partId !== '')) {
    const { id, directory } = turn.session
    const message = turn.messages.at(-1)
    if (!message) continue
    const tell = (type: string, properties: Fields): void => emit(directory, type, { sessionID: id, ...properties })
    const of = { sessionID: id, messageID: message.info['id'] }
    const time = { start: now(), end: now() }
    const parts = [
      { ...of, id: turn.partId, type: 'text', text: turn.text, time },
      { ...of, id: newId('prt'), type: 'text', text: said, time },
      { ...of, id: newId('prt'), type: 'step-finish', reason: 'stop', ...FIGURES },
    ]
    message.parts = parts
    turn.partId = ''
    for (const part of parts) tell('message.part.updated', { part })
    message.info = { ...message.info, finish: 'stop', time: { created: now(), completed: now() } }
    tell('message.updated', { info: message.info })
    tell('session.status', { status: { type: 'idle' } })
    tell('session.idle', {})
  }
}

async function open(): Promise<{ url: string }> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}
const speaking = (): number => [...turns.values()].filter(({ partId }) => partId !== '').length

playRole({ open, speak, finish, speaking })

export type OpencodeRole = {
  readonly open: typeof open
  readonly speak: typeof speak
  readonly finish: typeof finish
  readonly speaking: typeof speaking
}
