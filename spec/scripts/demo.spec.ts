/** The demo's own ends, on the mock; the whole of it on a real OpenCode is spec/live/demo.live.spec.ts. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { readOptions } from '../../scripts/demo/options.ts'
import { refusal } from '../core/person.ts'
import { testRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { leftInTmp, processesOf, runScript } from './script-run.ts'

const PLUGINS = path.resolve(import.meta.dirname, '../../plugins/index.ts')
/** The person's own `quick`, which gives up. */
const CONFIG = `
import { GiveUp, definePhase } from '${PLUGINS}'
const failing = definePhase({ id: 'FAILING', label: 'Failing', run: () => { throw new GiveUp('the well is dry', { hint: 'Wait for rain.' }) } })
export default { plugins: [failing], pipelines: [{ name: 'quick', label: 'Quick', rows: [{ phase: 'FAILING', group: 'g' }] }] }
`

describe('the demo on a repository of one’s own', (it) => {
  const own = (repo: string, model = 'fake/m1'): readonly string[] => ['--repo', repo, '--title', 'Do it', '--model', model, '--yes']

  it(
    'ends with 0 and the branch when the ticket completes',
    async () => {
      await using folder = await tempFolder('demo')
      await using repo = await testRepository()
      const end = await runScript('demo.ts', { folder: folder.path, args: own(repo.path) })
      assert.is(end.code, 0, end.stderr)
      assert.match(end.stdout, /completed on branch looptroop\//)
      assert.equal([await processesOf(folder.path), await leftInTmp(folder.path)], [[], []])
    },
    { timeoutMs: 60_000 },
  )
  it(
    'ends with 1 and the reason when it does not',
    async () => {
      await using folder = await tempFolder('demo')
      await using repo = await testRepository()
      await writeFile(path.join(repo.path, 'looptroop.config.mts'), CONFIG)
      const end = await runScript('demo.ts', { folder: folder.path, args: own(repo.path) })
      assert.is(end.code, 1)
      assert.match(end.stderr, /blocked: \[phase FAILING\] the well is dry Wait for rain\./)
      assert.equal([await processesOf(folder.path), await leftInTmp(folder.path)], [[], []])
      const unknown = await runScript('demo.ts', { folder: folder.path, args: own(repo.path, 'fake/m9') })
      assert.is(unknown.code, 1)
      assert.match(unknown.stderr, /does not offer fake\/m9/)
    },
    { timeoutMs: 60_000 },
  )
  it('says which argument is missing or wrong', async () => {
    const field = async (...args: string[]): Promise<unknown> => (await refusal(() => readOptions(args))).field
    const named = [
      await field('--repo', '.'),
      await field('--repo', '.', '--title', 'x'),
      await field('--title', 'x'),
      await field('--wrong'),
    ]
    assert.equal(named, ['--title', '--model', '--repo', 'arguments'])
  })
})
