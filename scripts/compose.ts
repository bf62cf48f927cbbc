/** The composition root: OpenCode, kernel and server put together, and taken apart again. */
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { createFileStores, createKernel, createOpencode, fail, messageOf, parsePatch, SETTING_NAMES, systemChance, systemClock } from '#core'
import type { Kernel, OpencodeHandle, OpencodeOptions } from '#core'
import { loadPlugins } from '#plugins'
import { phases, pipelines } from '#phases'
import { startServer } from '#router'
import { dataFolder } from './data-folder.ts'

export interface ComposeOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `looptroop.config.ts` is looked for. */
  readonly folder: string
  /** Default: LOOPTROOP_DATA_DIR, else the user's data folder. */
  readonly dataDir?: string
  readonly host?: string
  readonly port?: number
  readonly opencode?: Pick<OpencodeOptions, 'use' | 'managed'>
  readonly log: (line: string) => void
}

export interface LoopTroop {
  readonly kernel: Kernel
  readonly opencode: OpencodeHandle
  readonly url: string
  readonly token: string
  readonly tokenFile: string | null
  readonly configFile: string | null
  /** What the server left running, in words; null when nothing. */
  stop(): Promise<string | null>
}

export async function startLoopTroop(options: ComposeOptions): Promise<LoopTroop> {
  const { env, log } = options
  const dataDir = options.dataDir ?? dataFolder(env)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const version = await ownVersion()
  const registry = await loadRegistry(options.folder)
  const opencode = await createOpencode({ env, clock: systemClock, chance: systemChance, dataDir, onDiagnostic: log, ...options.opencode })
  const undo: (() => Promise<unknown>)[] = [() => opencode.stop()]
  try {
    const kernel = await createKernel({
      version,
      databaseUrl: env['LOOPTROOP_DATABASE_URL'] ?? `file:${path.join(dataDir, 'looptroop.db')}`,
      stores: createFileStores({ clock: systemClock, chance: systemChance, onListenerError: (error) => log(messageOf(error)) }),
      registry,
      configSettings: parsePatch(registry.settings),
      opencode: { ...opencode, startedAt: opencode.managed?.startedAt ?? null },
      log,
    })
    undo.unshift(() => kernel.stop())
    const token = env['LOOPTROOP_TOKEN'] ? { value: env['LOOPTROOP_TOKEN'] } : { file: path.join(dataDir, 'token') }
    const server = await startServer({ kernel, host: options.host ?? env['LOOPTROOP_HOST'] ?? '127.0.0.1', port: options.port ?? portOf(env), token, log })
    const looping = kernel.loop().catch((error: unknown) => log(`the worker stopped: ${messageOf(error)}`))
    const stop = async (): Promise<string | null> => {
      const end = await kernel.stop()
      await looping
      await server.close()
      if (end.openTurns === 0 || !opencode.managed) {
        await opencode.stop()
        return null
      }
      await opencode.hub.close()
      await opencode.adapter.close()
      opencode.managed.release()
      return `${end.openTurns} turns go on in OpenCode (process ${opencode.managed.pid}); the next start takes them up`
    }
    return { kernel, opencode, url: server.url, token: server.token, tokenFile: 'file' in token ? token.file : null, configFile: registry.file, stop }
  } catch (error) {
    for (const step of undo) await step()
    throw error
  }
}

export async function loadRegistry(folder: string): ReturnType<typeof loadPlugins> {
  try {
    return await loadPlugins({ folder, builtIn: { phases, pipelines }, settingNames: SETTING_NAMES })
  } catch (error) {
    throw error instanceof Error && 'problems' in error ? fail('CONFIG_INVALID', { problems: (error.problems as readonly string[]).map((p) => `- ${p}`).join('\n') }, error) : error
  }
}

export async function ownVersion(): Promise<string> {
  const file = new URL(import.meta.url.includes('/dist/') ? '../../package.json' : '../package.json', import.meta.url)
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version
}

function portOf(env: ComposeOptions['env']): number {
  const text = env['LOOPTROOP_PORT'] ?? '4747'
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw fail('INVALID_INPUT', { field: 'LOOPTROOP_PORT', problem: `must be a port number, not ${text}` })
  return port
}
