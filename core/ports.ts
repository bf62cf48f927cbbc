/** Time and chance come in through these two ports, so that a spec decides them. */
import { randomBytes } from 'node:crypto'

export interface Clock {
  /** Wall clock, epoch milliseconds. For what is stored and shown. */
  now(): number
  /** Milliseconds that never go back. For deadlines inside this process. */
  monotonic(): number
  /** Resolves after `ms`, or at once when `signal` aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export interface Chance {
  /** In [0, 1). */
  random(): number
  /** Lower-case hex of `bytes` random bytes. */
  hex(bytes: number): string
}

/** A timer past it fires at once. Who sleeps longer wakes early and looks again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, Math.min(ms, LONGEST_TIMER_MS))
      signal?.addEventListener('abort', end, { once: true })
    }),
}

export const systemChance: Chance = {
  random: () => Math.random(),
  hex: (bytes) => randomBytes(bytes).toString('hex'),
}
