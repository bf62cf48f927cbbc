import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { startTree } from './tree.ts'

const PLANTED = `AKIA${'A1B2'.repeat(4)}`

describe('candidate files', (it) => {
  it('are told apart: status, kind, size, text or not, and lines that look like secrets, without their content', async () => {
    await using tree = await startTree({ 'old.bin': '\0\0', 'config.ts': 'one\ntwo\n' })
    await tree.write('src/a.ts', 'changed\n')
    await tree.write('image.png', '\0PNG\0')
    await tree.write('config.ts', `one\n// the key\nconst key = '${PLANTED}'\ntwo\n`)
    await tree.write('id rsa', '-----BEGIN OPENSSH PRIVATE KEY-----\n')
    await tree.git('rm', '--quiet', 'old.bin')
    await tree.git('add', 'image.png')
    const { files, more } = await tree.work.candidates()
    const rows = files.map((f) => [f.path, f.status, f.tracked, f.kind, f.bytes, f.binary, f.secrets.join()])
    assert.equal(rows, [
      ['config.ts', 'modified', true, 'file', 54, false, '3'],
      ['id rsa', 'added', false, 'file', 36, false, '1'],
      ['image.png', 'added', false, 'file', 5, true, ''],
      ['old.bin', 'deleted', true, 'file', null, true, ''],
      ['src/a.ts', 'modified', true, 'file', 8, false, ''],
    ])
    assert.equal([more, JSON.stringify(files).includes(PLANTED)], [0, false])
  })
  it('since the base they are the whole change; a secret that was there before is none of it', async () => {
    await using tree = await startTree({ 'old.env': `KEY=${PLANTED}\n` })
    await tree.write('one.ts', '1\n')
    await tree.work.commit({ message: 'one', key: 'k' })
    await tree.write('old.env', `KEY=${PLANTED}\nMORE=1\n`)
    const { files } = await tree.work.candidates(tree.base)
    assert.equal(
      files.map((f) => [f.path, f.tracked, f.secrets.length]),
      [
        ['old.env', true, 0],
        ['one.ts', true, 0],
      ],
    )
  })
})

describe('a squash without some files', (it) => {
  it('leaves them as they are at the base, also where a folder took their place, and can be done twice', async () => {
    await using tree = await startTree({ thing: 'a file\n' })
    await tree.git('rm', '--quiet', 'thing')
    await tree.write('thing/inside.ts', 'x\n')
    await tree.write('secret.env', 'x\n')
    await tree.write('src/a.ts', 'changed\n')
    await tree.work.commit({ message: 'all', key: 'k' })
    const without = ['thing', 'thing/inside.ts', 'secret.env']
    const squash = () => tree.work.squash({ message: 'squashed', key: 'sq', baseBranch: 'main', without })
    const { commit } = await squash()
    assert.is(await tree.git('diff', '--name-status', tree.base, commit), 'M\tsrc/a.ts')
    assert.equal(await tree.work.changed(), [])
    await writeFile(join(tree.work.path, 'src/a.ts'), 'left by a crash\n')
    assert.equal([(await squash()).commit, await tree.work.changed()], [commit, []])
  })
})
