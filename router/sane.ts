/**
 * What no input may be, wherever it is in it, checked before anything looks closer: too deep (inputs are walked by recursion
 * further in; this walk has no stack to run out of), a number that is none, or text that a database, a file name or a
 * command cannot hold.
 */
import { fail } from '#core'

interface Spot {
  readonly value: unknown
  readonly path: string
}

/** Throws INVALID_INPUT that names the field. */
export function assertSane(input: unknown, depth: number): void {
  let level: readonly Spot[] = [{ value: input, path: '' }]
  for (let at = 0; level.length > 0; at++) {
    if (at > depth)
      throw fail('INVALID_INPUT', { field: rootOf(level), problem: `is deeper than ${depth} lists and objects inside each other` })
    level = level.flatMap(inside)
  }
}

function inside({ value, path }: Spot): readonly Spot[] {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw fail('INVALID_INPUT', { field: path || 'input', problem: 'is no finite number' })
  if (typeof value === 'string') assertText(value, path)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).map(([key, inner]): Spot => {
    assertText(key, path)
    return { value: inner, path: path === '' ? key : `${path}.${key}` }
  })
}

const UNFIT = /\p{Surrogate}|\0/u
function assertText(text: string, path: string): void {
  if (UNFIT.test(text)) throw fail('INVALID_INPUT', { field: path || 'input', problem: 'holds half a character or a NUL' })
}

const rootOf = (level: readonly Spot[]): string => level[0]?.path.split('.')[0] || 'input'
