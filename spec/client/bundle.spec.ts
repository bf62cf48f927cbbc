/** What a browser loads of us. */
import { build } from 'esbuild'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
/** Minified, with tRPC's client and the schemas of the events; before compression. */
const LIMIT_KB = 72

describe('the client in a bundle', (it) => {
  it('is small, and holds nothing of the server and nothing of Node', async () => {
    const { metafile } = await build({
      entryPoints: [path.join(ROOT, 'router/client.ts')],
      ...{ bundle: true, minify: true, write: false, metafile: true, format: 'esm', platform: 'browser', target: 'es2023' },
      logLevel: 'silent',
    })
    const [output] = Object.values(metafile.outputs)
    const inputs = Object.entries(output?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : []))
    const ours = inputs.filter((file) => /^(core|router|plugins|phases)\//.test(file)).toSorted()
    assert.equal(
      ours.filter(
        (file) =>
          !/^(core\/events\/(index|events|live)|core\/(ticket|redact|money)|router\/(client|attach-file)|router\/watch\/\w+)\.ts$/.test(
            file,
          ),
      ),
      [],
    )
    assert.equal(
      inputs.filter((file) => file.includes('@trpc/server') && /adapters|initTRPC/.test(file)),
      [],
    )
    assert.equal(output?.imports ?? [], [])
    const size = Math.ceil((output?.bytes ?? Infinity) / 1024)
    assert.ok(size <= LIMIT_KB, `${size} KiB`)
    if (process.env['LOOPTROOP_SHOW']) console.log(`${size} KiB`)
  })
})
