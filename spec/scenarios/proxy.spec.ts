/** The proxy of the scenarios: what a rule says happens to exactly that request, reply or frame, and to no other. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { startProxy } from '../../scripts/scenarios/proxy.ts'
import type { Proxy } from '../../scripts/scenarios/proxy.ts'
import { describe } from '../helpers/suite.ts'

interface Upstream extends AsyncDisposable {
  readonly proxy: Proxy
  readonly seen: readonly string[]
  get(path: string): Promise<string>
}

/** Counts what it is asked; its event stream tells three frames and ends. */
async function startUpstream(): Promise<Upstream> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    if (request.url !== '/global/event') return void response.end(`answer ${seen.length}`)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const type of ['one', 'two', 'three']) response.write(`data: {"payload":{"type":"${type}"}}\n\n`)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy = await startProxy(() => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return {
    proxy,
    seen,
    get: async (path) => (await fetch(`${proxy.url}${path}`)).text(),
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
const broke = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  )

describe('the proxy', (it) => {
  it('passes what no rule names', async () => {
    await using up = await startUpstream()
    assert.is(await up.get('/a?b=c'), 'answer 1')
    assert.equal(up.seen, ['GET /a?b=c'])
  })

  it('drops the second request of a path before it arrives, and the reply of another after it did', async () => {
    await using up = await startUpstream()
    const second = up.proxy.arm({ on: 'request', path: /^\/a$/, nth: 2, act: 'drop' })
    assert.not(await broke(up.get('/a')))
    assert.ok(await broke(up.get('/a')))
    await second
    assert.not(await broke(up.get('/a')))
    void up.proxy.arm({ on: 'reply', method: 'GET', path: /^\/b$/, act: 'drop' })
    assert.ok(await broke(up.get('/b')))
    assert.equal(up.seen, ['GET /a', 'GET /a', 'GET /b'])
  })

  it('holds a request until it is let go, and says that it has it', async () => {
    await using up = await startUpstream()
    const held = up.proxy.arm({ on: 'request', path: /^\/a$/, act: 'hold' })
    const answer = up.get('/a')
    const { release } = await held
    assert.equal(up.seen, [])
    release('pass')
    assert.is(await answer, 'answer 1')
  })

  it('sends a request twice, and one reply back', async () => {
    await using up = await startUpstream()
    void up.proxy.arm({ on: 'request', path: /^\/a$/, act: 'duplicate' })
    assert.match(await up.get('/a'), /^answer [12]$/)
    assert.equal(up.seen, ['GET /a', 'GET /a'])
  })

  it('cuts the event stream at a frame: those before it are told, it and those after it are not', async () => {
    await using up = await startUpstream()
    const cut = up.proxy.arm({ on: 'frame', frame: ({ type }) => type === 'two', act: 'drop' })
    const response = await fetch(`${up.proxy.url}/global/event`)
    let told = ''
    const read = async (): Promise<void> => {
      for await (const chunk of response.body ?? []) told += Buffer.from(chunk as Uint8Array).toString()
    }
    assert.ok(await broke(read()))
    await cut
    assert.match(told, 'one')
    assert.not.match(told, 'two')
  })

  it('forgets rules that did not fire', async () => {
    await using up = await startUpstream()
    void up.proxy.arm({ on: 'request', act: 'drop' })
    up.proxy.disarm()
    assert.is(await up.get('/a'), 'answer 1')
  })
})
