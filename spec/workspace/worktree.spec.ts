import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { isCode, type ErrorCode } from '../../core/errors.ts'
import { systemClock } from '../../core/ports.ts'
import { commitOf, createWorkspace, diffOfBranch, excludeLocally, inspectRepository, type Workspace } from '../../core/workspace/index.ts'
import { gitIn, testRepository, type TestRepository } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { isAlive, until } from '../helpers/waiting.ts'

const FILES = { 'README.md': 'hello\n', 'src/a.ts': 'a\n', 'src/b.ts': 'b\n', '.gitignore': 'node_modules/\n*.log\n' }

interface World extends AsyncDisposable {
  readonly repo: TestRepository
  readonly base: string
  readonly work: Workspace
  /** The same worktree as a fresh process would open it. */
  again(): Workspace
  file(name: string): string
  write(name: string, content: string): Promise<void>
  git(...args: string[]): Promise<string>
}

async function startWorld(files: Readonly<Record<string, string>> = FILES): Promise<World> {
  const repo = await testRepository(files)
  await excludeLocally(repo.path)
  const base = await repo.git('rev-parse', 'HEAD')
  const worktreePath = path.join(repo.path, '.looptroop/worktrees/T-1')
  const again = () => createWorkspace({ repoPath: repo.path, worktreePath, branch: 'looptroop/T-1', baseCommit: base, clock: systemClock })
  const work = again()
  await work.ensure()
  const file = (name: string): string => path.join(worktreePath, name)
  const write = async (name: string, content: string): Promise<void> => {
    await mkdir(path.dirname(file(name)), { recursive: true })
    await writeFile(file(name), content)
  }
  return {
    repo,
    base,
    work,
    again,
    file,
    write,
    git: (...args) => gitIn(worktreePath, ...args),
    [Symbol.asyncDispose]: () => repo[Symbol.asyncDispose](),
  }
}

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none'> {
  try {
    await promise
    return 'none'
  } catch (error) {
    if (
      isCode(
        error,
        'PROJECT_NOT_GIT',
        'PROJECT_NO_COMMIT',
        'PROJECT_TRACKS_LOOPTROOP',
        'GIT_FAILED',
        'SQUASH_CONFLICT',
        'WORKTREE_BROKEN',
        'INVALID_INPUT',
      )
    )
      return error.code
    throw error
  }
}

describe('the repository', (it) => {
  it('is inspected: top folder, default branch, newest commit', async () => {
    await using repo = await testRepository()
    const found = await inspectRepository(repo.path)
    assert.equal(found, {
      path: repo.path,
      commonDir: path.join(repo.path, '.git'),
      defaultBranch: 'main',
      head: await repo.git('rev-parse', 'HEAD'),
    })
    assert.is(await commitOf(repo.path, 'main'), found.head)
  })
  it('is refused with a code when it is none, has no commit, or tracks .looptroop', async () => {
    await using folder = await tempFolder()
    assert.is(await codeOf(inspectRepository(folder.path)), 'PROJECT_NOT_GIT')
    assert.is(await codeOf(inspectRepository(path.join(folder.path, 'missing'))), 'PROJECT_NOT_GIT')
    await using empty = await testRepository({})
    assert.is(await codeOf(inspectRepository(empty.path)), 'PROJECT_NO_COMMIT')
    await using deep = await testRepository({ 'deep/file': 'x' })
    assert.is(await codeOf(inspectRepository(path.join(deep.path, 'deep'))), 'PROJECT_NOT_GIT')
    await using tracking = await testRepository({ '.looptroop/db': 'x' })
    assert.is(await codeOf(inspectRepository(tracking.path)), 'PROJECT_TRACKS_LOOPTROOP')
  })
  it('excludes .looptroop locally, once, and is not changed otherwise', async () => {
    await using repo = await testRepository()
    await excludeLocally(repo.path)
    await excludeLocally(repo.path)
    const text = await readFile(path.join(repo.path, '.git/info/exclude'), 'utf8')
    assert.is(text.split('\n').filter((line) => line === '.looptroop/').length, 1)
    await repo.write('.looptroop/db', 'x')
    assert.is(await repo.git('status', '--porcelain'), '')
  })
})

describe('making a worktree', (it) => {
  it('a second call adopts it with its changes; the own checkout stays as it was', async () => {
    await using world = await startWorld()
    await world.write('src/a.ts', 'changed\n')
    await world.again().ensure()
    assert.equal(await world.work.changed(), ['src/a.ts'])
    assert.is(await world.work.head(), world.base)
    assert.is(await world.repo.git('status', '--porcelain'), '')
    assert.is(await world.repo.git('branch', '--show-current'), 'main')
  })
  it('half-made ones are made anew: no folder, folder without administration, still being initialised', async () => {
    await using world = await startWorld()
    const admin = path.join(world.repo.path, '.git/worktrees/T-1')
    await rm(world.work.path, { recursive: true })
    await world.again().ensure()
    assert.equal(await world.work.changed(), [])
    await rm(admin, { recursive: true })
    await world.again().ensure()
    assert.equal(await world.work.changed(), [])
    await writeFile(path.join(admin, 'locked'), 'initializing')
    await unlink(world.file('src/a.ts'))
    await world.again().ensure()
    assert.equal(await world.work.changed(), [])
    assert.is((await world.repo.git('worktree', 'list')).split('\n').length, 2)
  })
  it('keeps the commits of an existing branch', async () => {
    await using world = await startWorld()
    await world.write('new.ts', 'n\n')
    const commit = await world.work.commit({ message: 'new', key: 'k' })
    await world.work.remove()
    await world.work.remove()
    assert.not(existsSync(world.work.path))
    await world.again().ensure()
    assert.is(await world.work.head(), commit)
  })
  it('refuses a place that holds the repository', async () => {
    await using world = await startWorld()
    const options = { repoPath: world.repo.path, branch: 'b', baseCommit: world.base, clock: systemClock }
    assert.is(await codeOf(createWorkspace({ ...options, worktreePath: world.repo.path }).remove()), 'INVALID_INPUT')
    assert.is(await codeOf(createWorkspace({ ...options, worktreePath: path.dirname(world.repo.path) }).ensure()), 'INVALID_INPUT')
  })
})

describe('what an agent plants', (it) => {
  it('neither a git in the worktree nor a .git folder with its own configuration is used', async () => {
    await using world = await startWorld()
    const trace = path.join(world.repo.path, '..', 'trace')
    const evil = `#!/bin/sh\necho "$0 $*" >> ${trace}\n`
    await world.write('git', evil)
    await chmod(world.file('git'), 0o755)
    await world.write('hook', evil)
    await chmod(world.file('hook'), 0o755)
    await unlink(world.file('.git'))
    await gitIn(world.work.path, 'init', '--quiet')
    await gitIn(world.work.path, 'config', 'core.fsmonitor', world.file('hook'))
    await mkdir(world.file('.git/hooks'), { recursive: true })
    for (const hook of ['pre-commit', 'post-checkout', 'reference-transaction', 'post-index-change']) {
      await writeFile(world.file(`.git/hooks/${hook}`), evil, { mode: 0o755 })
    }
    const own = process.env['PATH']
    process.env['PATH'] = `${world.work.path}:.:${own ?? ''}`
    try {
      assert.equal(await world.work.changed(), ['git', 'hook'])
      await world.work.commit({ message: 'x', key: 'k', paths: ['hook'] })
      await world.work.reset(world.base)
    } finally {
      process.env['PATH'] = own
    }
    assert.not(existsSync(trace))
    assert.is(await world.git('rev-parse', '--abbrev-ref', 'HEAD'), 'looptroop/T-1')
  })
  it('hooks and fsmonitor in the repository itself do not run for our commits', async () => {
    await using world = await startWorld()
    const trace = path.join(world.repo.path, '..', 'trace')
    const hook = path.join(world.repo.path, '.git/hooks')
    await mkdir(hook, { recursive: true })
    for (const name of ['pre-commit', 'commit-msg', 'post-checkout', 'reference-transaction', 'post-rewrite']) {
      await writeFile(path.join(hook, name), `#!/bin/sh\necho ${name} >> ${trace}\n`, { mode: 0o755 })
    }
    await world.repo.git('config', 'core.fsmonitor', path.join(hook, 'pre-commit'))
    await world.write('n', 'n')
    await world.work.commit({ message: 'x', key: 'k' })
    await world.work.reset(world.base)
    await world.work.remove()
    await world.work.ensure()
    assert.not(existsSync(trace))
  })
})

describe('reset', (it) => {
  it('removes tracked, staged and untracked changes of every kind and keeps ignored files', async () => {
    await using world = await startWorld()
    await world.write('node_modules/dep/index.js', 'kept')
    await world.write('build.log', 'kept')
    await world.write('src/a.ts', 'changed')
    await rename(world.file('src/b.ts'), world.file('src/renamed.ts'))
    await world.write('*.ts', 'a glob name')
    await world.write(':(top)odd', 'a pathspec name')
    await world.write('-dash', 'an option name')
    await world.write('deep/new/file', 'untracked')
    await world.write('staged', 'staged')
    await world.git('add', 'staged')
    await unlink(world.file('README.md'))
    await symlink('/etc/passwd', world.file('README.md'))
    await symlink(world.repo.path, world.file('link-to-repo'))
    await mkdir(world.file('nested'))
    await gitIn(world.file('nested'), 'init', '--quiet')
    await world.write('nested/file', 'x')
    const changed = await world.work.changed()
    for (const name of [
      '*.ts',
      '-dash',
      ':(top)odd',
      'README.md',
      'deep/new/file',
      'link-to-repo',
      'src/a.ts',
      'src/b.ts',
      'src/renamed.ts',
      'staged',
    ]) {
      assert.ok(changed.includes(name), name)
    }
    await world.work.reset(world.base)
    assert.equal(await world.work.changed(), [])
    assert.is(await world.git('status', '--porcelain', '--untracked-files=all'), '')
    assert.is(await readFile(world.file('build.log'), 'utf8'), 'kept')
    assert.is(await readFile(world.file('node_modules/dep/index.js'), 'utf8'), 'kept')
    assert.ok(existsSync(path.join(world.repo.path, 'README.md')))
  })
  it('undoes commits, another branch, an unfinished merge, a left lock and hidden changes', async () => {
    await using world = await startWorld()
    await world.git('checkout', '--quiet', '-b', 'elsewhere')
    await world.write('src/a.ts', 'theirs')
    await world.git('commit', '--quiet', '-am', 'theirs')
    await world.git('checkout', '--quiet', 'looptroop/T-1')
    await world.write('src/a.ts', 'ours')
    await world.git('commit', '--quiet', '-am', 'ours')
    await world.git('merge', '--quiet', 'elsewhere').catch(() => 'conflict, as wanted')
    await world.git('checkout', '--quiet', '--force', '--detach', 'elsewhere')
    await world.git('update-index', '--assume-unchanged', 'src/b.ts')
    await world.git('update-index', '--skip-worktree', 'README.md')
    await world.write('src/b.ts', 'hidden')
    await world.write('README.md', 'hidden')
    await writeFile(path.join(world.repo.path, '.git/worktrees/T-1/index.lock'), '')
    await world.work.reset(world.base)
    assert.is(await world.work.head(), world.base)
    assert.is(await world.git('rev-parse', '--abbrev-ref', 'HEAD'), 'looptroop/T-1')
    assert.is(await readFile(world.file('src/b.ts'), 'utf8'), 'b\n')
    assert.is(await readFile(world.file('README.md'), 'utf8'), 'hello\n')
  })
  it('copes with folders without write permission and with a dirty submodule', async () => {
    await using library = await testRepository({ lib: 'lib\n' })
    await using world = await startWorld()
    await world.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', library.path, 'vendor')
    const base = await world.work.commit({ message: 'submodule', key: 's' })
    assert.ok(base)
    await world.write('vendor/lib', 'dirty')
    await world.write('closed/deep/file', 'x')
    await chmod(world.file('closed/deep'), 0o555)
    await chmod(world.file('closed'), 0o555)
    assert.ok((await world.work.changed()).includes('vendor'))
    await world.work.reset(base ?? '')
    assert.equal(await world.work.changed(), [])
    assert.not(existsSync(world.file('closed')))
  })
  it('ends processes that run there first', async () => {
    await using world = await startWorld()
    const { output } = await world.work.run({
      command: `setsid sh -c 'touch ready.log; while :; do echo x > src/a.ts; sleep 0.05; done' > /dev/null 2>&1 & echo $!; while [ ! -e ready.log ]; do :; done`,
      timeoutMs: 5_000,
    })
    await world.work.reset(world.base)
    await until(() => !isAlive(Number(output)))
    assert.equal(await world.work.changed(), [])
  })
})

describe('commits', (it) => {
  it('carry author, time and key; the second call finds the first; nothing to commit is null', async () => {
    await using world = await startWorld()
    await world.write('new file', 'n\n')
    await unlink(world.file('src/b.ts'))
    const commit = await world.work.commit({ message: 'Do it\n\nBecause.', key: 'T-1:commit:B-1' })
    assert.is(await world.again().commit({ message: 'Do it', key: 'T-1:commit:B-1' }), commit)
    assert.is(await world.work.commit({ message: 'Nothing', key: 'other' }), null)
    assert.equal(await world.work.changed(), [])
    assert.equal(await world.work.changed(world.base), ['new file', 'src/b.ts'])
    const text = await world.git('log', '-1', '--format=%an <%ae>|%cn|%B')
    assert.match(text, /^LoopTroop <looptroop@localhost>\|LoopTroop\|Do it\n\nBecause\.\n\nLoopTroop-Step: T-1:commit:B-1$/)
    assert.is(await world.git('status', '--porcelain'), '')
  })
  it('take only the given paths, literally, whatever is staged', async () => {
    await using world = await startWorld()
    for (const name of ['*.ts', 'src/a.ts', 'src/c.ts', 'staged', 'dir/x', 'dir/y']) await world.write(name, 'new\n')
    await world.git('add', 'staged')
    await world.work.commit({ message: 'some', key: 'k', paths: ['*.ts', 'dir/', 'not-there'] })
    assert.is(await world.git('show', '--name-only', '--format=', 'HEAD'), '*.ts\ndir/x\ndir/y')
    assert.equal(await world.work.changed(), ['src/a.ts', 'src/c.ts', 'staged'])
  })
  it('made while the agent had switched branches land on the ticket branch', async () => {
    await using world = await startWorld()
    await world.git('checkout', '--quiet', '-b', 'elsewhere')
    await world.write('n', 'n')
    const commit = await world.work.commit({ message: 'n', key: 'k' })
    assert.is(await world.repo.git('rev-parse', 'looptroop/T-1'), commit)
    assert.is(await world.work.head(), commit)
    assert.is(await world.repo.git('rev-parse', 'elsewhere'), world.base)
  })
  it('leave a nested repository out', async () => {
    await using world = await startWorld()
    await world.write('nested/file', 'x')
    await gitIn(world.file('nested'), 'init', '--quiet')
    await world.write('n', 'n')
    await world.work.commit({ message: 'n', key: 'k' })
    assert.is(await world.git('show', '--name-only', '--format=', 'HEAD'), 'n')
  })
})

describe('squash', (it) => {
  it('makes one commit on the merge base, also when the base branch moved on, and only once', async () => {
    await using world = await startWorld()
    for (const name of ['one', 'two', 'three']) {
      await world.write(name, name)
      await world.work.commit({ message: name, key: name })
    }
    const tree = await world.git('rev-parse', 'HEAD^{tree}')
    await world.repo.write('elsewhere', 'x')
    await world.repo.git('add', '--all')
    await world.repo.git('commit', '--quiet', '-m', 'moved on')
    const options = { message: 'All of it', key: 'squash', baseBranch: 'main' }
    const squashed = await world.work.squash(options)
    assert.equal(squashed, { commit: await world.work.head(), base: world.base, commits: 3 })
    assert.is(await world.git('rev-parse', 'HEAD^{tree}'), tree)
    assert.is(await world.git('rev-parse', 'HEAD^'), world.base)
    assert.equal(await world.again().squash(options), squashed)
    assert.equal(await world.work.changed(), [])
  })
  it('leaves the branch as it was on any error', async () => {
    await using world = await startWorld()
    assert.is(await codeOf(world.work.squash({ message: 'x', key: 'k', baseBranch: 'main' })), 'SQUASH_CONFLICT')
    await world.write('one', '1')
    const head = await world.work.commit({ message: 'one', key: 'one' })
    assert.is(await codeOf(world.work.squash({ message: 'x', key: 'k', baseBranch: 'no-such-branch' })), 'SQUASH_CONFLICT')
    const lock = path.join(world.repo.path, '.git/refs/heads/looptroop/T-1.lock')
    await writeFile(lock, '')
    assert.is(await codeOf(world.work.squash({ message: 'x', key: 'k', baseBranch: 'main' })), 'SQUASH_CONFLICT')
    await unlink(lock)
    assert.is(await world.work.head(), head)
    assert.equal(await world.work.changed(), [])
  })
})

describe('looking', (it) => {
  it('treeState is equal while nothing changes and differs for any change, commit, mode or branch', async () => {
    await using world = await startWorld()
    const states = [await world.work.treeState()]
    await world.write('build.log', 'ignored')
    assert.is(await world.again().treeState(), states[0])
    await world.write('untracked', 'x')
    states.push(await world.work.treeState())
    await world.write('untracked', 'y')
    states.push(await world.work.treeState())
    await chmod(world.file('untracked'), 0o755)
    states.push(await world.work.treeState())
    await world.work.commit({ message: 'x', key: 'k' })
    states.push(await world.work.treeState())
    await world.work.reset(world.base)
    assert.is(await world.work.treeState(), states[0])
    await world.git('checkout', '-q', '-b', 'another')
    assert.is.not(await world.work.treeState(), states[0])
    await world.work.restore(states[0] ?? '')
    assert.is(await world.work.treeState(), states[0])
    assert.is(new Set(states).size, 5)
    assert.is(await world.repo.git('status', '--porcelain'), '')
  })
  it('diff shows patch and stat, with untracked files unless an end is given, and says when it is cut', async () => {
    await using world = await startWorld()
    await world.write('src/a.ts', 'changed\n')
    await world.write('new.ts', 'x\n'.repeat(500))
    const diff = await world.work.diff()
    assert.match(diff.patch, /-a\n\+changed/)
    assert.match(diff.stat, /new\.ts[^]*2 files changed/)
    assert.not(diff.truncated)
    const cut = await world.work.diff({ maxChars: 300 })
    assert.ok(cut.truncated)
    assert.ok(cut.patch.length <= 300)
    assert.is((await world.work.diff({ to: world.base })).patch, '')
  })
  it('the change of a branch is shown with the worktree, without it, and untouched by looking', async () => {
    await using world = await startWorld()
    await world.write('one', '1\n')
    await world.work.commit({ message: 'one', key: 'one' })
    await world.write('two', '2\n')
    const range = { branch: world.work.branch, base: world.base, worktree: world.work.path, maxChars: 10_000 }
    assert.match((await diffOfBranch(world.repo.path, range)).stat, /one[^]*two[^]*2 files/)
    await world.work.remove()
    assert.match((await diffOfBranch(world.repo.path, range)).stat, /one[^]*1 file/)
  })
  it('push without a remote says so; with one it pushes, again after a squash, and never over a stranger', async () => {
    await using world = await startWorld()
    assert.equal(await world.work.push(), { pushed: false, reason: 'The repository has no remote origin.' })
    await using remote = await tempFolder()
    await gitIn(remote.path, 'init', '--quiet', '--bare')
    await world.repo.git('remote', 'add', 'origin', remote.path)
    for (const name of ['one', 'two']) {
      await world.write(name, name)
      await world.work.commit({ message: name, key: name })
    }
    assert.equal(await world.work.push(), { pushed: true })
    await world.work.squash({ message: 'all', key: 's', baseBranch: 'main' })
    assert.equal(await world.work.push(), { pushed: true })
    assert.is(await gitIn(remote.path, 'rev-parse', 'looptroop/T-1'), await world.work.head())
    await gitIn(remote.path, 'update-ref', 'refs/heads/looptroop/T-1', world.base)
    const refused = await world.work.push()
    assert.not(refused.pushed)
    assert.match(refused.reason ?? '', /stale info|rejected/)
  })
  it('the branch at the remote is removed once, only while it is what was pushed; what cannot be removed is said', async () => {
    await using world = await startWorld()
    await using remote = await tempFolder()
    await gitIn(remote.path, 'init', '--quiet', '--bare')
    await world.repo.git('remote', 'add', 'origin', remote.path)
    await world.write('one', '1\n')
    await world.work.commit({ message: 'one', key: 'one' })
    const there = () => gitIn(remote.path, 'for-each-ref', '--format=%(refname)')
    await world.git('push', '--quiet', 'origin', 'HEAD:refs/heads/looptroop/T-1')
    assert.equal(await world.work.removePushed(), { end: 'kept', reason: 'it is not known to be ours' })
    await world.work.push()
    const own = await gitIn(remote.path, 'rev-parse', 'looptroop/T-1')
    const foreign = (await gitIn(remote.path, 'commit-tree', '-m', 'theirs', `${own.trim()}^{tree}`, '-p', own.trim())).trim()
    await gitIn(remote.path, 'update-ref', 'refs/heads/looptroop/T-1', foreign)
    const newer = await world.work.removePushed()
    assert.ok(newer.end === 'kept' && newer.reason.includes(foreign.slice(0, 10)), JSON.stringify(newer))
    await gitIn(remote.path, 'update-ref', 'refs/heads/looptroop/T-1', own.trim())
    await gitIn(remote.path, 'config', 'receive.denyDeletes', 'true')
    assert.is((await world.work.removePushed()).end, 'kept')
    await gitIn(remote.path, 'config', 'receive.denyDeletes', 'false')
    assert.match(await there(), 'looptroop/T-1')
    assert.equal(await world.work.removePushed(), { end: 'removed' })
    assert.equal(await world.work.removePushed(), { end: 'gone' })
    assert.is((await there()).trim(), '')
    await world.repo.git('remote', 'set-url', 'origin', `${remote.path}/nothing`)
    assert.equal(await world.work.removePushed(), { end: 'kept', reason: 'the remote origin does not answer' })
  })
})
