/** The chaos run as a person starts it, with few kills: nothing is lost, nothing happens twice, and nothing is left behind. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { processesOf, runScript } from './script-run.ts'

const RUNS = [
  ['--kills', '6', '--seed', '11'],
  ['--pipeline', 'full', '--kills', '8', '--seed', '11', '--tickets', '1'],
]

describe('chaos', (it) => {
  for (const args of RUNS)
    it(
      args.join(' '),
      async () => {
        await using folder = await tempFolder('chaos')
        const { code, stdout, stderr } = await runScript('chaos.ts', { args, folder: folder.path })
        assert.is(code, 0, `${stdout.slice(-4_000)}${stderr.slice(-2_000)}`)
        assert.match(stdout, /^kills=\d tickets=\d+ lost=0 twice=0 gaps=0 orphans=0 ok$/m)
        if (args.includes('full')) assert.match(stdout, /the same in (\d+) of \1/)
        assert.equal(await processesOf(folder.path), [])
      },
      { timeoutMs: 900_000 },
    )
  it('says which pipelines it can play', async () => {
    await using folder = await tempFolder('chaos')
    const { code, stderr } = await runScript('chaos.ts', { args: ['--pipeline', 'none'], folder: folder.path })
    assert.equal([code, stderr.trim()], [2, 'There is no script for the pipeline none; there are quick, full.'])
  })
})
