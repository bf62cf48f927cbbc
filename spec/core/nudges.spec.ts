/** People are told of what waits for them: once an entry, tried again, at least once across a crash. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import * as assert from 'uvu/assert'
import type { Json } from '../../plugins/contract.ts'
import type { Deliver } from '../../core/notify/deliver.ts'
import { killingStore } from '../crash/killing-store.ts'
import type { Kill } from '../crash/killing-store.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import type { World, WorldOptions } from '../helpers/world.ts'
import { approvePlan, refusal } from './person.ts'

const SECRET = 'sk-abcdefghijklmnopqrstuvwx'
const MINUTE = 60_000

/** At its gate, with somebody to tell. */
async function waiting(notify: Json, options: WorldOptions = {}): Promise<World & { ticketId: string; entry: string }> {
  const world = await startWorld(options)
  await world.kernel.settings.update({ scope: 'app', patch: { notify } })
  const { id: ticketId } = await world.start(`Put ${SECRET} away`)
  await world.drive()
  const [entry] = (await world.kernel.inbox.list({ ticketId })).items
  return Object.assign(world, { ticketId, entry: entry?.id ?? '' })
}

/** Takes nudges, or refuses them by a script. */
function recorder(fails: (n: number) => boolean = () => false): { deliver: Deliver; keys: string[]; bodies: { try: number }[] } {
  const keys: string[] = []
  const bodies: { try: number }[] = []
  const deliver: Deliver = async (_, { key, body }) => {
    keys.push(key)
    bodies.push(JSON.parse(body) as { try: number })
    if (fails(keys.length)) throw new Error('nobody is there')
  }
  return { deliver, keys, bodies }
}
const ANYWHERE = { url: 'http://127.0.0.1:9/' }

describe('nudges', (it) => {
  it('are posted once for each entry, with a key, and without secrets', async () => {
    const seen: { key: string | undefined; body: string }[] = []
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        seen.push({ key: request.headers['idempotency-key'] as string | undefined, body })
        response.writeHead(204).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await using world = await waiting({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` })
    assert.equal(await world.kernel.nudge(), { sent: [world.entry], failed: [] })
    assert.equal(await world.kernel.nudge(), { sent: [], failed: [] })
    server.close()
    server.closeAllConnections()
    const [{ key, body } = { key: '', body: '' }] = seen
    const told = JSON.parse(body) as Record<string, unknown>
    assert.equal([seen.length, key, told['key']], [1, `${world.ticketId}/${world.entry}`, key])
    assert.equal([told['kind'], told['ticketId'], told['project'], told['title']], ['gate', world.ticketId, 'SPEC', 'Put *** away'])
    assert.not.match(body, SECRET)
  })

  it('go to a command without a shell, on its standard input', async () => {
    await using world = await startWorld()
    const out = path.join(world.dataDir, 'nudge.json')
    const script = `process.stdin.pipe(require('node:fs').createWriteStream(process.argv[1]))`
    const trap = `$(touch ${world.dataDir}/trap)`
    await world.kernel.settings.update({ scope: 'app', patch: { notify: { command: [process.execPath, '-e', script, out, trap] } } })
    const { id } = await world.start()
    await world.drive()
    assert.is((await world.kernel.nudge()).sent.length, 1)
    assert.is((JSON.parse(await readFile(out, 'utf8')) as { ticketId: string }).ticketId, id)
    assert.not.ok(existsSync(path.join(world.dataDir, 'trap')))
    await world.kernel.settings.update({ scope: 'app', patch: { notify: { command: [process.execPath, '-e', 'process.exit(3)'] } } })
    await world.kernel.tickets.cancel({ ticketId: id })
    await world.start()
    await world.drive()
    assert.is((await world.kernel.nudge()).failed.length, 1)
  })

  it('are tried again later and later, then given up; each try under the same key', async () => {
    const { deliver, keys, bodies } = recorder(() => true)
    await using world = await waiting(ANYWHERE, { deliver })
    const later = [0, 0, 11_000, 12_000, 2 * MINUTE, 10 * MINUTE, 60 * MINUTE, 300 * MINUTE, 9_999 * MINUTE]
    const tries: number[] = []
    for (const ms of later) {
      await world.kernel.stop()
      await (await world.reopen(ms)).nudge()
      tries.push(keys.length)
    }
    assert.equal(tries, [1, 1, 2, 2, 3, 4, 5, 6, 6])
    assert.equal(new Set(keys), new Set([`${world.ticketId}/${world.entry}`]))
    assert.equal(
      bodies.map((b) => b.try),
      [1, 2, 3, 4, 5, 6],
    )
  })

  it('are not sent for what is decided meanwhile, nor without a target', async () => {
    const { deliver, keys } = recorder()
    await using world = await waiting(null, { deliver })
    await world.kernel.nudge()
    await world.kernel.settings.update({ scope: 'app', patch: { notify: ANYWHERE } })
    await approvePlan(world, world.ticketId)
    await world.kernel.nudge()
    assert.equal(keys, [])
  })

  it('never hold up the work, and end when the kernel stops', async () => {
    const hanging: Deliver = (_, __, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }))
    await using world = await waiting(ANYWHERE, { deliver: hanging })
    const round = world.kernel.nudge()
    await approvePlan(world, world.ticketId)
    await world.drive()
    assert.is((await world.kernel.tickets.get(world.ticketId)).status, 'completed')
    await world.kernel.stop()
    assert.equal(await round, { sent: [], failed: [world.entry] })
  })

  it('come by themselves while the kernel loops', async () => {
    const { deliver, keys } = recorder()
    await using world = await startWorld({ deliver })
    await world.kernel.settings.update({ scope: 'app', patch: { notify: ANYWHERE } })
    const looping = world.kernel.loop()
    await world.start()
    await until(() => keys.length === 1)
    await world.kernel.stop()
    await looping
  })

  it('need an address or a command', async () => {
    await using world = await startWorld()
    for (const notify of [{ url: 'ftp://x' }, { url: 'x' }, { command: [] }, { command: 'ls' }, { url: 'http://x', command: ['y'] }])
      assert.equal((await refusal(() => world.kernel.settings.update({ scope: 'app', patch: { notify } }))).field, 'notify')
  })
})

describe('nudges, killed', (it) => {
  const deliveries: readonly (readonly [Kill, number])[] = [
    [{ verb: 'claimNudge', when: 'before', nth: 1 }, 1],
    [{ verb: 'claimNudge', when: 'after', nth: 1 }, 1],
    // It was taken, and nobody knows: once more, under the same key.
    [{ verb: 'endNudge', when: 'before', nth: 1 }, 2],
    [{ verb: 'endNudge', when: 'after', nth: 1 }, 1],
  ]
  for (const [kill, expected] of deliveries)
    it(`${kill.when} ${kill.verb}: delivered ${expected === 1 ? 'once' : 'twice under one key'}`, async () => {
      const { deliver, keys } = recorder()
      let lives = 0
      await using world = await waiting(ANYWHERE, {
        deliver,
        stores: (opener) => ({
          openApp: (url) => opener.openApp(url),
          openProject: async (url, identity) => killingStore(await opener.openProject(url, identity), lives++ === 0 ? kill : null).store,
        }),
      })
      await world.kernel.nudge().catch(() => undefined)
      await world.kernel.stop().catch(() => undefined)
      const kernel = await world.reopen(MINUTE)
      await kernel.nudge()
      await kernel.nudge()
      assert.equal(
        keys,
        Array.from({ length: expected }, () => `${world.ticketId}/${world.entry}`),
      )
    })
})
