/** JSON values: checked before they are recorded, hashed in a canonical form. */
import { createHash } from 'node:crypto'
import type { Json } from '#plugins/contract'

export const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex')

/** Keys sorted, `undefined` left out: equal values have equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, v]) => v !== undefined && typeof v !== 'function')
  return `{${entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`)
    .join(',')}}`
}

export const hashOf = (value: unknown): string => sha256(canonical(value))

/** Where a value is not JSON, as `path: what`; null when it is. */
export function notJson(value: unknown, path = '$'): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${path} is ${value}`
  if (Array.isArray(value)) return firstOf(value.map((v, i) => [`${path}[${i}]`, v]))
  if (typeof value !== 'object') return `${path} is a ${typeof value}`
  const proto = Object.getPrototypeOf(value) as unknown
  if (proto !== Object.prototype && proto !== null) return `${path} is a ${value.constructor.name}`
  return firstOf(
    Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .map(([k, v]) => [`${path}.${k}`, v]),
  )
}

function firstOf(entries: readonly (readonly [string, unknown])[]): string | null {
  for (const [path, value] of entries) {
    const found = notJson(value, path)
    if (found) return found
  }
  return null
}

/** A plain copy without `undefined`, for what was built from typed records. */
export const toJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null)) as Json
