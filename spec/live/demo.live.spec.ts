/** `npm run demo` as a newcomer runs it: a real OpenCode, a scripted model, a sample repository, and nothing left. */
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { leftInTmp, processesOf, runScript } from '../scripts/script-run.ts'

describe('npm run demo', (it) => {
  it('carries the sample ticket to a verified commit and shows how', async () => {
    await using folder = await tempFolder('demo')
    const end = await runScript('demo.ts', { folder: folder.path, args: ['--yes'], env: { LOOPTROOP_OPENCODE_MODE: '' } })
    assert.is(end.code, 0, `${end.stdout}\n${end.stderr}`)
    const shown: readonly RegExp[] = [
      /✔ \S+ completed on branch looptroop\/\S+/,
      /\d+ files? changed, \d+ insertions?/,
      /server-run test: passed/,
      /the sample's own test: on main fails, on the branch passes/,
      /model requests \d+ for \d+ turns, each posted 1 time/,
      /events \d+ · tool calls \d+ · \$[\d.]+ · [\d,]+ tokens/,
      /look further: git -C/,
    ]
    for (const words of shown) assert.match(end.stdout, words)
    assert.not.match(end.stdout, '\u001b[')
    assert.equal([await processesOf(folder.path), await leftInTmp(folder.path)], [[], []])
  })
})
