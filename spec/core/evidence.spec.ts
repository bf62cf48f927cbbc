/** Files that people attach: kept under their hash, outside every repository, bounded, and never a path by their name. */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import * as assert from 'uvu/assert'
import { EVIDENCE_LIMITS, EvidenceFiles } from '../../core/evidence/evidence-files.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const place = { projectId: 'prj_1', ticketId: 'SPEC-1' }
async function* chunks(...parts: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield Buffer.from(part as string)
}
async function started() {
  const folder = await tempFolder('evidence')
  const files = new EvidenceFiles(join(folder.path, 'kept'))
  const add = (name: string, ...parts: readonly (string | Buffer)[]) => files.add(place, { name, content: chunks(...parts), at: 1 })
  return { folder, files, add, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}
const everything = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name))
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'taken',
    (error: unknown) => (error as { code: string }).code,
  )

describe('attached files', (it) => {
  it('are kept as they came, once per content, and found again by their hash', async () => {
    await using world = await started()
    const one = await world.add('a log.txt', 'first ', 'second')
    assert.equal([one.name, one.bytes, one.type], ['a log.txt', 12, 'text/plain'])
    assert.equal(await world.add('the same.txt', 'first second'), one)
    const found = await world.files.find(place, one.sha256)
    assert.is(await readFile(found.path, 'utf8'), 'first second')
    const png = await world.add('screen.html', Buffer.from('89504e470d0a1a0a00', 'hex'))
    assert.is(png.type, 'image/png', 'what it is, not what it is called')
    const read = await world.files.read(place, [one.sha256, png.sha256, 'f'.repeat(64)], { maxChars: 5 })
    assert.equal(
      new Map(read.map((f) => [f.name, f.text])),
      new Map<string, string | null>([
        [one.name, 'first'],
        [png.name, null],
      ]),
    )
  })
  it('stay in their folder whatever they are called', async () => {
    await using world = await started()
    const name = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '../../../etc/passwd',
        '/etc/passwd',
        '..',
        '.',
        'a/../../b',
        '..\\..\\b',
        '.bashrc',
        'a\u0000b',
        '\u001b[2Jx',
        'con',
      ),
    )
    let n = 0
    await fc.assert(
      fc.asyncProperty(name, async (given) => {
        const { sha256, name: shown } = await world.add(given, `content ${(n += 1)}`)
        assert.match(sha256, /^[0-9a-f]{64}$/)
        // oxlint-disable-next-line no-control-regex -- what must not be in it
        assert.not.match(shown, /[/\\\u0000-\u001f\u007f]|^\./)
        assert.ok(shown.length > 0 && Array.from(shown).length <= EVIDENCE_LIMITS.nameChars)
        await world.files.remove(place, sha256)
      }),
      { numRuns: 60 },
    )
    const kept = join(world.folder.path, 'kept', 'prj_1', 'SPEC-1')
    await world.add('last', 'x')
    assert.ok((await everything(world.folder.path)).every((file) => file.startsWith(`${kept}/`)))
    for (const bad of ['..', 'a/b', '', '.hidden', 'a\u0000'])
      assert.is(
        await codeOf(world.files.add({ projectId: 'p', ticketId: bad }, { name: 'x', content: chunks('x'), at: 1 })),
        'INVALID_INPUT',
      )
    for (const bad of ['..', '../SPEC-1/x', 'F'.repeat(64), '']) assert.is(await codeOf(world.files.find(place, bad)), 'EVIDENCE_UNKNOWN')
  })
  it('are bounded, and leave nothing behind when they are refused or cut off', async () => {
    await using world = await started()
    const mib = Buffer.alloc(1024 * 1024, 1)
    const tooMuch = Array.from({ length: EVIDENCE_LIMITS.fileBytes / mib.length + 1 }, () => mib)
    assert.is(await codeOf(world.add('big', ...tooMuch)), 'EVIDENCE_TOO_LARGE')
    assert.is(await codeOf(world.add('none')), 'INVALID_INPUT')
    async function* cut(): AsyncGenerator<Buffer> {
      yield Buffer.from('half')
      throw Object.assign(new Error('the line was cut'), { code: 'ECONNRESET' })
    }
    assert.is(await codeOf(world.files.add(place, { name: 'cut', content: cut(), at: 1 })), 'ECONNRESET')
    assert.equal([await everything(world.folder.path), await world.files.list(place)], [[], []])
    for (let i = 0; i < EVIDENCE_LIMITS.files; i += 1) await world.add(`${i}`, `${i}`)
    assert.is(await codeOf(world.add('one more', 'one more')), 'EVIDENCE_TOO_LARGE')
  })
  it('count only whole: a crash between content and note is mended by the same upload', async () => {
    await using world = await started()
    const { sha256 } = await world.add('a', 'whole')
    const folder = join(world.folder.path, 'kept', 'prj_1', 'SPEC-1')
    await world.files.remove(place, sha256)
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, sha256), 'whole')
    assert.equal([await world.files.list(place), await codeOf(world.files.find(place, sha256))], [[], 'EVIDENCE_UNKNOWN'])
    assert.is((await world.add('b', 'whole')).name, 'b')
    await writeFile(join(folder, '.dead.part'), 'half')
    await world.files.add(place, { name: 'later', content: chunks('later'), at: Date.now() + 2 * 3_600_000 })
    assert.not(
      (await everything(folder)).some((file) => file.endsWith('.part')),
      'what died with its server is swept away',
    )
    await world.files.removeAll(place)
    await world.add('b', 'whole')
    await writeFile(join(folder, `${sha256}.json`), '{"name":')
    assert.equal(await world.files.list(place), [])
    await world.files.removeAll(place)
    assert.equal(await everything(world.folder.path), [])
  })
})
