/** The fake as an HTTP server: a request handler, for msw in specs and for a loopback server. */
import { FakeHttpError, type Fields } from './fake-state.ts'
import type { FakePrompt, FakeServer, Operation } from './fake-server.ts'

export interface HandlerOptions {
  readonly server: FakeServer
  /** When set, every path needs it, health and events too. */
  readonly auth?: { readonly username: string; readonly password: string } | undefined
}
export type FakeHandler = (request: Request) => Promise<Response>

export function createFakeHandler({ server, auth }: HandlerOptions): FakeHandler {
  const expected = auth && `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`
  return async (request) => {
    if (expected !== undefined && request.headers.get('authorization') !== expected) {
      return new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="opencode"' } })
    }
    const url = new URL(request.url)
    for (const route of ROUTES) {
      const match = request.method === route.method ? route.path.exec(url.pathname) : null
      if (match === null) continue
      const body = (request.method === 'POST' ? await readBody(request) : {}) as Fields
      return answer(server, route, { request, url, id: match[1] ?? '', body })
    }
    // Unknown paths answer with the web UI.
    return new Response('<!doctype html><title>OpenCode</title>', { headers: { 'content-type': 'text/html;charset=UTF-8' } })
  }
}

interface Asked {
  readonly request: Request
  readonly url: URL
  readonly id: string
  readonly body: Fields
}
interface Route {
  readonly method: string
  readonly path: RegExp
  readonly operation: Operation
  /** A `Response` goes out as it is; anything else as JSON. */
  readonly run: (server: FakeServer, asked: Asked) => unknown
}

async function answer(server: FakeServer, route: Route, asked: Asked): Promise<Response> {
  try {
    if (route.operation === 'events') return await server.call('events', () => null).then(() => stream(server, asked.request))
    const data = await server.call(route.operation, () => route.run(server, asked))
    return route.operation === 'prompt' ? new Response(null, { status: 204 }) : Response.json(data)
  } catch (error) {
    if (error instanceof FakeHttpError) return Response.json(error.body, { status: error.status })
    throw error
  }
}

const directoryOf = (asked: Asked): string => asked.url.searchParams.get('directory') ?? '/'
const limitOf = (asked: Asked): number | undefined => {
  const limit = asked.url.searchParams.get('limit')
  return limit === null ? undefined : Number(limit)
}
const done = async (work: Promise<void> | void): Promise<true> => {
  await work
  return true
}
const route = (address: string, operation: Operation, run: Route['run']): Route => {
  const [method = '', path = ''] = address.split(' ')
  return { method, path: new RegExp(`^${path.replaceAll(':id', '([^/]+)')}$`), operation, run }
}

const ROUTES: readonly Route[] = [
  route('GET /global/health', 'health', (server) => ({ healthy: true, version: server.version })),
  route('GET /global/event', 'events', () => null),
  route('POST /session', 'create', (server, asked) => server.createSession(directoryOf(asked), asked.body)),
  route('GET /experimental/session', 'list', (server, asked) => server.sessions().slice(0, limitOf(asked) ?? 100)),
  route('GET /session/status', 'statuses', (server, asked) => server.statuses(directoryOf(asked))),
  route('GET /session/:id', 'get', (server, asked) => server.session(asked.id)),
  route('DELETE /session/:id', 'delete', (server, asked) => done(server.remove(asked.id))),
  route('GET /session/:id/children', 'children', (server, asked) => server.children(asked.id)),
  route('GET /session/:id/message', 'messages', (server, asked) => server.messages(asked.id, limitOf(asked))),
  route('POST /session/:id/prompt_async', 'prompt', (server, asked) => server.prompt(asked.id, asked.body as unknown as FakePrompt)),
  route('POST /session/:id/abort', 'abort', (server, asked) => done(server.abort(asked.id))),
  route('GET /question', 'questions', (server, asked) => server.pending('questions', directoryOf(asked))),
  route('POST /question/:id/reply', 'answer', (server, asked) =>
    done(
      server.answer(
        'questions',
        { id: asked.id, directory: directoryOf(asked) },
        { kind: 'answers', answers: asked.body['answers'] as string[][] },
      ),
    ),
  ),
  route('POST /question/:id/reject', 'answer', (server, asked) =>
    done(server.answer('questions', { id: asked.id, directory: directoryOf(asked) }, { kind: 'rejected' })),
  ),
  route('GET /permission', 'permissions', (server, asked) => server.pending('permissions', directoryOf(asked))),
  route('POST /permission/:id/reply', 'answer', (server, asked) => {
    const { reply, message } = asked.body as { reply: string; message?: string }
    const where = { id: asked.id, directory: directoryOf(asked) }
    return done(server.answer('permissions', where, { kind: 'reply', reply, ...(message === undefined ? {} : { message }) }))
  }),
  route('POST /instance/dispose', 'dispose', (server, asked) => done(server.dispose(directoryOf(asked)))),
  route('GET /config/providers', 'models', (server) => server.catalogue()),
  route('GET /provider', 'models', (server) => {
    const { providers, default: defaults } = server.catalogue()
    return { all: providers, default: defaults, connected: ['fake', 'scripted'] }
  }),
]

/** The streams of fetch mocks are not cancelled when a reader aborts, only their request's signal is: listen to both. */
function stream(server: FakeServer, request: Request): Response {
  const encoder = new TextEncoder()
  let leave: (() => void) | undefined
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const end = (): void => {
        leave?.()
        leave = undefined
      }
      leave = server.subscribe((frame) => {
        if (frame !== null) return controller.enqueue(encoder.encode(`data: ${frame}\n\n`))
        end()
        controller.close()
      })
      request.signal.addEventListener('abort', end, { once: true })
    },
    cancel: () => leave?.(),
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

async function readBody(request: Request): Promise<unknown> {
  const text = await request.text()
  return text === '' ? {} : JSON.parse(text)
}
