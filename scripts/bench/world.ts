/** What the benches share: a temporary folder, a real OpenCode with a model that answers at once, a repository. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { createOpencode, systemChance, systemClock } from '#core'
import type { OpencodeHandle } from '#core'
import { scriptedProvider } from '../scripted-model.ts'
import { startModelProcess } from './model-process.ts'

export interface BenchWorld extends AsyncDisposable {
  readonly folder: string
  readonly opencode: OpencodeHandle
  readonly password: string
}

export async function openWorld(answer: string): Promise<BenchWorld> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'looptroop-bench-')))
  const model = await startModelProcess(answer)
  const managed = { isolateHome: path.join(folder, 'home'), extraConfig: scriptedProvider(model.url) }
  const dataDir = path.join(folder, 'opencode')
  const opencode = await createOpencode({
    ...{ env: process.env, clock: systemClock, chance: systemChance, dataDir, managed },
    use: 'always_managed',
  })
  await opencode.hub.ready()
  return {
    folder,
    opencode,
    password: opencode.managed?.auth.password ?? '',
    [Symbol.asyncDispose]: async () => {
      await opencode.stop()
      await model.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

export async function makeRepository(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  await writeFile(path.join(folder, 'README.md'), 'hello\n')
  const git = (...args: string[]): Promise<unknown> =>
    promisify(execFile)('git', ['-c', 'user.name=Bench', '-c', 'user.email=bench@localhost', ...args], { cwd: folder })
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '-m', 'base')
  return folder
}
