/** A real server process that is killed with SIGKILL and started again on its data, at the same address. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { World } from '../store/home.ts'
import type { ServerPlan, ServerSays } from './server-process.ts'

const FILE = fileURLToPath(new URL('./server-process.ts', import.meta.url))

export class KilledServer implements AsyncDisposable {
  readonly #world: World
  #child: ChildProcess | null = null
  #port = 0

  /** The world's own store is closed by then. */
  constructor(world: World) {
    this.#world = world
  }
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const { home, fence } = this.#world
    const plan: ServerPlan = { projectUrl: home.projectUrl, baseDir: home.baseDir, fence, port: this.#port }
    const child = fork(FILE, [JSON.stringify(plan)], { execArgv: ['--import', 'tsx'] })
    this.#child = child
    const [said] = (await once(child, 'message')) as [ServerSays]
    if ('port' in said) this.#port = said.port
  }
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (!child || child.exitCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  /** It writes no more, and serves on. How far the log goes. */
  async lastSeq(): Promise<number> {
    this.#child?.send('stop')
    const [said] = (await once(this.#child as ChildProcess, 'message')) as [ServerSays]
    return 'lastSeq' in said ? said.lastSeq : Number.NaN
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await this.#world.home[Symbol.asyncDispose]()
  }
}
