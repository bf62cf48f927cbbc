import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startTree } from './tree.ts'

describe('inputs of a worktree', (it) => {
  it('are copied from the person’s checkout, anew each time, and never linked', async () => {
    await using tree = await startTree({ '.gitignore': '/.env\nnode_modules/\n' })
    await tree.repo.write('.env', 'TOKEN=1\n')
    await tree.repo.write('node_modules/dep/index.js', 'x')
    await symlink('dep', path.join(tree.repo.path, 'node_modules/alias'))
    const look = () => tree.work.inputs(['.env', 'node_modules/'], { bring: false })
    const [env, modules] = await look()
    assert.equal([env?.kind, env?.bytes, env?.problem, modules?.kind, modules?.problem], ['file', 8, null, 'directory', null])
    assert.equal(await look(), [env, modules])
    assert.equal(await tree.work.inputs(['.env', 'node_modules/'], { bring: true }), [env, modules])
    assert.is(await readFile(tree.file('node_modules/alias/index.js'), 'utf8'), 'x')
    await tree.write('node_modules/dep/index.js', 'by an agent')
    assert.is(await readFile(path.join(tree.repo.path, 'node_modules/dep/index.js'), 'utf8'), 'x')
    await tree.work.inputs(['node_modules'], { bring: true })
    assert.is(await readFile(tree.file('node_modules/dep/index.js'), 'utf8'), 'x')
    assert.equal(await tree.work.changed(), [])
    await tree.repo.write('.env', 'TOKEN=2\n')
    assert.is.not((await look())[0]?.sha256, env?.sha256)
  })
  it('what cannot be one is said, and not brought', async () => {
    await using tree = await startTree()
    await tree.repo.write('notes.txt', 'untracked')
    await symlink('/etc', path.join(tree.repo.path, 'out.log'))
    await mkdir(path.join(tree.repo.path, '.looptroop/db'), { recursive: true })
    await writeFile(path.join(tree.repo.path, '../beside.log'), 'x')
    const names = ['gone.log', 'notes.txt', 'src/a.ts', 'out.log', '../beside.log', '/etc/passwd', '.looptroop/db', '.git/config', '']
    const found = await tree.work.inputs(names, { bring: true })
    const words = [
      /not there/,
      /does not ignore/,
      /does not ignore/,
      /neither a file/,
      /not a path/,
      /not a path/,
      /own/,
      /own/,
      /not a path/,
    ]
    for (const [i, input] of found.entries()) assert.match(input.problem ?? '', words[i] ?? /never/)
    assert.equal(await tree.work.changed(), [])
  })
})

describe('the survey of a worktree', (it) => {
  it('knows manifests, lock files, tools and what only the checkout has', async () => {
    await using tree = await startTree({ 'package.json': '{}', 'package-lock.json': '{}', 'Cargo.toml': '' })
    await tree.repo.write('.env', 'x')
    await tree.repo.write('node_modules/dep/index.js', 'x')
    await tree.write('node_modules/dep/index.js', 'x')
    const survey = await tree.work.survey({ policy: 'require' })
    assert.equal(
      [survey.manifests, survey.lock_files.map((f) => [f.path, f.sha256.length]), survey.ignored, survey.hooks.policy],
      [['Cargo.toml', 'package.json'], [['package-lock.json', 64]], ['.env'], 'require'],
    )
    assert.match(survey.tools.find((t) => t.name === 'node')?.version ?? '', /^v\d+/)
    assert.ok(survey.tools.some((t) => t.name === 'cargo'))
  })
})
