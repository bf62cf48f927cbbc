/** How much one token may ask: a bucket of calls that fills again steadily, one for reads and one for writes. */
import { fail, type Clock } from '#core'
import type { Limits } from './limits.ts'

export type CallKind = 'reads' | 'writes'

export interface Throttle {
  /** Throws RATE_LIMITED with `retryAfterMs`. A refused call takes nothing. */
  spend(token: string, kind: CallKind, calls?: number): void
  /** The tokens changed. */
  forget(): void
}

interface Bucket {
  left: number
  at: number
}

export function createThrottle(limits: Limits, clock: Clock): Throttle {
  const buckets = new Map<string, Bucket>()
  const sizes = { reads: limits.readBurst, writes: limits.writeBurst }
  return {
    spend(token, kind, calls = 1) {
      const [size, perMs, now] = [sizes[kind], limits[kind] / 1_000, clock.monotonic()]
      const bucket = buckets.get(`${kind}:${token}`) ?? { left: size, at: now }
      buckets.set(`${kind}:${token}`, bucket)
      bucket.left = Math.min(size, bucket.left + (now - bucket.at) * perMs)
      bucket.at = now
      // More at once than the bucket holds needs a full one.
      const cost = Math.min(calls, size)
      if (bucket.left < cost)
        throw fail('RATE_LIMITED', { what: kind, limit: limits[kind], retryAfterMs: Math.ceil((cost - bucket.left) / perMs) })
      bucket.left -= cost
    },
    forget: () => buckets.clear(),
  }
}
