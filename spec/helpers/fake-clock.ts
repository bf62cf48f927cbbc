/** A clock that moves only when a test says so. */
import type { Clock } from '../../core/ports.ts'

export interface FakeClock extends Clock {
  /** Moves on, waking sleepers in the order of their times; promises they wake run in between. */
  advance(ms: number): Promise<void>
  readonly sleepers: number
}

export function createFakeClock(start = 1_000_000): FakeClock {
  let now = start
  const sleeping = new Map<object, { readonly at: number; readonly wake: () => void }>()
  return {
    now: () => now,
    monotonic: () => now - start,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const key = {}
        const wake = (): void => {
          sleeping.delete(key)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        sleeping.set(key, { at: now + ms, wake })
        signal?.addEventListener('abort', wake, { once: true })
      }),
    async advance(ms) {
      const end = now + ms
      await settle()
      for (;;) {
        const next = [...sleeping.values()].filter((s) => s.at <= end).toSorted((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        now = Math.max(now, next.at)
        next.wake()
        await settle()
      }
      now = end
      await settle()
    },
    get sleepers() {
      return sleeping.size
    },
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}
