import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startTree } from './tree.ts'

describe('what changes beside the files of a commit', (it) => {
  it('is told by what was marked first: ignored files, configuration, hooks, other branches', async () => {
    await using tree = await startTree()
    await tree.write('node_modules/dep/index.js', 'x')
    await tree.write('kept.log', 'x')
    await tree.work.effects.mark('turn')
    await tree.write('.env', 'TOKEN=1\n')
    await tree.work.effects.mark('turn') // after a crash: changes nothing
    await tree.write('node_modules/other.js', 'x')
    await tree.write('src/a.ts', 'a commit takes this\n')
    await tree.git('config', 'core.hooksPath', 'elsewhere')
    await mkdir(path.join(tree.repo.path, '.git/hooks'), { recursive: true })
    await writeFile(path.join(tree.repo.path, '.git/hooks/pre-commit'), '#!/bin/sh\n')
    await appendFile(path.join(tree.repo.path, '.git/info/exclude'), 'secret\n')
    await tree.git('branch', 'another')
    await tree.git('tag', 'v1')
    const found = await tree.work.effects.since('turn')
    assert.equal(found?.ignored, ['.env', 'node_modules/'])
    assert.equal(found?.git, ['.git/config', '.git/hooks/pre-commit', '.git/info/exclude', 'refs/heads/another', 'refs/tags/v1'])
    await found?.forget()
    assert.is(await tree.work.effects.since('turn'), null)
  })
  it('is nothing when only the ticket’s own branch and files moved', async () => {
    await using tree = await startTree()
    await tree.work.effects.mark('turn')
    await tree.write('src/a.ts', 'b\n')
    await tree.work.commit({ message: 'x', key: 'k' })
    const { ignored, git, more } = (await tree.work.effects.since('turn')) ?? { ignored: null, git: null, more: null }
    assert.equal([ignored, git, more], [[], [], 0])
  })
  it('a mark that was only half written counts as none', async () => {
    await using tree = await startTree()
    await tree.work.effects.mark('turn')
    const folder = path.join(tree.repo.path, '.git/worktrees/T-1/looptroop-marks')
    for (const name of await readdir(folder)) await writeFile(path.join(folder, name), '{"ign')
    assert.is(await tree.work.effects.since('turn'), null)
  })
})
