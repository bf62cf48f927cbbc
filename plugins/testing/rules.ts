/** What a plugin must keep to so that replaying it is sound, and what is said when it does not. */
import type { Json } from '../contract.ts'

export const RULES = [
  'name_twice',
  'input_changed',
  'diverged',
  'not_json',
  'too_large',
  'verb_in_step',
  'unsettled',
  'outcome_undeclared',
  'example_invalid',
] as const
export type Rule = (typeof RULES)[number]

export interface Violation {
  readonly rule: Rule
  /** The verb, outcome or prompt it is about. */
  readonly name: string
  readonly message: string
}

/** Thrown by the verb that broke a rule, as the kernel's verb would throw. */
export class RuleBroken extends Error {
  override readonly name = 'RuleBroken'
  readonly violation: Violation
  constructor(violation: Violation) {
    super(violation.message)
    this.violation = violation
  }
}

/** Characters of one recorded value. */
export const MAX_RECORD = 1_000_000

/** Where a value is not JSON, as `path is …`; null when it is. */
export function notJson(value: unknown, path = '$'): string | null {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return null
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${path} is ${value}`
  if (typeof value !== 'object') return `${path} is a ${typeof value}`
  const entries: readonly (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map((v: unknown, i) => [`${path}[${i}]`, v] as const)
    : Object.entries(value).flatMap(([k, v]: [string, unknown]) => (v === undefined ? [] : [[`${path}.${k}`, v] as const]))
  const proto: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && proto !== Object.prototype && proto !== null) return `${path} is a ${value.constructor.name}`
  return entries.map(([at, v]) => notJson(v, at)).find((problem) => problem !== null) ?? null
}

export { canonical } from '../canonical.ts'

export const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value ?? null)) as T
export const toJson = (value: unknown): Json => copyOf(value) as Json
