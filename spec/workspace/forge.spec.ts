import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { systemClock } from '../../core/ports.ts'
import { createWorkspace } from '../../core/workspace/index.ts'
import { installFakeGh } from '../../scripts/demo/fake-gh.ts'
import { describe } from '../helpers/suite.ts'
import { gitIn, testRepository } from '../helpers/repository.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

async function stage() {
  const folder = await tempFolder('forge')
  const repo = await testRepository({ 'a.txt': 'one\n', 'b.txt': 'one\n' })
  const remote = join(folder.path, 'remote.git')
  await promisify(execFile)('git', ['clone', '--quiet', '--bare', repo.path, remote])
  await gitIn(repo.path, 'remote', 'add', 'origin', remote)
  await installFakeGh(join(folder.path, 'bin'))
  const before = process.env['PATH']
  process.env['PATH'] = `${join(folder.path, 'bin')}${delimiter}${before}`
  const baseCommit = (await gitIn(repo.path, 'rev-parse', 'main')).trim()
  const workspace = createWorkspace({
    repoPath: repo.path,
    worktreePath: join(folder.path, 'tree'),
    branch: 'looptroop/T-1',
    baseCommit,
    clock: systemClock,
  })
  await workspace.ensure()
  return {
    ...{ workspace, repo, remote },
    log: async () => (await readFile(join(remote, 'gh.log'), 'utf8')).trim().split('\n'),
    [Symbol.asyncDispose]: async () => {
      process.env['PATH'] = before
      await repo[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
const text = { title: 'T', body: 'B', base: 'main', draft: true }

describe('the forge', (it) => {
  it('opens a pull request once, gives it another text, and merges what was reviewed', async () => {
    await using world = await stage()
    const { workspace, remote } = world
    const { forge } = workspace
    assert.equal(await forge.available(), { ok: true })
    assert.is(await forge.find(), null)
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    assert.equal(await workspace.push(), { pushed: true })
    assert.equal(await workspace.push(), { pushed: true })
    const at = { head: await workspace.head() }
    const opened = await forge.open({ ...text, ...at })
    assert.equal(await forge.open({ ...text, ...at, title: 'Again' }), opened)
    assert.equal([opened.state, opened.draft, opened.head, opened.base], ['open', true, await workspace.head(), 'main'])
    assert.is((await world.log()).filter((line) => line.startsWith('pr create')).length, 1)
    assert.match(String(await forge.merge('0000').catch((error: unknown) => error)), /what was reviewed is 0000/)
    assert.is((await forge.merge(await workspace.head())).state, 'merged')
    assert.is((await forge.merge(await workspace.head())).state, 'merged')
    assert.is((await forge.close()).state, 'merged')
    assert.match(await gitIn(remote, 'show', 'main:a.txt'), 'two')
  })
  it('says what is missing: a remote, the tool', async () => {
    await using world = await stage()
    await gitIn(world.repo.path, 'remote', 'remove', 'origin')
    assert.match((await world.workspace.forge.available()).reason ?? '', /no remote/)
  })
  it('recognises a push whose reply was lost', async () => {
    await using world = await stage()
    const { workspace, repo } = world
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    assert.equal(await workspace.push(), { pushed: true })
    await gitIn(repo.path, 'update-ref', '-d', 'refs/looptroop/pushed/origin/looptroop/T-1')
    assert.equal(await workspace.push(), { pushed: true })
  })
})

describe('a base branch that moved on', (it) => {
  const onMain = async (path: string, file: string, content: string): Promise<void> => {
    await writeFile(join(path, file), content)
    await gitIn(path, '-c', 'user.name=P', '-c', 'user.email=p@localhost', 'commit', '-qam', 'elsewhere')
  }
  it('is merged once, and the change is squashed onto it', async () => {
    await using world = await stage()
    const { workspace, repo } = world
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    const update = () => workspace.update({ baseBranch: 'main', key: 'k2' })
    assert.equal((await update()).moved, false)
    await onMain(repo.path, 'b.txt', 'main\n')
    assert.equal([(await update()).moved, await workspace.changed()], [true, []])
    const head = await workspace.head()
    assert.equal([(await update()).moved, await workspace.head()], [true, head])
    assert.is(await readFile(join(workspace.path, 'b.txt'), 'utf8'), 'main\n')
    const { base } = await workspace.squash({ message: 'all', key: 'k3', baseBranch: 'main' })
    assert.is(base, (await gitIn(repo.path, 'rev-parse', 'main')).trim())
    assert.equal((await gitIn(repo.path, 'diff', '--name-only', base, 'looptroop/T-1')).trim(), 'a.txt')
  })
  it('with conflicts changes nothing and names the paths', async () => {
    await using world = await stage()
    const { workspace, repo } = world
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    const head = await workspace.head()
    await onMain(repo.path, 'a.txt', 'main\n')
    assert.equal((await workspace.update({ baseBranch: 'main', key: 'k2' })).conflicts, ['a.txt'])
    assert.equal([await workspace.head(), await workspace.changed()], [head, []])
  })
})
