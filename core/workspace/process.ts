/**
 * A child process that cannot outlive its call: own process group, time limit, capped output. The group is killed as a
 * whole, also after a normal end, since a background grandchild would hold the pipe and keep the caller waiting.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'

export interface ProcessRequest {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Its abort ends the process; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  readonly input?: string | undefined
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void
}
export interface ProcessEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly timedOut: boolean
  readonly durationMs: number
}

const KILL_AFTER_TERM_MS = 1_000
/** For what left the group (setsid) and holds our pipe. */
const PIPE_GRACE_MS = 300

/** Rejects when the process could not be started, and when `signal` was aborted. */
export async function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  request.signal?.throwIfAborted()
  const began = performance.now()
  const child = spawn(request.file, request.args, { cwd: request.cwd, env: request.env, detached: true, stdio: 'pipe' })
  child.stdout.on('data', (chunk: Buffer) => request.onOutput('stdout', chunk))
  child.stderr.on('data', (chunk: Buffer) => request.onOutput('stderr', chunk))
  // A process that ends without reading its input breaks the pipe; its exit code tells the story.
  child.stdin.on('error', () => child.stdin.destroy())
  child.stdin.end(request.input ?? '')
  const limits = limit(child, request)
  try {
    const exitCode = await ended(child)
    request.signal?.throwIfAborted()
    return { exitCode, timedOut: limits.timedOut(), durationMs: Math.round(performance.now() - began) }
  } finally {
    limits.release()
  }
}

function ended(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => {
      signalGroup(child, 'SIGKILL')
      const grace = setTimeout(() => {
        child.stdout.destroy()
        child.stderr.destroy()
      }, PIPE_GRACE_MS)
      child.on('close', () => clearTimeout(grace))
    })
    child.on('close', (code) => resolve(code))
  })
}

function limit(child: ChildProcessWithoutNullStreams, { timeoutMs, signal }: ProcessRequest): { timedOut(): boolean; release(): void } {
  let timedOut = false
  let kill: NodeJS.Timeout | undefined
  const end = (): void => {
    signalGroup(child, 'SIGTERM')
    kill ??= setTimeout(() => signalGroup(child, 'SIGKILL'), KILL_AFTER_TERM_MS)
  }
  const timer = setTimeout(() => {
    timedOut = true
    end()
  }, timeoutMs)
  signal?.addEventListener('abort', end, { once: true })
  return {
    timedOut: () => timedOut,
    release: () => {
      clearTimeout(timer)
      clearTimeout(kill)
      signal?.removeEventListener('abort', end)
    },
  }
}

function signalGroup(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // No member of the group is left, which is what was wanted.
  }
}

/** Keeps the head and the tail of what comes in: the start says what ran, the end says how it failed. */
export class OutputBuffer {
  readonly #limit: number
  readonly #headLimit: number
  readonly #head: Buffer[] = []
  #headSize = 0
  #tail: Buffer[] = []
  #tailSize = 0
  #dropped = 0

  constructor(limit: number) {
    this.#limit = limit
    this.#headLimit = Math.floor(limit / 2)
  }

  add(chunk: Buffer): void {
    const forHead = chunk.subarray(0, Math.max(0, this.#headLimit - this.#headSize))
    if (forHead.length > 0) {
      this.#head.push(forHead)
      this.#headSize += forHead.length
    }
    const rest = chunk.subarray(forHead.length)
    if (rest.length === 0) return
    this.#tail.push(rest)
    this.#tailSize += rest.length
    // Trimmed rarely, so that many small chunks do not cost a copy each.
    if (this.#tailSize > 2 * this.#limit) this.#trimTail()
  }

  get truncated(): boolean {
    this.#trimTail()
    return this.#dropped > 0
  }

  text(): string {
    this.#trimTail()
    const head = Buffer.concat(this.#head).toString('utf8')
    const tail = Buffer.concat(this.#tail).toString('utf8')
    return this.#dropped === 0
      ? Buffer.concat([...this.#head, ...this.#tail]).toString('utf8')
      : `${head}\n[… ${this.#dropped} bytes left out …]\n${tail}`
  }

  #trimTail(): void {
    const limit = this.#limit - this.#headLimit
    if (this.#tailSize <= limit) return
    const kept = Buffer.concat(this.#tail).subarray(this.#tailSize - limit)
    this.#dropped += this.#tailSize - limit
    this.#tail = [kept]
    this.#tailSize = limit
  }
}
