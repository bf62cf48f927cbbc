/** The terminal client as a person runs it, against a server of its own on the mock. */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { processesOf, runScript, startScript, type ScriptEnd } from './script-run.ts'

async function repository(folder: string): Promise<string> {
  const repo = path.join(folder, 'shop')
  await mkdir(repo)
  await writeFile(path.join(repo, 'README.md'), 'A shop.\n')
  const git = (...args: readonly string[]): unknown =>
    execFileSync('git', ['-C', repo, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args])
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('commit', '-q', '-m', 'first')
  return repo
}

describe('looptroop in a terminal', (it) => {
  it(
    'attaches, creates, watches, approves and shows the change, with an exit code for each end',
    async () => {
      await using folder = await tempFolder('cli')
      const repo = await repository(folder.path)
      const serving = await startScript('cli.ts', { folder: folder.path, args: ['serve'], env: { LOOPTROOP_PORT: '0' }, cwd: folder.path })
      using _ = { [Symbol.dispose]: () => void serving.child.kill('SIGKILL') }
      await serving.prints(/Next:/)
      const url = /listens on (\S+)\/trpc/.exec(serving.stdout())?.[1] ?? ''
      const cli = (...args: readonly string[]): Promise<ScriptEnd> =>
        runScript('cli.ts', { folder: folder.path, args, env: { LOOPTROOP_URL: url }, cwd: folder.path })
      const json = async (...args: readonly string[]): Promise<unknown> => JSON.parse((await cli('--json', ...args)).stdout)

      assert.match((await cli('new', 'x')).stderr, /No project is attached yet/)
      assert.match((await cli('attach', repo, '--key', 'SHOP')).stdout, /^SHOP {2}shop /)
      const made = (await json('new', 'Add a till', '--pipeline', 'quick', '--model', 'fake/m1')) as { id: string; status: string }
      assert.is(made.id, 'SHOP-1', JSON.stringify(made))
      const unstarted = await cli('new', 'No model', '--pipeline', 'quick')
      assert.match(unstarted.stderr, /^SHOP-2 stays a draft: looptroop start SHOP-2, or delete SHOP-2\.\nNo main model/)
      const watching = await startScript('cli.ts', { folder: folder.path, args: ['watch', 'SHOP-1'], env: { LOOPTROOP_URL: url } })
      await watching.prints(/waits for you: gate/)
      assert.match((await cli('inbox')).stdout, /SHOP-1 {2}gate/)
      const wrong = await cli('answer', 'SHOP-1', 'blue')
      assert.equal([wrong.code, /no open question or permission/.test(wrong.stderr)], [2, true])
      const plan = path.join(folder.path, 'plan.yaml')
      const { content } = (await json('artifact', 'SHOP-1', 'beads')) as { content: string }
      await writeFile(plan, `${content}\n# by hand\n`)
      assert.is((await cli('edit', 'SHOP-1', 'beads', plan, '--dry-run')).stdout, 'SHOP-1 would go on where it is.\n')
      const approved = await cli('approve', 'SHOP-1')
      assert.equal([approved.code, approved.stderr], [0, ''])
      const end = await watching.ended
      assert.equal([end.code, end.stderr, /\ncompleted · \$0\.0000 · \d+ tokens/.test(end.stdout)], [0, '', true])
      assert.match((await cli('list')).stdout, /SHOP-1 +completed .*\$0\.0000 · \d+ tokens/)
      assert.match((await cli('costs', 'SHOP-1')).stdout, /^SHOP-1 {2}\$0\.0000 .*\nby phase\n[^]*\nby model\n {2}fake\/m1 /)
      assert.match((await cli('limit', '--project', 'SHOP', '--cost', '9.5')).stdout, /^SHOP: limits\.projectCost = 9\.5$/m)
      assert.match((await cli('costs')).stdout, /^project .*\(limit: \$9\.5\)\nSHOP-1 /)
      const limits = [
        await cli('limit', 'SHOP-1', '--cost', '1'),
        await cli('limit', 'SHOP-1'),
        await cli('limit', 'SHOP-1', '--cost', 'x'),
      ]
      assert.equal(
        limits.map((end) => end.code),
        [6, 2, 2],
        'it is over; which; how much',
      )
      const events = (await cli('--json', 'watch', 'SHOP-1')).stdout.trim().split('\n')
      assert.equal(
        events.map((line) => (JSON.parse(line) as { seq: number }).seq),
        events.map((_, i) => i + 1),
      )
      assert.is(typeof ((await json('diff', 'SHOP-1')) as { patch: string }).patch, 'string')

      const busy = (await json('pause', '--server')) as { paused: boolean; busy: string[] }
      assert.equal([busy, (await cli('resume', '--server')).stdout], [{ paused: true, busy: [] }, 'the server is resumed\n'])
      assert.equal([(await cli('pause')).code, (await cli('pause', 'SHOP-1')).code], [2, 6])
      const file = path.join(folder.path, 'all.backup')
      const saved = await json('backup', file)
      assert.equal((saved as { projects: string[] }).projects, ['SHOP'])
      const refused = await cli('restore', file)
      assert.equal([refused.code, /a LoopTroop server \(process \d+\) uses /.test(refused.stderr)], [6, true], refused.stderr)
      assert.match((await cli('delete', 'SHOP-1')).stdout, /^SHOP-1 is deleted$/m)

      assert.equal([(await cli('cancel', 'SHOP-1')).code, (await cli('watch', 'SHOP-9')).code, (await cli('nothing')).code], [5, 5, 2])
      serving.child.kill('SIGTERM')
      assert.is((await serving.ended).code, 0)
      const restored = await cli('restore', file)
      assert.equal([restored.code, restored.stderr, /^Restored the backup of .*: SHOP$/m.test(restored.stdout)], [0, '', true])
      assert.equal([(await cli('restore', repo)).code, (await cli('restore', path.join(folder.path, 'none'))).code], [2, 2])
      const alone = await cli('--json', 'list')
      assert.equal([alone.code, (JSON.parse(alone.stdout) as { error: { code: string } }).error.code], [3, 'NO_SERVER'])
      assert.equal(await processesOf(folder.path), [])
    },
    { timeoutMs: 180_000 },
  )
})
