/** `npm start` on the mock: what it says, why it does not start, and that it leaves nothing behind. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { createLoopTroopClient } from '../../router/client.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { leftInTmp, processesOf, runScript, startScript } from './script-run.ts'

const ANY_PORT = { LOOPTROOP_PORT: '0' }

describe('npm start', (it) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`says where it listens and what is next, serves, and ends at ${signal} with nothing left`, async () => {
      await using folder = await tempFolder('serve')
      const { child, ended, prints, stdout } = await startScript('serve.ts', { folder: folder.path, env: ANY_PORT, cwd: folder.path })
      await prints(/Next:/)
      assert.match(stdout(), /Using the mock instead of OpenCode/)
      const url = /listens on (\S+)\/trpc/.exec(stdout())?.[1] ?? ''
      const token = (await readFile(path.join(folder.path, 'data/token'), 'utf8')).trim()
      assert.match(stdout(), path.join(folder.path, 'data/token'))
      const client = createLoopTroopClient({ url, token })
      assert.is((await client.health.check.query()).status, 'ok')
      await client.close()
      child.kill(signal)
      const end = await ended
      assert.equal([end.code, end.stderr], [0, ''])
      assert.match(end.stdout, `${signal}: stopping`)
      assert.equal([await processesOf(folder.path), await leftInTmp(folder.path)], [[], []])
    })
  }

  it('says that the port is in use and what to do, and exits with 1', async () => {
    await using folder = await tempFolder('serve')
    const stranger = createServer()
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const { port } = stranger.address() as AddressInfo
    const end = await runScript('serve.ts', { folder: folder.path, env: { LOOPTROOP_PORT: String(port) }, cwd: folder.path })
    stranger.close()
    assert.is(end.code, 1)
    assert.match(end.stderr, new RegExp(`127\\.0\\.0\\.1:${port} is in use`))
    assert.match(end.stderr, /→ .*LOOPTROOP_PORT/)
    assert.equal(await processesOf(folder.path), [])
    const bad = await runScript('serve.ts', { folder: folder.path, env: { LOOPTROOP_PORT: 'http' }, cwd: folder.path })
    assert.equal([bad.code, /`LOOPTROOP_PORT` must be a port number, not http/.test(bad.stderr)], [1, true])
  })

  it('names every mistake of a configuration, and does not start', async () => {
    await using folder = await tempFolder('serve')
    const config = `export default {
      plugins: ['looptroop-plugin-nowhere', { id: 'bad id', label: 'x' }],
      pipelines: [{ name: 'own', label: 'Own', rows: [{ phase: 'NOWHERE', group: 'g' }] }],
      setings: {},
    }`
    await writeFile(path.join(folder.path, 'looptroop.config.mjs'), config)
    const { code, stderr, stdout } = await runScript('serve.ts', { folder: folder.path, env: ANY_PORT, cwd: folder.path })
    assert.equal([code, stdout], [1, ''])
    for (const words of [/looptroop-plugin-nowhere\] `module`/, /bad id\] `id`/, /pipeline own\] `rows\[0\]`/, /configuration\] `setings`/])
      assert.match(stderr, words)
  })
})
