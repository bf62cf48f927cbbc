import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import type { HookCheck, HookOptions, HookPolicy } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'
import { startTree } from './tree.ts'
import type { Tree } from './tree.ts'

async function hook(tree: Tree, name: string, script: string): Promise<void> {
  const folder = path.join(tree.repo.path, '.git/hooks')
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, name), script, { mode: 0o755 })
}
const check = (
  tree: Tree,
  options: Partial<HookOptions> = {},
  more: { policy?: HookPolicy; timeoutMs?: number } = {},
): Promise<HookCheck> =>
  tree.work.hooks({ stage: 'commit', policy: 'report', timeoutMs: 10_000, message: 'the message', ...options, ...more })
const said = ({ ran }: HookCheck) => ran.map((one) => [one.hook, one.exitCode, one.output.trim()])

describe("the repository's hooks over a commit", (it) => {
  it('see the change as staged, with its message, and their output and end are told', async () => {
    await using tree = await startTree()
    await hook(tree, 'pre-commit', '#!/bin/sh\ngit diff --cached --name-status\n')
    await hook(tree, 'commit-msg', '#!/bin/sh\necho "of $1: $(cat "$1")" | sed "s# .*/# #"\nexit 3\n')
    await tree.write('src/a.ts', 'changed\n')
    await tree.write('new.ts', 'new\n')
    await tree.write('debug.log', 'ignored\n')
    const found = await check(tree)
    assert.equal(said(found), [
      ['pre-commit', 0, 'A\tnew.ts\nM\tsrc/a.ts'],
      ['commit-msg', 3, 'of COMMIT_EDITMSG: the message'],
    ])
    assert.equal([found.passed, found.left, found.changed], [false, [], []])
  })
  it('hold the whole branch against its base, and move neither branch nor index', async () => {
    await using tree = await startTree()
    await hook(
      tree,
      'pre-commit',
      '#!/bin/sh\ngit diff --cached --name-only\ngit add -A .\ngit -c user.name=x -c user.email=x@x commit -qm planted --no-verify\n',
    )
    await tree.write('one.ts', '1\n')
    await tree.work.commit({ message: 'one', key: 'k1' })
    await tree.write('two.ts', '2\n')
    const head = await tree.work.commit({ message: 'two', key: 'k2' })
    const before = await readFile(path.join(tree.repo.path, '.git/worktrees/T-1/index'))
    const found = await check(tree, { since: tree.base })
    assert.is(said(found)[0]?.[2], 'one.ts\ntwo.ts')
    assert.is(await tree.work.head(), head)
    assert.equal([await tree.work.changed(), await tree.git('log', '--format=%s', '-1')], [[], 'two'])
    assert.equal(await readFile(path.join(tree.repo.path, '.git/worktrees/T-1/index')), before)
    assert.not((await tree.repo.git('branch', '--list')).includes('planted'))
  })
  it('see it also when a tool of theirs looks for the repository itself', async () => {
    await using tree = await startTree()
    await hook(
      tree,
      'pre-commit',
      '#!/bin/sh\nunset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE\ngit diff --cached --name-only\ngit rev-parse HEAD\n',
    )
    await tree.write('one.ts', '1\n')
    const head = await tree.work.commit({ message: 'one', key: 'k1' })
    assert.is(said(await check(tree, { since: tree.base }))[0]?.[2], `one.ts\n${tree.base}`)
    assert.equal([await tree.git('rev-parse', 'HEAD'), await tree.git('status', '--porcelain')], [head, ''])
  })
  it('one that fails ends it; what they change in files is named and stays', async () => {
    await using tree = await startTree()
    await hook(tree, 'pre-commit', '#!/bin/sh\necho formatted > src/a.ts\ngit add src/a.ts\necho "no good" >&2\nexit 1\n')
    await hook(tree, 'commit-msg', '#!/bin/sh\ntouch ../never\n')
    await tree.write('src/a.ts', 'raw\n')
    const found = await check(tree)
    assert.equal(said(found), [['pre-commit', 1, 'no good']])
    assert.equal([found.changed, await readFile(tree.file('src/a.ts'), 'utf8')], [['src/a.ts'], 'formatted\n'])
  })
  it('over a whole change, what they changed is told again after a crash in the middle', async () => {
    await using tree = await startTree()
    await hook(tree, 'pre-commit', '#!/bin/sh\ngit diff --cached --name-only\necho formatted > src/a.ts\n')
    await tree.write('src/a.ts', 'raw\n')
    await tree.work.commit({ message: 'one', key: 'k1' })
    for (const _ of ['first', 'again']) {
      const found = await check(tree, { since: tree.base })
      assert.equal([said(found)[0]?.[2], found.changed], ['src/a.ts', ['src/a.ts']])
    }
  })
  it('none hangs: no terminal, no input, and its time limit ends it with its children', async () => {
    await using tree = await startTree()
    await hook(tree, 'pre-commit', '#!/bin/sh\nread answer < /dev/tty || echo "no terminal"\ncat\nsleep 600 &\necho $!\nwait\n')
    const found = await check(tree, {}, { timeoutMs: 400 })
    const [ran] = found.ran
    assert.equal([ran?.timedOut, ran?.exitCode, found.passed], [true, null, false])
    assert.match(ran?.output ?? '', /no terminal/)
    const pid = /^\d+$/m.exec(ran?.output ?? '')?.[0] ?? ''
    assert.not(existsSync(`/proc/${pid}/cmdline`) && (await readFile(`/proc/${pid}/cmdline`, 'utf8')).startsWith('sleep'))
  })
  it('get a clean environment, and run also without an interpreter named', async () => {
    await using tree = await startTree()
    await hook(tree, 'pre-commit', 'echo "[$LOOPTROOP_TOKEN][$OPENCODE_SERVER_PASSWORD][$GIT_EDITOR]"; pwd\n')
    process.env['LOOPTROOP_TOKEN'] = 'a secret'
    try {
      assert.is(said(await check(tree))[0]?.[2], `[][][:]\n${tree.work.path}`)
    } finally {
      delete process.env['LOOPTROOP_TOKEN']
    }
  })
  it('with the policy skip none runs, and those that would have are named', async () => {
    await using tree = await startTree()
    await hook(tree, 'pre-commit', '#!/bin/sh\ntouch ../../../ran\n')
    const found = await check(tree, {}, { policy: 'skip' })
    assert.equal([found.ran, found.left, found.passed], [[], [{ hook: 'pre-commit', why: 'git.hooks is skip' }], true])
    assert.not(existsSync(path.join(tree.repo.path, 'ran')))
  })
})

describe('which hooks there are', (it) => {
  it('follows core.hooksPath as git does, and says which ones would not run', async () => {
    await using tree = await startTree({ '.husky/pre-commit': 'echo husky\n', '.husky/commit-msg': 'exit 0\n' })
    await hook(tree, 'pre-commit', '#!/bin/sh\necho the wrong one\n')
    await tree.repo.git('config', 'core.hooksPath', '.husky')
    await chmod(tree.file('.husky/pre-commit'), 0o755)
    const found = await check(tree)
    assert.equal(
      [said(found), found.left],
      [
        [],
        [
          { hook: 'pre-commit', why: 'this ticket changed the hooks themselves' },
          { hook: 'commit-msg', why: 'it is not executable, so git ignores it too' },
        ],
      ],
    )
    await tree.repo.git('config', 'core.fileMode', 'false')
    assert.equal(said(await check(tree)), [['pre-commit', 0, 'husky']])
    const { hooks } = await tree.work.survey({ policy: 'report' })
    assert.equal(
      hooks.found.map((h) => [h.name, h.manager, h.why_not]),
      [
        ['pre-commit', 'husky', null],
        ['commit-msg', 'husky', 'it is not executable, so git ignores it too'],
      ],
    )
  })
  it('one that the ticket itself changed does not run', async () => {
    await using tree = await startTree({ 'hooks/pre-commit': '#!/bin/sh\nexit 0\n' })
    await tree.repo.git('config', 'core.hooksPath', 'hooks')
    await tree.write('hooks/pre-commit', '#!/bin/sh\ntouch ../../../ran\n', 0o755)
    await chmod(tree.file('hooks/pre-commit'), 0o755)
    const found = await check(tree, {}, { policy: 'require' })
    assert.equal([found.ran, found.left[0]?.why], [[], 'this ticket changed the hooks themselves'])
  })
  it('a manager that is configured but not installed is a hint', async () => {
    await using tree = await startTree({ '.pre-commit-config.yaml': 'repos: []\n' })
    assert.match((await tree.work.survey({ policy: 'report' })).hooks.hints.join(), /pre-commit is configured, but no hook is/)
    assert.match((await check(tree)).left[0]?.why ?? '', /pre-commit is configured, but no hook is/)
  })
  it('a folder that a manager makes when it is installed is the one of the person’s checkout', async () => {
    await using tree = await startTree({ '.husky/pre-commit': 'echo husky\n' })
    await tree.repo.git('config', 'core.hooksPath', '.husky/_')
    assert.match((await check(tree)).left[0]?.why ?? '', /husky is configured, but no hook is there in \.husky\/_/)
    await tree.repo.write('.husky/_/pre-commit', '#!/bin/sh\necho "from $0"\n')
    await chmod(path.join(tree.repo.path, '.husky/_/pre-commit'), 0o755)
    assert.equal(said(await check(tree)), [['pre-commit', 0, `from ${path.join(tree.repo.path, '.husky/_/pre-commit')}`]])
    await tree.write('.husky/_/pre-commit', '#!/bin/sh\necho installed\n', 0o755)
    assert.equal(said(await check(tree)), [['pre-commit', 0, 'installed']])
  })
})

describe("the repository's hooks over a push", (it) => {
  it('are told the remote and what would be pushed', async () => {
    await using tree = await startTree()
    await tree.repo.git('remote', 'add', 'origin', '/nowhere/at.git')
    await hook(tree, 'pre-push', '#!/bin/sh\necho "$1 $2"\ncat\n')
    await tree.write('n', 'n\n')
    const head = await tree.work.commit({ message: 'n', key: 'k' })
    const ref = 'refs/heads/looptroop/T-1'
    assert.equal(said(await check(tree, { stage: 'push' })), [
      ['pre-push', 0, `origin /nowhere/at.git\n${ref} ${head} ${ref} ${'0'.repeat(40)}`],
    ])
  })
})
