/** What cells share: a real OpenCode with a scripted model, which can be killed and frozen, and the proxy before it. */
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createOpencode, systemChance, systemClock } from '#core'
import type { OpencodeHandle } from '#core'
import { scriptedProvider, startScriptedModel } from '../scripted-model.ts'
import type { ScriptedModel } from '../scripted-model.ts'
import { startProxy } from './proxy.ts'
import type { Proxy } from './proxy.ts'

export interface Lane extends AsyncDisposable {
  readonly folder: string
  readonly model: ScriptedModel
  readonly proxy: Proxy
  readonly opencode: OpencodeHandle
  readonly password: string
  readonly startedAtFile: string
  /** Resolves once it is up again. */
  killOpencode(): Promise<void>
  freeze(): void
  thaw(): void
}

const UP_MS = 30_000

export async function openLane(): Promise<Lane> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'looptroop-scenarios-')))
  const model = await startScriptedModel({ script: () => ({ text: 'ok' }) })
  const managed = { isolateHome: path.join(folder, 'home'), extraConfig: scriptedProvider(model.url) }
  const dataDir = path.join(folder, 'opencode')
  const opencode = await createOpencode({
    ...{ env: process.env, clock: systemClock, chance: systemChance, dataDir, managed },
    use: 'always_managed',
  })
  const proxy = await startProxy(() => opencode.adapter.baseUrl)
  const startedAtFile = path.join(folder, 'started-at')
  const noteStart = (): Promise<void> => writeFile(startedAtFile, String(opencode.startedAt))
  await noteStart()
  const signal = (name: NodeJS.Signals): void => void process.kill(pidOf(opencode), name)
  return {
    ...{ folder, model, proxy, opencode, startedAtFile },
    password: opencode.managed?.auth.password ?? '',
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    killOpencode: async () => {
      const before = opencode.startedAt ?? 0
      signal('SIGKILL')
      await waitUntil(
        async () => (opencode.startedAt ?? 0) > before && (await opencode.adapter.checkHealth()).reachable,
        'OpenCode is up again',
      )
      await noteStart()
    },
    [Symbol.asyncDispose]: async () => {
      await opencode.stop()
      await proxy[Symbol.asyncDispose]()
      await model.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

function pidOf({ managed }: OpencodeHandle): number {
  if (!managed) throw new Error('no managed OpenCode')
  return managed.pid
}

export async function waitUntil(holds: () => boolean | Promise<boolean>, what: string, limitMs = UP_MS): Promise<void> {
  const end = systemClock.monotonic() + limitMs
  while (!(await holds())) {
    if (systemClock.monotonic() > end) throw new Error(`waited ${limitMs} ms in vain until ${what}`)
    await systemClock.sleep(10)
  }
}
