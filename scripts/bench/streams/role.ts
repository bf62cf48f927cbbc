/**
 * A part of a bench in a process of its own, so that servers and readers do not share an event loop: calls over IPC, each with
 * one answer. It ends when its parent does.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'

type Call = (input: never) => unknown
export type Calls = Readonly<Record<string, Call>>
interface Asked {
  readonly id: number
  readonly name: string
  readonly input: unknown
}
interface Answered {
  readonly id: number
  readonly value?: unknown
  readonly problem?: string
}

export interface Role<C extends Calls> extends AsyncDisposable {
  call<N extends keyof C & string>(name: N, ...input: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>>
}

/** The parent's half. `name` is a file of `roles/`. */
export function startRole<C extends Calls>(name: string, flags: readonly string[] = []): Role<C> {
  const file = new URL(`./roles/${name}.ts`, import.meta.url)
  const child = fork(file, { execArgv: ['--import', 'tsx', ...flags], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>()
  let count = 0
  child.on('message', ({ id, value, problem }: Answered) => {
    const { resolve, reject } = waiting.get(id) ?? {}
    waiting.delete(id)
    if (problem === undefined) resolve?.(value as never)
    else reject?.(new Error(`${name}: ${problem}`))
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${name} ended with ${signal ?? code}`))
  })
  return {
    call: (call, input?: unknown) =>
      new Promise((resolve, reject) => {
        waiting.set(++count, { resolve, reject })
        child.send({ id: count, name: call, input } satisfies Asked)
      }),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}

/** The child's half. `close` is called before it ends. */
export function playRole(calls: Calls, close: () => Promise<unknown> = () => Promise.resolve()): void {
  process.on('message', (asked: Asked) => void answer(calls, asked).then((answered) => process.connected && process.send?.(answered)))
  process.once('disconnect', () => void close().finally(() => process.exit()))
  // A Ctrl-C is the parent's to hear.
  process.on('SIGINT', () => undefined)
}

async function answer(calls: Calls, { id, name, input }: Asked): Promise<Answered> {
  try {
    return { id, value: await calls[name]?.(input as never) }
  } catch (error) {
    return { id, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

export interface Usage {
  /** Milliseconds of processor time since the process began. */
  readonly cpuMs: number
  readonly rss: number
  readonly heap: number
  readonly arrayBuffers: number
}
export function usage(): Usage {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  return { cpuMs: (user + system) / 1_000, rss, heap: heapUsed, arrayBuffers }
}

/** Milliseconds of the machine's steady clock: the same in all processes. */
export const steady = (): number => Number(process.hrtime.bigint()) / 1e6

/** A time in a text, of one length: what is measured is as long in every frame. */
export const stamp = (): string => steady().toFixed(3).padStart(16, '0')
export const STAMP = /sent:(\d{12}\.\d{3})/g
