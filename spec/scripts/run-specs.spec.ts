import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import * as assert from 'uvu/assert'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const SUITE = JSON.stringify(path.join(ROOT, 'spec/helpers/suite.ts'))
const UVU = JSON.stringify(path.join(ROOT, 'node_modules/uvu/dist/index.mjs'))
/** Not written out: the runner reads this file too. */
const ONLY = ['on', 'ly'].join('')
const FORBIDDEN = ['u', 'v', 'u'].join('')
const ours = (body: string): string => `import { describe } from ${SUITE}\nimport { spawn } from 'node:child_process'\n${body}`
const one = (test: string): string => ours(`describe('x', (it) => { it('y', ${test}) })`)

/** File name → source, and what the runner must say about it. */
const BAD: Readonly<Record<string, readonly [source: string, complaint: RegExp]>> = {
  forgot_run: [`import { suite } from ${UVU}\nconst t = suite('x'); t('y', () => {})`, /without a report/],
  before_throws: [
    `import { suite } from '${FORBIDDEN}'\nconst t = suite('x'); t.before(() => { throw new Error('b') }); t('y', () => {}); t.run()`,
    /imports uvu itself/,
  ],
  mixed: [
    ours(`import { suite } from '${FORBIDDEN}'\nconst t = suite('x'); t('never', () => {}); describe('x', (it) => { it('y', () => {}) })`),
    /imports uvu itself/,
  ],
  throws_string: [one(`() => { throw 'text' }`), /failed: x: y/],
  throws_null: [one(`() => { throw null }`), /failed: x: y/],
  throws_empty: [one(`() => { throw new Error('') }`), /failed: x: y/],
  rejects_undefined: [one(`() => Promise.reject(undefined)`), /failed: x: y/],
  fails: [one(`() => { throw new Error('plain') }`), /failed: x: y/],
  no_test: [ours(`describe('x', () => {})`), /declares no test/],
  no_describe: [ours(''), /without a report|declares no test/],
  async_describe: [ours(`describe('x', async (it) => { await null; it('late', () => {}) })`), /declares no test|did not run|exit code/],
  late_it: [ours(`let keep; describe('x', (it) => { keep = it; it('y', () => {}) }); keep('late', () => {})`), /exit code|did not run/],
  only: [ours(`describe('x', (it) => { it('y', () => {}); if (false) it.${ONLY}('z', () => {}) })`), /\.only or \.skip/],
  exits_zero: [one(`() => process.exit(0)`), /did not run to their end/],
  killed: [one(`() => process.kill(process.pid, 'SIGKILL')`), /without a report/],
  empty_loop: [one(`() => new Promise(() => {}), {timeoutMs: 400}`), /failed: x: y/],
  late_rejection: [one(`() => { setTimeout(() => Promise.reject(new Error('late')), 30) }`), /exit code/],
  import_error: [ours(`import './not-there.ts'`), /without a report/],
  open_handle: [one(`() => { setInterval(() => {}, 1000) }`), /stayed alive after its last test: .*Timeout/],
  left_process: [one(`() => { spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).unref() }`), /left process \d+ behind: sleep 60/],
  left_file: [
    ours(
      `import { mkdtempSync } from 'node:fs'\nimport { tmpdir } from 'node:os'\ndescribe('x', (it) => { it('y', () => { mkdtempSync(tmpdir() + '/mine-') }) })`,
    ),
    /temporary folder: mine-/,
  ],
  hangs: [one(`() => { for (;;); }`), /took longer than 9000 ms/],
}

async function run(dir: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', path.join(ROOT, 'scripts/run-specs.ts'), '--dir', dir, '--timeout', '9000', ...args],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { output: await text(child.stdout), code: await ended }
}

const lastLine = (output: string): string => output.trimEnd().split('\n').at(-1) ?? ''
const complaintsAbout = (name: string, output: string): string => output.split(`failed: ${name}`)[1] ?? ''

describe('the spec runner', (it) => {
  it(
    'reports every way of passing silently as a failure',
    async () => {
      await using folder = await tempFolder()
      for (const [name, [source]] of Object.entries(BAD)) await writeFile(path.join(folder.path, `${name}.spec.ts`), source)
      const { code, output } = await run(folder.path)
      assert.is(code, 1)
      for (const [name, [, complaint]] of Object.entries(BAD)) {
        assert.match(complaintsAbout(path.join(folder.path, `${name}.spec.ts`), output).split('\nfailed: /')[0] ?? '', complaint, name)
      }
      assert.match(lastLine(output), new RegExp(`^\\d+ passed, ${Object.keys(BAD).length} failed$`))
    },
    { timeoutMs: 90_000 },
  )

  it('passes good files, counts their tests, chooses live and slow files by name, and filters by path', async () => {
    await using folder = await tempFolder()
    const good = ours(`describe('x', (it) => { it('a', () => {}); it('b', async () => {}) })`)
    for (const name of ['one.spec.ts', 'two.spec.ts', 'three.live.spec.ts', 'four.slow.live.spec.ts'])
      await writeFile(path.join(folder.path, name), good)
    const all = await run(folder.path)
    assert.is(lastLine(all.output), '4 passed, 0 failed')
    assert.is(all.code, 0)
    assert.match((await run(folder.path, '--live')).output, /three\.live[^]*\n2 passed, 0 failed\n$/)
    assert.match((await run(folder.path, '--slow')).output, /four\.slow[^]*\n2 passed, 0 failed\n$/)
    assert.match((await run(folder.path, '--node-test', 'one.spec')).output, /one\.spec\.ts[^]*\n2 passed, 0 failed\n$/)
  })

  it('fails when nothing ran', async () => {
    await using folder = await tempFolder()
    const { code, output } = await run(folder.path)
    assert.is(code, 1)
    assert.is(lastLine(output), '0 passed, 1 failed')
  })

  it(
    'under node:test the same bad files fail',
    async () => {
      await using folder = await tempFolder()
      const names = ['throws_string', 'throws_null', 'rejects_undefined', 'fails', 'exits_zero', 'open_handle'] as const
      for (const name of names) await writeFile(path.join(folder.path, `${name}.spec.ts`), BAD[name]?.[0] ?? '')
      const { code, output } = await run(folder.path, '--node-test')
      assert.is(code, 1)
      assert.is(lastLine(output), `1 passed, ${names.length} failed`)
    },
    { timeoutMs: 60_000 },
  )
})
