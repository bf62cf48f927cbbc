/** What `health` and the model list say of an OpenCode that is well, frozen, or gone; always in bounded time. */
import * as assert from 'uvu/assert'
import { fail } from '../../core/errors.ts'
import { freeze, said, startLive } from '../helpers/live.ts'
import type { Live } from '../helpers/live.ts'
import { startRealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { isAlive, until } from '../helpers/waiting.ts'

const oc = await startRealOpencode()
const script = () => ({ text: said('hello') })
/** Longer than any health answer may take. */
const BOUND_MS = 4_000

/** What a start found has been dealt with. */
const isOk = ({ kernel }: Live): Promise<void> => until(async () => (await kernel.health()).status === 'ok')

async function inTime<T>(work: () => Promise<T>): Promise<T> {
  const begun = performance.now()
  const answer = await work()
  assert.ok(performance.now() - begun < BOUND_MS, `took ${performance.now() - begun} ms`)
  return answer
}

describe('health on a real OpenCode', (it) => {
  it('is ok with its version while OpenCode answers', async () => {
    await using live = await startLive(oc, { script })
    await isOk(live)
    const { status, opencode, store } = await inTime(() => live.kernel.health())
    assert.is(status, 'ok')
    assert.equal(store, { ok: true })
    assert.equal(
      { reachable: opencode.reachable, mode: opencode.mode, baseUrl: opencode.baseUrl, version: opencode.version },
      { reachable: true, mode: 'managed', baseUrl: oc.baseUrl, version: oc.managed.version },
    )
  })

  it('says unreachable on a stalled server, and ok when it goes on', async () => {
    await using live = await startLive(oc, { script })
    {
      using _frozen = freeze(oc)
      const { status, opencode } = await inTime(() => live.kernel.health())
      assert.equal([status, opencode.reachable, opencode.code], ['degraded', false, 'OPENCODE_TIMEOUT'])
      assert.match(opencode.message ?? '', 'did not answer')
    }
    await isOk(live)
  })

  it('lists no models with a message when discovery fails while health passes; a known list is kept and called stale', async () => {
    let broken = true
    const listModels: typeof oc.adapter.listModels = (options) =>
      broken
        ? Promise.reject(fail('OPENCODE_FAILED', { operation: 'listing models', problem: 'discovery broke' }))
        : oc.adapter.listModels(options)
    await using live = await startLive(oc, { script, adapter: { ...oc.adapter, listModels } })
    const { kernel } = live
    await isOk(live)
    const failed = await kernel.models.list({})
    assert.equal([failed.models, failed.connectedProviders, failed.defaultModels, failed.stale], [[], [], {}, undefined])
    assert.match(failed.message ?? '', 'discovery broke')
    broken = false
    const listed = await kernel.models.refresh()
    assert.ok(listed.models.some((m) => m.provider === 'scripted' && m.model === 'm1'))
    assert.is(listed.message, undefined)
    assert.not.match(JSON.stringify(listed), 'scripted-key')
    broken = true
    const stale = await kernel.models.refresh()
    assert.equal([stale.stale, stale.models], [true, listed.models])
  })

  it('says unreachable on a closed port', async () => {
    await using live = await startLive(oc, { script })
    const { pid } = oc.managed
    await oc[Symbol.asyncDispose]()
    assert.not(isAlive(pid))
    const { status, opencode } = await inTime(() => live.kernel.health())
    assert.equal([status, opencode.reachable, opencode.code], ['degraded', false, 'OPENCODE_UNREACHABLE'])
    assert.match(opencode.message ?? '', oc.baseUrl)
    const { models, message } = await inTime(() => live.kernel.models.list({ scope: 'configured' }))
    assert.equal(models, [])
    assert.match(message ?? '', oc.baseUrl)
  })
})
