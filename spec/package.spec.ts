import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { describe } from './helpers/suite.ts'
import { tempFolder, type TempFolder } from './helpers/temp-folder.ts'

const exec = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '..')

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
}

/** What an outsider writes. `IsAny` catches a door that resolves to no types at all. */
const CONSUMER = `
import { createLoopTroopClient, readEvent, type DurableEvent, type EventData } from 'looptroop/client'
import { definePhase } from 'looptroop/plugin'

type IsAny<T> = 0 extends 1 & T ? true : false
type Declared = Parameters<typeof definePhase>[0]
export const declaredIsAny: IsAny<Declared> = false

export const client = createLoopTroopClient({ url: 'http://127.0.0.1:1', token: 'x' })
type Health = Awaited<ReturnType<typeof client.health.check.query>>
export const healthIsAny: IsAny<Health> = false
export const status: Health['status'] = 'ok'
/** Exported inferred: what a consumer's own declarations have to be able to name. */
export const look = (ticketId: string) => client.watch(ticketId)
export const follow = (ticketId: string) => client.events.onTicket.subscribe({ ticketId }, {})
export const checked = (event: unknown) => readEvent(event)
export const finish = (event: DurableEvent): string | null => (event.type === 'turn.settled' ? event.data.finish : null)
type Status = EventData['ticket.status']['status']
export const statusIsAny: IsAny<Status> = false
export type Seen = Awaited<ReturnType<ReturnType<typeof look>['next']>>
export const seenIsAny: IsAny<Seen> = false
// @ts-expect-error a ticket needs its project
export const bad = () => client.tickets.create.mutate({ nothing: true })
`
const CONSUMER_CONFIG = {
  compilerOptions: {
    ...{ target: 'ES2022', lib: ['ES2023', 'DOM', 'DOM.AsyncIterable'], module: 'NodeNext', moduleResolution: 'NodeNext', types: ['node'] },
    ...{ strict: true, skipLibCheck: false, declaration: true, outDir: 'out' },
  },
  files: ['consumer.ts'],
}

/** The packed tarball, unpacked where npm would put it, beside the packages it declares and nothing else. */
async function installPacked(folder: TempFolder): Promise<{ scratch: string; installed: string; manifest: Manifest }> {
  const npm = ['pack', '--json', '--pack-destination', folder.path, '--loglevel=error', '--foreground-scripts=false']
  await exec('npm', npm, { cwd: ROOT, env: { ...process.env, npm_config_cache: path.join(folder.path, 'cache') } })
  const tarball = (await readdir(folder.path)).find((name) => name.endsWith('.tgz')) ?? ''
  const scratch = path.join(folder.path, 'scratch')
  const installed = path.join(scratch, 'node_modules/looptroop')
  await mkdir(installed, { recursive: true })
  await exec('tar', ['-xzf', path.join(folder.path, tarball), '--strip-components=1', '-C', installed])
  const manifest = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8')) as Manifest
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    const link = path.join(scratch, 'node_modules', name)
    await mkdir(path.dirname(link), { recursive: true })
    await symlink(path.join(ROOT, 'node_modules', name), link)
  }
  await writeFile(path.join(scratch, 'package.json'), JSON.stringify({ type: 'module' }))
  return { scratch, installed, manifest }
}

async function outputOf(file: string, args: readonly string[], cwd: string): Promise<string> {
  try {
    return (await exec(file, [...args], { cwd })).stdout.trim()
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return `${stdout}${stderr}`.trim() || String(error)
  }
}

describe('the packed package', (it) => {
  it(
    'installs, type-checks in a consumer and runs in node',
    async () => {
      await using folder = await tempFolder('package')
      const { scratch, installed, manifest } = await installPacked(folder)

      for (const [door, target] of Object.entries(manifest.exports)) {
        for (const file of typeof target === 'string' ? [target] : Object.values(target))
          assert.ok(existsSync(path.join(installed, file)), `${door} names ${file}`)
      }
      const files = await readdir(installed, { recursive: true, encoding: 'utf8' })
      assert.ok(files.includes('LICENSE'))
      assert.equal(
        files.filter((file) => /(^|\/)spec\/|(?<!\.d)\.ts$/.test(file)),
        [],
      )

      await writeFile(path.join(scratch, 'consumer.ts'), CONSUMER)
      await writeFile(path.join(scratch, 'tsconfig.json'), JSON.stringify(CONSUMER_CONFIG))
      assert.is(await outputOf(path.join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], scratch), '')

      assert.match(await outputOf(process.execPath, [path.join(installed, 'dist/scripts/cli.js'), '--help'], scratch), /watch.*<ticket>/)
      const doors = Object.keys(manifest.exports).filter((door) => !door.endsWith('.json'))
      const script = doors
        .map((door) => `console.log(Object.keys(await import(${JSON.stringify(door.replace(/^\./, 'looptroop'))})).length > 0)`)
        .join('\n')
      await writeFile(
        path.join(scratch, 'run.mjs'),
        `${script}\nconst { definePhase } = await import('looptroop/plugin')\nconsole.log(typeof definePhase)`,
      )
      assert.is(await outputOf(process.execPath, ['run.mjs'], scratch), [...doors.map(() => 'true'), 'function'].join('\n'))
    },
    { timeoutMs: 120_000 },
  )
})
