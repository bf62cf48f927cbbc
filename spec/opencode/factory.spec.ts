/** Which OpenCode is chosen, and the list of models. The managed server's own spec is among the live ones. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { ModelCatalogue } from '../../core/opencode/adapter.ts'
import { isCode } from '../../core/errors.ts'
import { createOpencode, type OpencodeOptions } from '../../core/opencode/factory.ts'
import { createModelList } from '../../core/opencode/models.ts'
import { lastExample } from '../../core/opencode/fake/brain.ts'
import { configContent, findOpencodeBinary, serverEnvironment } from '../../core/opencode/server-settings.ts'
import { openServerFolder } from '../../core/opencode/server-record.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { eventually, startFakeOpencode } from '../helpers/opencode.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { describe } from '../helpers/suite.ts'

const optionsFor = (dataDir: string, env: Record<string, string>): OpencodeOptions => ({
  env,
  clock: systemClock,
  chance: systemChance,
  dataDir,
})
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'fulfilled'
}

describe('the choice of an OpenCode', (it) => {
  it('is the mock when the mode says so, and the mock answers with the example of the prompt', async () => {
    await using folder = await tempFolder()
    const opencode = await createOpencode(optionsFor(folder.path, { LOOPTROOP_OPENCODE_MODE: 'mock' }))
    assert.is(opencode.adapter.mode, 'mock')
    assert.match(opencode.reason, 'mock')
    await opencode.hub.ready()
    const session = await opencode.adapter.createSession({ directory: folder.path, title: 't', metadata: {}, rules: [] })
    const text = 'Do it.\n```json\n{"old": 1}\n```\nAnswer as\n<BEADS>\n```json\n{"beads": []}\n```\n</BEADS>\nNow.'
    await opencode.adapter.promptSession(session.id, folder.path, {
      messageId: 'msg_1',
      parts: [{ id: 'prt_1', type: 'text', text }],
      model: { provider: 'fake', model: 'm1' },
    })
    const answer = await eventually(async () => (await opencode.adapter.getSessionMessages(session.id))?.find((m) => m.finish === 'stop'))
    assert.ok(answer.parts.some((p) => p.type === 'text' && p.text === '<BEADS>\n```json\n{"beads": []}\n```\n</BEADS>'))
    await opencode.stop()
  })
  it('refuses an unknown mode and an address that is none', async () => {
    assert.is(await codeOf(createOpencode(optionsFor('/nowhere', { LOOPTROOP_OPENCODE_MODE: 'fake' }))), 'INVALID_INPUT')
    assert.is(await codeOf(createOpencode(optionsFor('/nowhere', { LOOPTROOP_OPENCODE_BASE_URL: 'localhost:4096' }))), 'INVALID_INPUT')
  })
  it('attaches only, when a base URL is set: a stranger and a closed port are named, nothing is started', async () => {
    await using folder = await tempFolder()
    const stranger = createServer((_, response) => response.end('hello'))
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const env = { LOOPTROOP_OPENCODE_BASE_URL: `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/` }
    assert.is(await codeOf(createOpencode(optionsFor(folder.path, env))), 'OPENCODE_STRANGER')
    await new Promise((resolve) => stranger.close(resolve))
    assert.is(await codeOf(createOpencode(optionsFor(folder.path, env))), 'OPENCODE_UNREACHABLE')
  })
  it('names the places where an executable was looked for', async () => {
    await using folder = await tempFolder()
    const own = join(folder.path, 'node_modules', '.bin', 'opencode')
    mkdirSync(join(folder.path, 'node_modules', '.bin'), { recursive: true })
    writeFileSync(own, '#!/bin/sh\n')
    chmodSync(own, 0o755)
    mkdirSync(join(folder.path, 'deep', 'er'), { recursive: true })
    assert.is(findOpencodeBinary({ PATH: '' }, join(folder.path, 'deep', 'er')), own)
    assert.is(findOpencodeBinary({ LOOPTROOP_OPENCODE_BIN: own }, '/'), own)
    for (const env of [{ LOOPTROOP_OPENCODE_BIN: join(folder.path, 'none') }, { PATH: folder.path }]) {
      try {
        findOpencodeBinary(env, '/')
        assert.unreachable()
      } catch (error) {
        assert.ok(isCode(error, 'OPENCODE_BINARY_MISSING'))
      }
    }
  })
})

describe('the settings of a managed server', (it) => {
  it("turn off what is not for a server, keep the person's, and bound the providers that are declared", () => {
    const extraConfig = { model: 'p/m', provider: { p: { options: { apiKey: 'k', chunkTimeout: 5 } } } }
    const config = configContent({ env: { OPENCODE_CONFIG_CONTENT: '{"theme":"x","snapshot":true}' }, extraConfig })
    assert.equal(config, {
      theme: 'x',
      snapshot: false,
      autoupdate: false,
      compaction: { auto: false },
      model: 'p/m',
      provider: { p: { options: { headerTimeout: 120_000, chunkTimeout: 5, apiKey: 'k' } } },
    })
  })
  it("pass on the person's keys but nothing of LoopTroop, and in isolation nothing of the person", async () => {
    await using folder = await tempFolder()
    const server = openServerFolder(join(folder.path, 'oc'), systemChance)
    const env = {
      PATH: '/bin',
      HOME: '/home/p',
      ANTHROPIC_API_KEY: 'k',
      LOOPTROOP_TOKEN: 't',
      OPENCODE_SERVER_PASSWORD: 'theirs',
      OPENCODE_CLIENT: 'vscode',
    }
    const own = serverEnvironment({ env }, server)
    assert.equal(
      [own['HOME'], own['ANTHROPIC_API_KEY'], own['LOOPTROOP_TOKEN'], own['OPENCODE_CLIENT']],
      ['/home/p', 'k', undefined, 'cli'],
    )
    assert.is(own['OPENCODE_SERVER_PASSWORD'], server.password)
    assert.is(own['OPENCODE_DISABLE_PROJECT_CONFIG'], '1')
    const isolated = serverEnvironment({ env, isolateHome: join(folder.path, 'home'), trusted: true }, server)
    assert.equal(
      [isolated['HOME'], isolated['ANTHROPIC_API_KEY'], isolated['OPENCODE_DISABLE_PROJECT_CONFIG']],
      [join(folder.path, 'home', 'home'), undefined, undefined],
    )
  })
  it('keep id and password for the life of the folder, and let one owner in at a time', async () => {
    await using folder = await tempFolder()
    const one = openServerFolder(folder.path, systemChance)
    const two = openServerFolder(folder.path, systemChance)
    assert.equal([two.opencodeId, two.password], [one.opencodeId, one.password])
    one.lock()
    assert.throws(
      () => two.lock(),
      (error: unknown) => isCode(error, 'OPENCODE_LOCKED'),
    )
    one.unlock()
    writeFileSync(join(folder.path, 'lock.json'), JSON.stringify({ pid: process.pid, startToken: 'of:another' }))
    two.lock()
    two.unlock()
  })
})

const startWorld = async () => {
  const fake = await startFakeOpencode()
  const clock = createFakeClock()
  return { fake, clock, models: createModelList(fake.adapter, clock), [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose]() }
}

describe('the list of models', (it) => {
  it('is kept for a while, marked stale when it cannot be renewed, and empty with a message when it never was had', async () => {
    await using at = await startWorld()
    at.fake.server.failNext('models', { kind: 'refuse', status: 500 })
    const none = await at.models.list()
    assert.equal(none.models, [])
    assert.match(none.message ?? '', 'failed')
    assert.is(none.stale, undefined)
    const offered = (await at.models.list()).models.length
    assert.ok(offered > 0)
    await at.clock.advance(61_000)
    at.fake.server.failNext('models', { kind: 'break' })
    const stale = await at.models.list()
    assert.equal([stale.models.length, stale.stale], [offered, true])
  })
  it('comes at once however slow OpenCode is: an old one as stale while a newer one is asked for, once', async () => {
    const clock = createFakeClock()
    const asked: ((catalogue: ModelCatalogue) => void)[] = []
    const models = createModelList({ listModels: () => new Promise((resolve) => asked.push(resolve)) }, clock)
    const offering = (provider: string): ModelCatalogue => ({ models: [], connectedProviders: [provider], defaultModels: {} })
    const unknown = [models.list(), models.list()]
    await clock.advance(4_000)
    for (const one of await Promise.all(unknown)) assert.match(one.message ?? '', 'not known')
    assert.is(asked.length, 1)
    asked[0]?.(offering('first'))
    await clock.advance(0)
    assert.equal(await models.list(), offering('first'))
    await clock.advance(61_000)
    const slow = models.list()
    await clock.advance(250)
    assert.equal(await slow, { ...offering('first'), stale: true })
    asked[1]?.(offering('second'))
    await clock.advance(0)
    assert.equal([await models.list(), asked.length], [offering('second'), 2])
  })
  it('refuses an unknown model naming the offered ones, and does not take a failure for "unknown"', async () => {
    await using at = await startWorld()
    await at.models.assertModelKnown({ provider: 'fake', model: 'm1' })
    try {
      await at.models.assertModelKnown({ provider: 'fake', model: 'm9' })
      assert.unreachable()
    } catch (error) {
      assert.ok(isCode(error, 'MODEL_UNKNOWN'))
      assert.match(error.hint, 'fake/m1')
    }
    at.fake.server.failNext('models', { kind: 'break' })
    assert.is(await codeOf(at.models.assertModelKnown({ provider: 'fake', model: 'm9' })), 'OPENCODE_UNREACHABLE')
  })
})

describe('the example in a prompt', (it) => {
  it('is its last complete block or fence', () => {
    assert.is(lastExample('nothing'), undefined)
    assert.is(lastExample('<A>1</A> then <B_2>2</B_2> end'), '<B_2>2</B_2>')
    assert.is(lastExample('<A>1</A>\n```yaml\na: 1\n```\n'), '```yaml\na: 1\n```')
    assert.is(lastExample('<A>1</A> and <B>open'), '<A>1</A>')
  })
})
