import { once } from 'node:events'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { startServer, tokenOf } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { fakeKernel, HEALTH } from './fake-kernel.ts'
import { head, raw, UPGRADE } from './raw.ts'
import { ask, knock, serve, TOKEN } from './wire.ts'

const kernel = fakeKernel({ health: async () => HEALTH })
const CHECK = '/trpc/health.check'
const SSE = '/trpc/events.onTicket?input=%7B%22ticketId%22%3A%22K-1%22%7D'

describe('who may come in', (it) => {
  it('serves the right token and refuses every other, over HTTP, SSE and WebSocket', async () => {
    await using server = await serve({ kernel })
    assert.equal((await ask(server, CHECK)).json.result?.data, HEALTH)
    for (const authorization of [undefined, 'Bearer wrong', `Basic ${TOKEN}`, TOKEN, 'Bearer ']) {
      for (const path of [CHECK, SSE]) {
        const refused = await ask(server, path, { headers: { authorization, accept: path === SSE ? 'text/event-stream' : undefined } })
        assert.is(refused.status, 401, `${authorization} at ${path}`)
        assert.match(refused.text, 'TOKEN_WRONG')
      }
    }
    assert.is(await knock(server, { path: '/trpc' }), '401', 'no token and none announced')
    assert.is(await knock(server, { headers: { authorization: 'Bearer wrong' } }), '401')
    assert.is(await knock(server, { path: '/trpc', headers: { authorization: `Bearer ${TOKEN}` } }), 'open')
  })

  it('serves its own names only, exactly as sent', async () => {
    await using server = await serve({ kernel, allowedHosts: ['my.host'] })
    for (const host of ['127.0.0.1', `localhost:${server.port}`, 'LOCALHOST', '[::1]:1', 'my.host:80']) {
      assert.is((await ask(server, CHECK, { headers: { host } })).status, 200, host)
    }
    const strangers = [
      '127.evil.com',
      '0x7f.1',
      '127.1',
      '2130706433',
      'evil.com',
      'localhost.evil.com',
      '127.0.0.1.nip.io',
      'localhost@evil.com',
      '[::ffff:127.0.0.1].evil',
      '[::ffff:127.0.0.1]',
      '[::1].evil',
      '0',
      '0.0.0.0',
      '127.0.0.1:0',
      'localhost:65536',
      'localhost:',
      'localhost:x',
      'localhost.',
      '',
    ]
    for (const host of strangers) {
      for (const path of [CHECK, SSE, '/api/health', '/']) {
        const refused = await ask(server, path, { headers: { host, accept: path === SSE ? 'text/event-stream' : undefined } })
        assert.is(refused.status, 403, `${host} at ${path}`)
        assert.match(refused.text, '"HOST_REFUSED"')
      }
      if (host !== '') assert.is(await knock(server, { headers: { host } }), '403', host)
    }
    const bearer = `authorization: Bearer ${TOKEN}`
    for (const path of [CHECK, SSE, '/api/health']) {
      assert.is((await ask(server, path, { headers: { host: undefined } })).status, 400, 'without a host it is no HTTP/1.1')
      using old = await raw(server, head(`GET ${path} HTTP/1.0`, bearer))
      assert.match(await old.ended, /^HTTP\/1\.1 403 [^]*HOST_REFUSED/)
    }
    for (const host of [[], ['host:'], ['host: evil.com', 'host: localhost']]) {
      using upgrade = await raw(server, head('GET /trpc HTTP/1.1', ...host, ...UPGRADE.slice(2)))
      assert.match(await upgrade.ended, /^HTTP\/1\.1 (?:400|403) /, host.join())
    }
  })

  it('trusts pages from loopback and those it was told of', async () => {
    await using server = await serve({ kernel, allowedOrigins: ['https://tool.example.org'] })
    for (const origin of ['http://localhost:5173', 'http://127.0.0.1', 'https://tool.example.org']) {
      const served = await ask(server, CHECK, { headers: { origin } })
      assert.equal([served.status, served.headers['access-control-allow-origin']], [200, origin])
      assert.is(await knock(server, { headers: { origin } }), 'open')
    }
    for (const origin of [
      'https://evil.com',
      'null',
      'http://tool.example.org',
      'http://localhost.evil.com',
      'http://evil.com#@localhost',
      'file://',
      'http://localhost:0',
      'http://127.0.0.1:99999',
      'http://[::ffff:127.0.0.1].evil',
      'http://0x7f.1',
      'http://127.evil.com',
      '',
    ]) {
      for (const path of [CHECK, SSE]) {
        const refused = await ask(server, path, { headers: { origin } })
        assert.equal(
          [refused.status, refused.json.error?.data['looptroopCode'], refused.headers['access-control-allow-origin']],
          [403, 'ORIGIN_REFUSED', undefined],
          origin,
        )
      }
      assert.is(await knock(server, { headers: { origin } }), '403', origin)
    }
    const preflight = await ask(server, CHECK, { method: 'OPTIONS', headers: { origin: 'http://localhost:1', authorization: undefined } })
    assert.is(preflight.status, 204)
    assert.match(String(preflight.headers['access-control-allow-headers']), 'authorization')
  })

  it('says no more than needed', async () => {
    await using server = await serve({ kernel })
    const { headers } = await ask(server, CHECK)
    assert.is(headers['x-content-type-options'], 'nosniff')
    assert.is(headers['cache-control'], 'no-store')
    assert.match(String(headers['content-security-policy']), "default-src 'none'")
    assert.is((await ask(server, '/')).status, 404)
    assert.is((await ask(server, '/trpcx')).status, 404)
    assert.is((await ask(server, '/trpc/nothing.here')).status, 404)
    assert.is(await knock(server, { path: '/other?connectionParams=1' }), '404')
  })
})

describe('limits of the server', (it) => {
  it('bounds bodies, batches and messages', async () => {
    await using server = await serve({ kernel })
    const body = JSON.stringify({ projectId: 'p', title: 't', description: 'x'.repeat(1_100_000) })
    assert.is((await ask(server, '/trpc/tickets.create', { method: 'POST', body })).status, 413)
    const paths = Array.from({ length: 30 }, () => 'health.check').join(',')
    assert.is((await ask(server, `/trpc/${paths}?batch=1&input=%7B%7D`)).status, 400)
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers: { authorization: `Bearer ${TOKEN}` } })
    await once(socket, 'open')
    socket.send('x'.repeat(1_100_000))
    const [code] = (await once(socket, 'close')) as [number]
    assert.is(code, 1009)
  })

  it('hangs up on a socket that announces a token and never sends it', async () => {
    await using server = await serve({ kernel, limits: { helloMs: 20 } })
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc?connectionParams=1`)
    const [code] = (await once(socket, 'close')) as [number]
    assert.is(code, 1006)
  })
})

describe('start and end of the server', (it) => {
  it('names a port that is in use', async () => {
    await using server = await serve({ kernel })
    const second = await startServer({ kernel, host: '127.0.0.1', port: server.port, token: { value: TOKEN } }).catch(
      (error: unknown) => error,
    )
    assert.is((second as { code: string }).code, 'PORT_IN_USE')
    assert.match((second as Error).message, String(server.port))
  })

  it('ends with open sockets and streams, and frees the port', async () => {
    let ended = 0
    const open = fakeKernel({
      events: {
        async *follow({ signal }) {
          yield { id: 'e.1', events: [], live: [] }
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
          ended++
        },
      },
    })
    const server = await startServer({ kernel: open, host: '127.0.0.1', port: 0, token: { value: TOKEN } })
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/trpc`, { headers: { authorization: `Bearer ${TOKEN}` } })
    await once(socket, 'open')
    socket.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'events.onTicket', input: { ticketId: 'K-1' } } }))
    await once(socket, 'message')
    const streaming = ask(server, SSE, { headers: { accept: 'text/event-stream' } }).catch(() => 'cut')
    const silent = new WebSocket(`ws://127.0.0.1:${server.port}/trpc?connectionParams=1`)
    await once(silent, 'open')
    const closed = once(socket, 'close')
    await server.close()
    const [code] = (await closed) as [number]
    assert.is(code, 1001)
    await streaming
    assert.ok(ended >= 1)
    await (await startServer({ kernel: open, host: '127.0.0.1', port: server.port, token: { value: TOKEN } })).close()
  })
})

describe('the token file', (it) => {
  it('is made once, for this user only, whole and random, also when two start at once', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'deep', 'token')
    const [first, second] = await Promise.all([tokenOf({ file }), tokenOf({ file })])
    assert.is(first, second)
    assert.match(first, /^[0-9a-f]{64}$/)
    assert.is((await stat(file)).mode & 0o777, 0o600)
    assert.is((await readFile(file, 'utf8')).trim(), await tokenOf({ file }))
  })

  it('is closed to others when it was open, and refused when it is too short', async () => {
    await using folder = await tempFolder()
    const file = join(folder.path, 'token')
    await mkdir(folder.path, { recursive: true })
    await writeFile(file, 'long-enough-to-be-a-token\n', { mode: 0o644 })
    assert.is(await tokenOf({ file }), 'long-enough-to-be-a-token')
    assert.is((await stat(file)).mode & 0o777, 0o600)
    await writeFile(file, 'short')
    assert.is(((await tokenOf({ file }).catch((error: unknown) => error)) as { code: string }).code, 'CONFIG_INVALID')
  })
})
