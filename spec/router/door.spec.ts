/** Who is let in changes while it runs; who must not be reached is not. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { createLoopTroopClient } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { until } from '../helpers/waiting.ts'
import { Source } from '../suites/stream/source.ts'
import { fakeKernel, HEALTH } from './fake-kernel.ts'
import { ask, serve } from './wire.ts'

const kernel = fakeKernel({ health: async () => HEALTH })
const OLD = 'the-old-token-of-this-server'
const NEW = 'the-new-token-of-this-server'

describe('the door', (it) => {
  it('takes an exchanged token without a restart, and the old one no longer', async () => {
    await using folder = await tempFolder('door')
    const file = join(folder.path, 'token')
    await writeFile(file, OLD)
    await using server = await serve({ kernel, token: { file } })
    const status = async (token: string): Promise<number> =>
      (await ask(server, '/api/health', { headers: { authorization: `Bearer ${token}` } })).status
    assert.equal([await status(OLD), await status(NEW)], [200, 401])
    await writeFile(file, 'short')
    assert.equal([await status(NEW), await status(OLD)], [401, 200])
    await writeFile(file, `${NEW}\n`)
    assert.is(await status(NEW), 200)
    await until(async () => (await status(OLD)) === 401, 'the old one is refused')
  })

  it('cuts streams that came with the old token; a client that asks for its token each time goes on', async () => {
    await using source = await Source.open()
    await using folder = await tempFolder('door')
    const file = join(folder.path, 'token')
    await writeFile(file, OLD)
    let token = OLD
    const events = await import('../../core/calls/events.ts')
    const projects = { ofTicket: () => ({ record: {}, store: source.store, feed: source.feed }) }
    await using server = await serve({ kernel: fakeKernel({ events: events.eventCalls(projects as never) }), token: { file } })
    for (const transport of ['ws', 'sse'] as const) {
      await using client = createLoopTroopClient({ url: server.url, token: () => token, transport })
      const before = (await source.lastSeq()) + 1
      let seen = 0
      const subscription = client.events.onTicket.subscribe(
        { ticketId: source.ticketId },
        { onData: ({ data }) => void (seen = data.events.at(-1)?.seq ?? seen) },
      )
      await until(() => seen === before - 1, 'it follows')
      token = `${NEW}-${transport}`
      await writeFile(file, token)
      await ask(server, '/api/health', { headers: { authorization: `Bearer ${token}` } }).catch(() => null)
      await source.append(1)
      await until(() => seen === before, `it goes on over ${transport}`)
      subscription.unsubscribe()
    }
  })

  it('is not opened beyond loopback unless TLS in front is declared', async () => {
    const open = (host: string, tlsInFront: boolean) => serve({ kernel, host, tlsInFront })
    for (const host of ['0.0.0.0', '::', '127.evil.com', '192.0.2.1']) {
      const problem = await open(host, false).catch((error: unknown) => error)
      assert.equal([(problem as { code?: string }).code, /TLS/.test(String(problem))], ['CONFIG_INVALID', true], host)
    }
    await using server = await open('0.0.0.0', true)
    assert.is((await ask(server, '/api/health')).status, 200)
  })
})
