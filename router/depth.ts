/** Inputs are walked by recursion further in: one that is too deep is refused here, by a walk that has no stack to run out of. */
import { fail } from '#core'

export function assertShallow(value: unknown, limit: number): void {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit)
      throw fail('INVALID_INPUT', { field: 'input', problem: `is deeper than ${limit} lists and objects inside each other` })
    level = level.filter((inner) => typeof inner === 'object' && inner !== null).flatMap((inner): unknown[] => Object.values(inner))
  }
}
