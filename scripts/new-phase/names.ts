/** The names of one phase: id in the database, file, and constant in the table. */
import { fail } from '#core'

export interface PhaseNames {
  /** `REVIEWING_CHANGES` */
  readonly id: string
  /** `reviewing-changes` */
  readonly file: string
  /** `reviewingChanges` */
  readonly constant: string
  /** `Reviewing changes` */
  readonly label: string
  /** `reviewing_changes` */
  readonly artifact: string
}

const UPPER = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/
const LOWER = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const MAX = 60

export function namesOf(name: string, field = 'NAME'): PhaseNames {
  if (!(UPPER.test(name) || LOWER.test(name)) || name.length < 2 || name.length > MAX)
    throw fail('INVALID_INPUT', { field, problem: `must be like REVIEWING_CHANGES or reviewing-changes, not ${name}` })
  const words = name.toLowerCase().split(/[_-]/)
  const [first = '', ...rest] = words
  return {
    id: words.join('_').toUpperCase(),
    file: words.join('-'),
    constant: first + rest.map(capital).join(''),
    label: [capital(first), ...rest].join(' '),
    artifact: words.join('_'),
  }
}

const capital = (word: string): string => word.slice(0, 1).toUpperCase() + word.slice(1)
