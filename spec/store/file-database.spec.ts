/** What is special about files: other processes, sudden death, damage, age. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import Libsql from 'libsql'
import * as assert from 'uvu/assert'
import { systemClock, type Clock } from '../../core/ports.ts'
import { openFileDatabase, pathOfUrl } from '../../core/store/file-database.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { codeOf, IDENTITY, startedWorld, type World } from '../suites/store/home.ts'
import { openFileHome } from './file-home.ts'

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url))

interface Writer {
  readonly child: ChildProcess
  /** What it was told is stored. */
  readonly acknowledged: string[]
  readonly ended: Promise<number | null>
}

function startWriter(world: World, name: string, count: number): Writer {
  const args = [world.home.projectUrl, world.ticketId, `${world.fence.generation}`, name, `${count}`]
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: string[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => acknowledged.push(line))
  const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]).then(([[code]]) => code as number | null)
  return { child, acknowledged, ended }
}

const files = async (world: World): Promise<readonly string[]> => (await world.events('file.edited')).map((e) => e.file)

describe('several processes on one file', (it) => {
  it(
    'lose nothing, number without a gap, and leave the event loop free',
    async () => {
      await using world = await startedWorld(openFileHome)
      const writers = ['a', 'b'].map((name) => startWriter(world, name, 150))
      await until(() => writers.every((w) => w.acknowledged.length > 0), 'both writers are open')
      let ticks = 0
      const timer = setInterval(() => ticks++, 1)
      for (let n = 0; n < 150; n++) {
        const before = ticks
        await world.store.appendEvents(world.fence, { events: [{ type: 'file.edited', data: { file: `own-${n}` } }], at: n })
        if (n % 50 === 0) await until(() => ticks > before, 'a timer ticks between writes')
      }
      clearInterval(timer)
      assert.equal(await Promise.all(writers.map((w) => w.ended)), [0, 0])
      const stored = await files(world)
      assert.is(new Set(stored).size, 450)
      const seqs = await world.seqs()
      assert.equal(
        seqs,
        seqs.map((_, index) => index + 1),
      )
    },
    { timeoutMs: 60_000 },
  )

  it(
    'keep every acknowledged row when one is killed with SIGKILL',
    async () => {
      await using world = await startedWorld(openFileHome)
      for (let round = 0; round < 3; round++) {
        const writer = startWriter(world, `k${round}`, 100_000)
        await until(() => writer.acknowledged.length > 20 * (round + 1), 'some rows are acknowledged')
        writer.child.kill('SIGKILL')
        await writer.ended
        const stored = new Set(await files(world))
        for (const file of writer.acknowledged.slice(1)) assert.ok(stored.has(file), `${file} was acknowledged`)
      }
      const seqs = await world.seqs()
      assert.equal(
        seqs,
        seqs.map((_, index) => index + 1),
      )
    },
    { timeoutMs: 60_000 },
  )
})

describe('a locked file', (it) => {
  it('is waited for without blocking, and written once it is free', async () => {
    await using world = await startedWorld(openFileHome)
    const locker = new Libsql(pathOfUrl(world.home.projectUrl))
    locker.exec('BEGIN IMMEDIATE')
    let done = false
    const write = world.store
      .appendEvents(world.fence, { events: [{ type: 'file.edited', data: { file: 'x' } }], at: 1 })
      .then(() => (done = true))
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await until(() => ticks >= 5, 'timers tick while it waits')
    assert.not(done)
    assert.is((await world.store.listTickets()).length, 1, 'reads go on')
    locker.exec('COMMIT')
    await write
    clearInterval(timer)
    locker.close()
  })

  it('is given up after five seconds with DATABASE_BUSY', async () => {
    let now = 0
    const clock: Clock = { ...systemClock, monotonic: () => now, sleep: async (ms) => void (now += ms * 10) }
    await using world = await startedWorld(() => openFileHome(clock))
    const locker = new Libsql(pathOfUrl(world.home.projectUrl))
    locker.exec('BEGIN IMMEDIATE')
    assert.is(await codeOf(world.store.wake(world.fence, { at: 1 })), 'DATABASE_BUSY')
    assert.ok(now >= 5_000 && now < 10_000)
    locker.exec('COMMIT')
    locker.close()
    await world.store.wake(world.fence, { at: 1 })
  })
})

describe('a file that is not ours', (it) => {
  it('is refused as corrupt and left byte for byte as it was', async () => {
    await using home = await openFileHome()
    const file = pathOfUrl(home.projectUrl)
    await mkdir(path.dirname(file), { recursive: true })
    const good = path.join(home.path, 'good.db')
    await (await home.opener.openApp(`file:${good}`)).close()
    const damaged = await readFile(good)
    damaged.fill(0xa5, 4096, 4096 + 600)
    assert.ok(damaged.length > 10_000, 'closing folds the log into the file')
    for (const content of [Buffer.from('surely no database, only a longer text. '.repeat(40)), damaged]) {
      await writeFile(file, content)
      assert.is(await codeOf(home.opener.openProject(home.projectUrl, IDENTITY)), 'DATABASE_CORRUPT')
      assert.ok((await readFile(file)).equals(content))
    }
  })

  it('is refused when it is a database of another kind or program', async () => {
    await using home = await openFileHome()
    await (await home.opener.openApp(home.appUrl)).close()
    assert.is(await codeOf(home.opener.openProject(home.appUrl, IDENTITY)), 'DATABASE_CORRUPT')
    const foreign = new Libsql(path.join(home.path, 'foreign.db'))
    foreign.exec('CREATE TABLE recipes (name TEXT)')
    foreign.close()
    assert.is(await codeOf(home.opener.openApp(`file:${home.path}/foreign.db`)), 'DATABASE_CORRUPT')
    assert.is(await codeOf(home.opener.openApp('libsql://example.org')), 'INVALID_INPUT')
  })

  it('is refused when it is newer, and migrated once when two start at once', async () => {
    await using home = await openFileHome()
    const opened = await Promise.all([1, 2].map(() => home.opener.openProject(home.projectUrl, IDENTITY)))
    assert.is(opened[0]?.epoch, opened[1]?.epoch)
    for (const store of opened) await store.close()
    const file = pathOfUrl(home.projectUrl)
    await copyFile(file, `${file}.copy`)
    const newer = new Libsql(file)
    newer.exec("UPDATE meta SET value = '99' WHERE key = 'version'")
    newer.close()
    assert.is(await codeOf(home.opener.openProject(home.projectUrl, IDENTITY)), 'DATABASE_NEWER')
  })
})

describe('the file driver', (it) => {
  it('binds whole numbers as integers, refuses a missing argument, names a failing statement, rolls back', async () => {
    await using home = await openFileHome()
    const database = await openFileDatabase(path.join(home.path, 'x.db'), systemClock)
    assert.equal(await database.all("SELECT typeof(:n) AS type, json_object('n', :n) AS json", { n: 3 }), [
      { type: 'integer', json: '{"n":3}' },
    ])
    assert.is(await codeOf(database.all('SELECT :missing')), 'INTERNAL')
    await database.batch([{ sql: 'CREATE TABLE t (a INTEGER CHECK (a > 0))', args: {} }])
    const insert = (a: number) => ({ sql: 'INSERT INTO t VALUES (:a)', args: { a } })
    const failed = await database.batch([insert(1), insert(0), insert(2)]).catch((error: unknown) => error)
    assert.equal(
      { index: (failed as { index: number }).index, code: (failed as { code: string }).code },
      { index: 1, code: 'SQLITE_CONSTRAINT_CHECK' },
    )
    assert.equal(await database.all('SELECT * FROM t'), [])
    await Promise.all([database.close(), database.close()])
    assert.is(await codeOf(database.all('SELECT 1')), 'SHUTTING_DOWN')
  })

  it('stores no absolute path of the project', async () => {
    await using world = await startedWorld(openFileHome)
    await world.activeSession()
    await world.openTurn()
    await world.question()
    await world.store.close()
    assert.not((await readFile(pathOfUrl(world.home.projectUrl))).includes(world.home.baseDir))
  })
})
