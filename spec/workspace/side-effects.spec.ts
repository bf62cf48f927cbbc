import { appendFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startTree } from './tree.ts'

const FRESH = { keep: false }
const KEEP = { keep: true }

describe('what changes beside the files of a commit', (it) => {
  it('is told by what was marked first: ignored files, configuration, hooks, other branches', async () => {
    await using tree = await startTree()
    await tree.write('node_modules/dep/index.js', 'x')
    await tree.write('kept.log', 'x')
    await tree.work.effects.mark('turn', FRESH)
    await tree.write('.env', 'TOKEN=1\n')
    const marks = await tree.work.effects.mark('turn', KEEP) // after a crash: changes nothing
    await tree.write('node_modules/other.js', 'x')
    await tree.write('src/a.ts', 'a commit takes this\n')
    await tree.git('config', 'core.hooksPath', 'elsewhere')
    await mkdir(path.join(tree.repo.path, '.git/hooks'), { recursive: true })
    await writeFile(path.join(tree.repo.path, '.git/hooks/pre-commit'), '#!/bin/sh\n')
    await appendFile(path.join(tree.repo.path, '.git/info/exclude'), 'secret\n')
    await tree.git('branch', 'another')
    await tree.git('tag', 'v1')
    const found = await tree.work.effects.since(marks)
    assert.equal(found.ignored, ['.env', 'node_modules/'])
    assert.equal(found.git, ['.git/config', '.git/hooks/pre-commit', '.git/info/exclude', 'refs/heads/another', 'refs/tags/v1'])
    const { ignored, git } = await tree.work.effects.since(found.now)
    assert.equal([ignored, git], [[], []], 'the next look begins where this one ended')
  })
  it('is nothing when only the ticket’s own branch and files moved', async () => {
    await using tree = await startTree()
    const marks = await tree.work.effects.mark('turn', FRESH)
    await tree.write('src/a.ts', 'b\n')
    await tree.work.commit({ message: 'x', key: 'k' })
    const { ignored, git, more } = await tree.work.effects.since(marks)
    assert.equal([ignored, git, more], [[], [], 0])
  })
  it('begins anew with a mark that is not kept, or that was only half written', async () => {
    await using tree = await startTree()
    await tree.work.effects.mark('turn', FRESH)
    await tree.write('.env', 'TOKEN=1\n')
    assert.ok('.env' in (await tree.work.effects.mark('turn', FRESH)).ignored)
    const folder = path.join(tree.repo.path, '.git/worktrees/T-1/looptroop-marks')
    for (const name of await readdir(folder)) await writeFile(path.join(folder, name), '{"ign')
    await tree.write('two.log', 'x')
    assert.ok('two.log' in (await tree.work.effects.mark('turn', KEEP)).ignored)
  })
})
