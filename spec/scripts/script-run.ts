/** A script of ours as a person runs it: a process of its own, with its own data, home and temporary folder. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, readFile, readdir } from 'node:fs/promises'
import path from 'node:path'
import { until } from '../helpers/waiting.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

export interface ScriptOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Holds data, home and temporary folder. */
  readonly folder: string
  readonly cwd?: string
}
export interface ScriptEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}
export interface RunningScript {
  readonly child: ChildProcess
  readonly ended: Promise<ScriptEnd>
  /** What it printed so far. */
  readonly stdout: () => string
  /** Until it printed this; fails when it ends before. */
  readonly prints: (words: RegExp) => Promise<void>
}

export async function startScript(name: string, { args = [], env = {}, folder, cwd = ROOT }: ScriptOptions): Promise<RunningScript> {
  const [home, tmp] = [path.join(folder, 'home'), path.join(folder, 'tmp')]
  await Promise.all([home, tmp].map((dir) => mkdir(dir, { recursive: true })))
  const { PATH = '' } = process.env
  const command = ['--import', import.meta.resolve('tsx'), path.join(ROOT, 'scripts', name), ...args]
  const own = { PATH, HOME: home, TMPDIR: tmp, LOOPTROOP_DATA_DIR: path.join(folder, 'data'), LOOPTROOP_OPENCODE_MODE: 'mock' }
  const child = spawn(process.execPath, command, { cwd, env: { ...own, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said.stderr += text))
  const ended = new Promise<ScriptEnd>((resolve) => child.on('close', (code) => resolve({ code, ...said })))
  const prints = (words: RegExp): Promise<void> =>
    until(() => {
      if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}:\n${said.stdout}${said.stderr}`)
      return words.test(said.stdout)
    }, `${name} prints ${words.source}`)
  return { child, ended, prints, stdout: () => said.stdout }
}

export const runScript = async (name: string, options: ScriptOptions): Promise<ScriptEnd> => (await startScript(name, options)).ended

/** Processes that carry the folder in their environment. */
export async function processesOf(folder: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const named = await Promise.all(
    pids.map(async (pid) => {
      // Ended meanwhile, or another user's.
      const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
      return (await read('environ')).includes(folder) ? (await read('cmdline')).replaceAll('\0', ' ') : ''
    }),
  )
  return named.filter((line) => line !== '')
}

/** What a script left in its temporary folder; tsx keeps its cache there. */
export const leftInTmp = async (folder: string): Promise<readonly string[]> =>
  (await readdir(path.join(folder, 'tmp'))).filter(
    (name) => !/^(tsx-\d+|node-compile-cache|opencode|\.[0-9a-f]+-[0-9a-f]+\.(so|node))$/.test(name),
  )
