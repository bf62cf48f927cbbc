/** The managed server on the real binary: found again, ended whole, and every way it can be unusable told by its code. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, statSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { isCode } from '../../core/errors.ts'
import { createOpencode } from '../../core/opencode/factory.ts'
import { checkHealth } from '../../core/opencode/health.ts'
import { startManagedServer } from '../../core/opencode/managed-server.ts'
import { isAlive, processesWith, startTokenOf } from '../../core/opencode/process-table.ts'
import { createSdkAdapter } from '../../core/opencode/sdk-adapter.ts'
import { MARK, withoutPluginInstall } from '../../core/opencode/server-settings.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { eventually, makeDirectory, SCRIPTED_MODEL, startRealOpencode, type RealOpencode } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const serverOptions = (real: RealOpencode) => ({
  ...real.options.managed,
  env: process.env,
  clock: systemClock,
  chance: systemChance,
  folder: join(real.options.dataDir, 'opencode'),
})
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'fulfilled'
}
const ask = async (real: RealOpencode, directory: string, text: string): Promise<string> => {
  const session = await real.adapter.createSession({ directory, title: 't', metadata: {}, rules: [] })
  await real.adapter.promptSession(session.id, directory, {
    messageId: `msg_${text}`,
    parts: [{ id: `prt_${text}`, type: 'text', text }],
    model: SCRIPTED_MODEL,
  })
  return session.id
}

describe('the managed server', (it) => {
  it("keeps its record, password and id to its owner, and out of the reach of the agent's environment", async () => {
    await using real = await startRealOpencode({
      model: (request) =>
        request.toolResults.length === 0
          ? { toolCalls: [{ name: 'bash', args: { command: 'env', description: 'env' } }] }
          : { text: 'done' },
    })
    const folder = join(real.options.dataDir, 'opencode')
    for (const name of ['server.json', 'password', 'id', 'lock.json', 'server.log'])
      assert.is(statSync(join(folder, name)).mode & 0o077, 0, name)
    const directory = await makeDirectory(real.dir, 'work')
    const sessionId = await ask(real, directory, 'env')
    const output = await eventually(async () => {
      const parts = (await real.adapter.getSessionMessages(sessionId))?.flatMap((m) => m.parts) ?? []
      return parts.flatMap((p) => (p.type === 'tool' && p.state === 'completed' ? [p.output] : []))[0]
    })
    assert.match(output, 'PATH=')
    for (const hidden of [real.managed.auth.password, 'OPENCODE_CONFIG_CONTENT', 'scripted-key', 'LOOPTROOP_TOKEN'])
      assert.not.ok(output.includes(hidden), hidden)
  })

  it('is rejoined in mid-turn by the next LoopTroop process, which sees the turn finish', async () => {
    await using real = await startRealOpencode({ model: () => ({ chunks: ['slow ', 'answer'], everyMs: 1_500 }) })
    const directory = await makeDirectory(real.dir, 'work')
    const sessionId = await ask(real, directory, 'slow')
    await eventually(async () => real.model.requests.length === 1)
    real.managed.release() // what a killed process does not even say
    const again = await createOpencode(real.options)
    assert.equal(
      { rejoined: again.managed?.rejoined, pid: again.managed?.pid, id: again.adapter.opencodeId },
      { rejoined: true, pid: real.managed.pid, id: real.adapter.opencodeId },
    )
    assert.match(again.reason, /^Rejoined the managed OpenCode 1\./)
    await again.hub.ready()
    await eventually(async () => (await again.adapter.getSessionMessages(sessionId))?.some((m) => m.finish === 'stop'))
    assert.is(real.model.requests.length, 1)
    await again.stop()
    await real.managed.exited
    assert.not.ok(isAlive(real.managed.pid, null))
  })

  it('outlives a LoopTroop process that was killed, and is rejoined by the next one', async () => {
    await using folder = await tempFolder()
    const home = join(folder.path, 'home')
    const script = `
      import { startManagedServer } from './core/opencode/managed-server.ts'
      import { systemChance, systemClock } from './core/ports.ts'
      const folder = ${JSON.stringify(folder.path)}
      const server = await startManagedServer({ env: process.env, folder, isolateHome: ${JSON.stringify(home)}, clock: systemClock, chance: systemChance })
      process.stdout.write('pid ' + server.pid)
      await new Promise((resolve) => setTimeout(resolve, 60_000))`
    const first = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = await new Promise<number>((resolve) =>
      first.stdout.on('data', (said: Buffer) => resolve(Number(/pid (\d+)/.exec(String(said))?.[1]))),
    )
    const ended = new Promise((resolve) => first.once('exit', resolve))
    first.kill('SIGKILL')
    await ended
    const next = await startManagedServer({
      env: process.env,
      folder: folder.path,
      isolateHome: home,
      clock: systemClock,
      chance: systemChance,
    })
    assert.equal({ pid: next.pid, rejoined: next.rejoined }, { pid, rejoined: true })
    await next.stop()
    await next.exited
    assert.equal(processesWith(MARK, next.opencodeId), [])
  })

  it('refuses a second owner of its folder', async () => {
    await using real = await startRealOpencode()
    assert.is(await codeOf(startManagedServer(serverOptions(real))), 'OPENCODE_LOCKED')
  })

  it('is started anew after it was killed, with the same id, and what its commands left running is ended', async () => {
    await using real = await startRealOpencode({
      model: () => ({ toolCalls: [{ name: 'bash', args: { command: 'setsid sleep 300 & sleep 300', description: 'wait' } }] }),
    })
    const directory = await makeDirectory(real.dir, 'work')
    const sessionId = await ask(real, directory, 'sleep')
    await eventually(async () => processesWith(MARK, real.adapter.opencodeId).length >= 3)
    process.kill(real.managed.pid, 'SIGKILL')
    await real.managed.exited
    assert.ok(processesWith(MARK, real.adapter.opencodeId).length > 0, 'the commands outlive their server')
    real.managed.release()
    const again = await startManagedServer(serverOptions(real))
    assert.equal({ rejoined: again.rejoined, id: again.opencodeId }, { rejoined: false, id: real.adapter.opencodeId })
    assert.equal(processesWith(MARK, again.opencodeId), [again.pid])
    const adapter = createSdkAdapter({ ...again, mode: 'managed' })
    assert.ok(await adapter.getSession(sessionId))
    assert.equal(await adapter.sessionStatuses(directory), {})
    await again.stop()
    assert.equal(processesWith(MARK, again.opencodeId), [])
  })

  it('does not take a process for its own that only got the same number', async () => {
    await using real = await startRealOpencode()
    await real.managed.stop()
    const record = {
      pid: process.pid,
      startToken: 'another:1',
      port: 9,
      opencodeId: real.adapter.opencodeId,
      version: '1.18.33',
      startedAt: 0,
      settings: '',
    }
    writeFileSync(join(real.options.dataDir, 'opencode', 'server.json'), JSON.stringify(record))
    const again = await startManagedServer(serverOptions(real))
    assert.ok(!again.rejoined && startTokenOf(process.pid) !== null)
    await again.stop()
  })

  it('tells when it dies by itself, restarts on the same address, and leaves no process and no record when stopped', async () => {
    const exits: string[] = []
    await using real = await startRealOpencode({ managed: { onExit: (reason) => exits.push(reason) } })
    process.kill(real.managed.pid, 'SIGKILL')
    assert.match(await real.managed.exited, 'SIGKILL')
    assert.is(exits.length, 1)
    assert.is((await real.adapter.checkHealth()).code, 'OPENCODE_UNREACHABLE')
    const again = await real.managed.restart()
    assert.is(again.baseUrl, real.baseUrl)
    assert.ok((await real.adapter.checkHealth()).reachable)
    await real.hub.ready()
    await again.stop()
    assert.is(exits.length, 1)
    assert.equal(processesWith(MARK, again.opencodeId), [])
    assert.not.ok(existsSync(join(real.options.dataDir, 'opencode', 'server.json')))
  })

  it('is replaced when it is frozen, and a frozen one is told by a bounded health check', async () => {
    await using real = await startRealOpencode()
    process.kill(real.managed.pid, 'SIGSTOP')
    const before = Date.now()
    const health = await real.adapter.checkHealth({ timeoutMs: 500 })
    assert.is(health.code, 'OPENCODE_TIMEOUT')
    assert.ok(Date.now() - before < 2_000)
    assert.is(await codeOf(real.adapter.listSessions({ timeoutMs: 300 })), 'OPENCODE_TIMEOUT')
    real.managed.release()
    const again = await startManagedServer(serverOptions(real))
    assert.ok(!again.rejoined)
    assert.not.ok(isAlive(real.managed.pid, null))
    await again.stop()
  })

  it('refuses the wrong password by its code, on every kind of call', async () => {
    await using real = await startRealOpencode()
    const wrong = createSdkAdapter({
      baseUrl: real.baseUrl,
      opencodeId: 'x',
      mode: 'attached',
      auth: { username: 'opencode', password: 'wrong' },
    })
    assert.is((await wrong.checkHealth()).code, 'OPENCODE_AUTH')
    assert.is(await codeOf(wrong.listSessions()), 'OPENCODE_AUTH')
    assert.is(await codeOf(wrong.getSession('ses_x')), 'OPENCODE_AUTH')
    const events = wrong.subscribeToEvents({ signal: new AbortController().signal })[Symbol.asyncIterator]()
    assert.is(await codeOf(events.next()), 'OPENCODE_AUTH')
    const env = { ...process.env, LOOPTROOP_OPENCODE_BASE_URL: real.baseUrl, OPENCODE_SERVER_PASSWORD: 'wrong' }
    assert.is(await codeOf(createOpencode({ ...real.options, env, use: 'by_environment' })), 'OPENCODE_AUTH')
    const attached = await createOpencode({
      ...real.options,
      env: { ...env, OPENCODE_SERVER_PASSWORD: real.managed.auth.password },
      use: 'by_environment',
    })
    assert.match(attached.reason, /^Attached to OpenCode 1\./)
    await attached.stop()
    assert.ok((await real.adapter.checkHealth()).reachable, 'an attached server is not ours to stop')
  })

  it('is what is used when nothing is set: rejoined first, else whatever healthy is found, else started; never beside a stranger', async () => {
    await using real = await startRealOpencode()
    await using folder = await tempFolder()
    const { OPENCODE_SERVER_PASSWORD: _, LOOPTROOP_OPENCODE_BASE_URL: __, LOOPTROOP_OPENCODE_MODE: ___, ...bare } = process.env
    const env = { ...bare, OPENCODE_SERVER_PASSWORD: real.managed.auth.password }
    const elsewhere = { ...real.options, dataDir: folder.path, env, use: 'by_environment' as const }
    const found = await createOpencode({ ...elsewhere, probeUrl: real.baseUrl })
    assert.match(found.reason, `Attached to OpenCode ${real.managed.version} at ${real.baseUrl}: it was found running there`)
    await found.stop()

    const stranger = createServer((__request, response) => response.end('hello'))
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const probeUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`
    assert.is(await codeOf(createOpencode({ ...elsewhere, probeUrl })), 'OPENCODE_STRANGER')
    await new Promise((resolve) => stranger.close(resolve))

    const started = await createOpencode({ ...elsewhere, probeUrl })
    assert.match(started.reason, /^Started a managed OpenCode .*nothing answers at/)
    started.managed?.release()
    const rejoined = await createOpencode({ ...elsewhere, probeUrl: real.baseUrl })
    assert.match(rejoined.reason, /^Rejoined the managed OpenCode/)
    await rejoined.stop()
    await started.hub.close()
  })

  it('has the credentials of the person, whose folders it keeps, but a database of its own', async () => {
    await using home = await tempFolder()
    mkdirSync(join(home.path, '.local', 'share', 'opencode'), { recursive: true })
    writeFileSync(
      join(home.path, '.local', 'share', 'opencode', 'auth.json'),
      JSON.stringify({ anthropic: { type: 'api', key: 'sk-of-a-person' } }),
    )
    withoutPluginInstall(join(home.path, '.config', 'opencode'))
    const env = { PATH: process.env['PATH'], HOME: home.path, OPENCODE_DISABLE_MODELS_FETCH: '1' }
    const folder = join(home.path, 'looptroop')
    const server = await startManagedServer({ env, folder, clock: systemClock, chance: systemChance })
    const adapter = createSdkAdapter({ ...server, mode: 'managed' })
    const catalogue = await adapter.listModels()
    await adapter.close()
    await server.stop()
    assert.ok(catalogue.connectedProviders.includes('anthropic'))
    assert.not.ok(JSON.stringify(catalogue).includes('sk-of-a-person'))
    assert.ok(existsSync(join(folder, 'opencode.db')))
    assert.not.ok(existsSync(join(home.path, '.local', 'share', 'opencode', 'opencode.db')))
  })

  it('is not started on the port of a stranger', async () => {
    await using real = await startRealOpencode()
    await real.managed.stop()
    const stranger = createServer((_, response) => response.end('hello'))
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const { port } = stranger.address() as AddressInfo
    assert.is((await checkHealth({ baseUrl: `http://127.0.0.1:${port}` })).code, 'OPENCODE_STRANGER')
    const failed = await startManagedServer({ ...serverOptions(real), port }).catch((error: unknown) => error)
    assert.ok(isCode(failed, 'OPENCODE_START_FAILED'), String(failed))
    assert.equal(processesWith(MARK, real.adapter.opencodeId), [])
    await new Promise((resolve) => stranger.close(resolve))
  })

  it('does not run what a worktree brings in .opencode, unless the project is trusted', async () => {
    for (const trusted of [false, true]) {
      await using real = await startRealOpencode({ managed: { trusted } })
      const directory = await makeDirectory(real.dir, 'work')
      mkdirSync(join(directory, '.opencode', 'plugin'), { recursive: true })
      withoutPluginInstall(join(directory, '.opencode'))
      const witness = join(real.dir, 'witness')
      writeFileSync(
        join(directory, '.opencode', 'plugin', 'p.js'),
        `import { writeFileSync } from 'node:fs'\nexport const P = async () => { writeFileSync(${JSON.stringify(witness)}, 'ran'); return {} }\n`,
      )
      const sessionId = await ask(real, directory, `plugin${trusted}`)
      await eventually(async () => (await real.adapter.getSessionMessages(sessionId))?.some((m) => m.finish === 'stop'))
      assert.is(existsSync(witness), trusted)
    }
  })
})
