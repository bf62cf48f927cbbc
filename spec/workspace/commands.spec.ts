import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { isCode } from '../../core/errors.ts'
import { systemClock } from '../../core/ports.ts'
import { endProcessesIn, runCommand } from '../../core/workspace/index.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { isAlive, until } from '../helpers/waiting.ts'

const run = (cwd: string, command: string, more: Partial<Parameters<typeof runCommand>[0]> = {}) =>
  runCommand({ cwd, command, timeoutMs: 10_000, maxOutput: 10_000, ...more })

describe('a command', (it) => {
  it('gives exit code and both outputs in order; a failure is a result', async () => {
    await using folder = await tempFolder()
    const result = await run(folder.path, 'echo one; echo two >&2; pwd; exit 3')
    assert.is(result.exitCode, 3)
    assert.match(result.output, /one/)
    assert.match(result.output, /two/)
    assert.match(result.output, folder.path)
    assert.not(result.timedOut)
  })

  it('sees a clean environment', async () => {
    await using folder = await tempFolder()
    process.env['LOOPTROOP_TOKEN'] = 'secret'
    process.env['OPENCODE_SERVER_PASSWORD'] = 'secret'
    process.env['SOME_API_KEY'] = 'secret'
    try {
      const { output } = await run(folder.path, 'env', { env: { EXTRA: 'yes' } })
      assert.not.match(output, /secret|LOOPTROOP|OPENCODE/)
      for (const name of ['PATH', 'HOME', 'TMPDIR']) assert.match(output, new RegExp(`^${name}=`, 'm'))
      assert.match(output, /^EXTRA=yes$/m)
      assert.not.match(output, /node_modules\/\.bin/)
    } finally {
      for (const name of ['LOOPTROOP_TOKEN', 'OPENCODE_SERVER_PASSWORD', 'SOME_API_KEY']) delete process.env[name]
    }
  })

  it('that hangs is ended in its time with its grandchildren', async () => {
    await using folder = await tempFolder()
    const result = await run(folder.path, 'sleep 100 & echo $! > pid; sleep 100', { timeoutMs: 300 })
    assert.ok(result.timedOut)
    assert.is(result.exitCode, null)
    assert.ok(result.durationMs < 3_000, `${result.durationMs} ms`)
    const pid = Number(await readFile(path.join(folder.path, 'pid'), 'utf8'))
    await until(() => !isAlive(pid))
  })

  it('that ignores SIGTERM is killed', async () => {
    await using folder = await tempFolder()
    const result = await run(folder.path, 'trap "" TERM; while :; do sleep 1; done', { timeoutMs: 200 })
    assert.ok(result.timedOut)
    assert.ok(result.durationMs < 5_000)
  })

  it('that ends while a background child holds the pipe returns at once and takes the child along', async () => {
    await using folder = await tempFolder()
    const result = await run(folder.path, 'sleep 100 & echo $! > pid; echo done')
    assert.is(result.exitCode, 0)
    assert.ok(result.durationMs < 2_000, `${result.durationMs} ms`)
    assert.is(result.output, 'done\n')
    const pid = Number(await readFile(path.join(folder.path, 'pid'), 'utf8'))
    await until(() => !isAlive(pid))
  })

  it('of which a child left the group does not keep us waiting either', async () => {
    await using folder = await tempFolder()
    const result = await run(folder.path, 'setsid sh -c "touch ready; sleep 100" & while [ ! -e ready ]; do :; done; echo done')
    assert.ok(result.durationMs < 3_000)
    assert.ok((await endProcessesIn(folder.path, systemClock)).length > 0)
  })

  it('with very much output keeps head and tail', async () => {
    await using folder = await tempFolder()
    const result = await run(folder.path, 'echo first; seq 1 200000; echo last', { maxOutput: 2_000 })
    assert.ok(result.truncated)
    assert.ok(result.output.length < 2_200)
    assert.match(result.output, /^first\n1\n2\n[^]*\[… \d+ bytes left out …\]\n[^]*200000\nlast\n$/)
  })

  it('is ended by an abort, and the call rejects with its reason', async () => {
    await using folder = await tempFolder()
    const abort = new AbortController()
    const running = run(folder.path, 'touch started; sleep 100', { signal: abort.signal })
    await until(() => existsSync(path.join(folder.path, 'started')))
    abort.abort(new Error('the ticket was canceled'))
    assert.match(String(await running.catch((error: unknown) => error)), /the ticket was canceled/)
  })

  it('that cannot start is an error with a code', async () => {
    const error: unknown = await run('/nowhere/at/all', 'true').catch((thrown: unknown) => thrown)
    assert.ok(isCode(error, 'COMMAND_FAILED'))
  })
})

describe('processes in a folder', (it) => {
  it('are ended, also one that ignores SIGTERM, and those elsewhere are not', async () => {
    await using folder = await tempFolder()
    await using other = await tempFolder()
    // Only once it has left the group: before that it would end with its command.
    const start = `setsid sh -c 'trap "" TERM; touch ready; while :; do sleep 0.2; done' > /dev/null 2>&1 & echo $!; while [ ! -e ready ]; do :; done`
    const inside = Number((await run(folder.path, `mkdir deep; cd deep; ${start}`)).output)
    const outside = Number((await run(other.path, start)).output)
    const ended = await endProcessesIn(folder.path, systemClock)
    assert.ok(ended.length >= 1)
    await until(() => !isAlive(inside))
    assert.ok(isAlive(outside))
    await endProcessesIn(other.path, systemClock)
    await until(() => !isAlive(outside))
  })

  it('nothing there is nothing done', async () => {
    await using folder = await tempFolder()
    assert.equal(await endProcessesIn(folder.path, systemClock), [])
  })
})
