import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { isRetryAfter } from '../../plugins/errors.ts'
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
    const { updatedAt } = await forge.open({ ...text, ...at, title: 'Again' })
    assert.ok((updatedAt ?? 0) >= (opened.updatedAt ?? Infinity))
    assert.equal([opened.state, opened.draft, opened.head, opened.base], ['open', true, await workspace.head(), 'main'])
    assert.is((await world.log()).filter((line) => line.startsWith('pr create')).length, 1)
    assert.match(String(await forge.merge('0000').catch((error: unknown) => error)), /what was reviewed is 0000/)
    assert.is((await forge.merge(await workspace.head())).state, 'merged')
    assert.is((await forge.merge(await workspace.head())).state, 'merged')
    assert.is((await forge.close()).state, 'merged')
    assert.match(await gitIn(remote, 'show', 'main:a.txt'), 'two')
    const again = await forge.open({ ...text, ...at }) // somebody merged it while its reply was lost
    assert.equal([again.state, again.number, (await world.log()).filter((line) => line.startsWith('pr create')).length], ['merged', 1, 1])
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

describe('a push', (it) => {
  it('whose reply was lost is known by what was noted before it, also when the branch has moved on since', async () => {
    await using world = await stage()
    const { workspace, repo, remote } = world
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    assert.equal(await workspace.push(), { pushed: true })
    await writeFile(join(workspace.path, 'a.txt'), 'three\n')
    await workspace.commit({ message: 'three', key: 'k2' })
    const before = (await gitIn(repo.path, 'rev-parse', 'refs/looptroop/pushed/origin/looptroop/T-1')).trim()
    assert.equal(await workspace.push(), { pushed: true })
    await gitIn(repo.path, 'update-ref', 'refs/looptroop/pushed/origin/looptroop/T-1', before) // as after a kill before it was marked
    const { commit } = await workspace.squash({ message: 'all', key: 'k3', baseBranch: 'main' })
    assert.equal(await workspace.push(), { pushed: true })
    assert.is((await gitIn(remote, 'rev-parse', 'looptroop/T-1')).trim(), commit)
  })
  it('never replaces what somebody else pushed there', async () => {
    await using world = await stage()
    const { workspace, repo, remote } = world
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    assert.equal(await workspace.push(), { pushed: true })
    const theirs = (await gitIn(repo.path, 'commit-tree', '-m', 'theirs', 'main^{tree}', '-p', 'looptroop/T-1')).trim()
    await gitIn(repo.path, 'push', '--quiet', 'origin', `${theirs}:refs/heads/looptroop/T-1`)
    await workspace.squash({ message: 'all', key: 'k3', baseBranch: 'main' })
    const end = await workspace.push()
    assert.equal([end.pushed, (await gitIn(remote, 'rev-parse', 'looptroop/T-1')).trim()], [false, theirs])
  })
})

describe('a forge that takes no more calls', (it) => {
  const refusal = async (reset: number | null): Promise<unknown> => {
    await using world = await stage()
    await writeFile(join(world.remote, 'gh-limit.json'), JSON.stringify({ reset }))
    return await world.workspace.forge.find().catch((error: unknown) => error)
  }
  it('is asked again when it says, or after a while when it names no time', async () => {
    const named = await refusal(Math.ceil(Date.now() / 1_000) + 600)
    assert.ok(isRetryAfter(named), String(named))
    assert.ok(named.delayMs > 550_000 && named.delayMs <= 601_000, String(named.delayMs))
    const unnamed = await refusal(null)
    assert.ok(isRetryAfter(unnamed) && unnamed.delayMs === 300_000, String(unnamed))
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
  it('counts as it is at the remote too, without a trace in the person’s own references', async () => {
    await using world = await stage()
    const { workspace, repo, remote } = world
    await writeFile(join(workspace.path, 'a.txt'), 'two\n')
    await workspace.commit({ message: 'two', key: 'k1' })
    const tree = (await gitIn(repo.path, 'rev-parse', 'main^{tree}')).trim()
    const tip = (await gitIn(remote, 'commit-tree', '-m', 'elsewhere', tree, '-p', 'main')).trim()
    await gitIn(remote, 'update-ref', 'refs/heads/main', tip)
    const references = () => gitIn(repo.path, 'for-each-ref', 'refs/heads/main', 'refs/remotes')
    const [before, head] = [await references(), await workspace.head()]
    assert.equal(await workspace.update({ baseBranch: 'main', key: 'k2', look: true }), { moved: true, base: tip, conflicts: [] })
    assert.is(await workspace.head(), head)
    assert.equal((await workspace.update({ baseBranch: 'main', key: 'k2' })).moved, true)
    assert.is((await gitIn(repo.path, 'merge-base', tip, 'looptroop/T-1')).trim(), tip)
    assert.is(await references(), before)
    assert.equal((await workspace.squash({ message: 'all', key: 'k3', baseBranch: 'main' })).base, tip)
    assert.equal((await workspace.update({ baseBranch: 'main', key: 'k4' })).moved, false)
    await rm(remote, { recursive: true }) // cannot be asked: what is known here counts
    assert.equal((await workspace.update({ baseBranch: 'main', key: 'k5' })).moved, false)
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
