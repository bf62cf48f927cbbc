/** How long work may take: a limit, what is used, and reasons why the clock stands still (a person is asked). */
import type { Clock } from '../ports.ts'

export interface Budget {
  /** Milliseconds left; null = no limit. */
  left(): number | null
  usedMs(): number
  pause(reason: string): void
  resume(reason: string): void
  readonly paused: boolean
}

export interface BudgetInput {
  readonly limitMs: number | null
  readonly usedMs: number
  /** Told when the clock stops and when it goes on. */
  readonly onPaused?: (paused: boolean) => void
}

export function createBudget(clock: Pick<Clock, 'monotonic'>, input: BudgetInput): Budget {
  const reasons = new Set<string>()
  let used = input.usedMs
  let since = clock.monotonic()
  const settle = (): void => {
    const now = clock.monotonic()
    if (reasons.size === 0) used += now - since
    since = now
  }
  return {
    left: () => {
      settle()
      return input.limitMs === null ? null : Math.max(0, input.limitMs - used)
    },
    usedMs: () => {
      settle()
      return Math.round(used)
    },
    pause: (reason) => {
      settle()
      reasons.add(reason)
      input.onPaused?.(true)
    },
    get paused() {
      return reasons.size > 0
    },
    resume: (reason) => {
      settle()
      reasons.delete(reason)
      if (reasons.size === 0) input.onPaused?.(false)
    },
  }
}
