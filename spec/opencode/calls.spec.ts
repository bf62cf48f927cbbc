/** Every way a call can fail, told by its code; over real sockets, since mocks have no cause codes. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import type { OpencodeAdapter } from '../../core/opencode/adapter.ts'
import { isOlder } from '../../core/opencode/health.ts'
import { createSdkAdapter } from '../../core/opencode/sdk-adapter.ts'
import { describe } from '../helpers/suite.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void
interface World extends AsyncDisposable {
  readonly adapter: OpencodeAdapter
  readonly baseUrl: string
  readonly diagnostics: string[]
}

async function serve(answer: Answer, directories?: (directory: string) => boolean): Promise<World> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const diagnostics: string[] = []
  const adapter = createSdkAdapter({
    baseUrl,
    opencodeId: 'x',
    mode: 'attached',
    directories,
    onDiagnostic: (message) => diagnostics.push(message),
  })
  const close = async (): Promise<void> => {
    await adapter.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { adapter, baseUrl, diagnostics, [Symbol.asyncDispose]: close }
}
const json =
  (status: number, body: unknown): Answer =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'fulfilled'
}

const CASES: readonly { readonly what: string; readonly answer: Answer; readonly call: string; readonly health: string }[] = [
  { what: '401', answer: (_, r) => void r.writeHead(401).end(), call: 'OPENCODE_AUTH', health: 'OPENCODE_AUTH' },
  {
    what: '400',
    answer: json(400, { name: 'BadRequest', data: { message: 'bad' } }),
    call: 'OPENCODE_REFUSED',
    health: 'OPENCODE_STRANGER',
  },
  {
    what: '500 whose text says 404',
    answer: json(500, { name: 'UnknownError', data: { message: '404 not found' } }),
    call: 'OPENCODE_FAILED',
    health: 'OPENCODE_STRANGER',
  },
  { what: 'a 404 of a stranger', answer: json(404, { error: 'no such page' }), call: 'OPENCODE_STRANGER', health: 'OPENCODE_STRANGER' },
  {
    what: 'a web page',
    answer: (_, r) => void r.writeHead(200, { 'content-type': 'text/html;charset=UTF-8' }).end('<p>'),
    call: 'OPENCODE_STRANGER',
    health: 'OPENCODE_STRANGER',
  },
  {
    what: 'a redirect',
    answer: (_, r) => void r.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(),
    call: 'OPENCODE_STRANGER',
    health: 'OPENCODE_STRANGER',
  },
  { what: 'a shape it does not know', answer: json(200, { ok: true }), call: 'OPENCODE_STRANGER', health: 'OPENCODE_STRANGER' },
  {
    what: 'a body that is no JSON',
    answer: (_, r) => void r.writeHead(200, { 'content-type': 'application/json' }).end('{'),
    call: 'OPENCODE_STRANGER',
    health: 'OPENCODE_STRANGER',
  },
  { what: 'a connection that breaks', answer: (_, r) => void r.destroy(), call: 'OPENCODE_UNREACHABLE', health: 'OPENCODE_UNREACHABLE' },
  { what: 'no answer at all', answer: () => undefined, call: 'OPENCODE_TIMEOUT', health: 'OPENCODE_TIMEOUT' },
]

describe('a call that fails', (it) => {
  for (const { what, answer, call, health } of CASES) {
    it(`says ${call} for ${what}`, async () => {
      await using world = await serve(answer)
      assert.is(await codeOf(world.adapter.getSession('ses_1', { timeoutMs: 200 })), call)
      assert.equal((await world.adapter.checkHealth({ timeoutMs: 200 })).code, health)
    })
  }
  it('says OPENCODE_UNREACHABLE for a closed port, and so does the stream', async () => {
    const world = await serve(() => undefined)
    await world[Symbol.asyncDispose]()
    const adapter = createSdkAdapter({ baseUrl: world.baseUrl, opencodeId: 'x', mode: 'attached' })
    assert.is(await codeOf(adapter.listSessions()), 'OPENCODE_UNREACHABLE')
    assert.is((await adapter.checkHealth()).code, 'OPENCODE_UNREACHABLE')
    const events = adapter.subscribeToEvents({ signal: new AbortController().signal })[Symbol.asyncIterator]()
    assert.is(await codeOf(events.next()), 'OPENCODE_UNREACHABLE')
  })
  it('ends a running call when its caller aborts', async () => {
    const abort = new AbortController()
    await using world = await serve(() => abort.abort(new Error('enough')))
    assert.is(await codeOf(world.adapter.listSessions({ signal: abort.signal })), 'Error: enough')
  })
  it('refuses an OpenCode that is too old, naming both versions', async () => {
    await using world = await serve(json(200, { healthy: true, version: '1.17.9' }))
    const health = await world.adapter.checkHealth()
    assert.equal(
      { code: health.code, reachable: health.reachable, version: health.version },
      { code: 'OPENCODE_TOO_OLD', reachable: false, version: '1.17.9' },
    )
    assert.match(health.message ?? '', '1.18.0')
    assert.equal(
      ['1.2.3', '1.18.0', '1.18.33', '1.100.0', '2.0.0', '1.18.0-beta.1'].map((v) => isOlder(v, '1.18.0')),
      [true, false, false, false, false, false],
    )
  })
  it('never sends `tools`, and sends ids, model, variant and agent as they are', async () => {
    const bodies: unknown[] = []
    await using world = await serve((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(JSON.parse(chunk.toString())))
      request.on('end', () => response.writeHead(204).end())
    })
    await world.adapter.promptSession('ses_1', '/w', {
      messageId: 'msg_1',
      parts: [{ id: 'prt_1', type: 'text', text: 'x' }],
      model: { provider: 'p', model: 'm', variant: 'high', agent: 'build' },
    })
    assert.equal(bodies, [
      {
        messageID: 'msg_1',
        model: { providerID: 'p', modelID: 'm' },
        variant: 'high',
        agent: 'build',
        parts: [{ id: 'prt_1', type: 'text', text: 'x' }],
      },
    ])
  })
})

const send = (response: ServerResponse, ...frames: readonly string[]): void =>
  void response.write(frames.map((f) => `data: ${f}\n\n`).join(''))
const frame = (directory: string, type: string, properties: object): string => JSON.stringify({ directory, payload: { type, properties } })

describe('the event stream of the SDK adapter', (it) => {
  it('skips foreign directories, sync frames and unknown kinds, reports what is malformed, and ends when the server ends it', async () => {
    await using world = await serve(
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        send(
          response,
          '{"payload":{"type":"server.connected","properties":{}}}',
          '{"directory":"/foreign", this is never parsed',
          'no json',
        )
        send(response, frame('/w', 'message.updated', {}), frame('/w', 'plugin.added', {}), frame('/w', 'file.edited', { file: 'a' }))
        send(response, '{"directory":"/w","payload":{"type":"sync","syncEvent":{}}}')
        response.end()
      },
      (directory) => directory !== '/foreign',
    )
    const seen: string[] = []
    for await (const events of world.adapter.subscribeToEvents({ signal: new AbortController().signal }))
      seen.push(...events.map((event) => event.type))
    assert.equal(seen, ['stream.connected', 'file.edited'])
    assert.is(world.diagnostics.length, 2)
  })
  it('throws when the connection breaks, and ends quietly when it is told to', async () => {
    await using broken = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: {"payload":{"type":"server.connected"}}\n\n', () => response.destroy())
    })
    const events = broken.adapter.subscribeToEvents({ signal: new AbortController().signal })[Symbol.asyncIterator]()
    await events.next().catch(() => undefined)
    assert.is(await codeOf(events.next()), 'OPENCODE_UNREACHABLE')

    await using open = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      send(response, '{"payload":{"type":"server.connected"}}')
    })
    const stop = new AbortController()
    const seen: string[] = []
    for await (const events of open.adapter.subscribeToEvents({ signal: stop.signal })) {
      seen.push(...events.map((event) => event.type))
      stop.abort()
    }
    assert.equal(seen, ['stream.connected'])
  })
})
