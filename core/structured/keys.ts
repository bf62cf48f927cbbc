/**
 * Other spellings of keys. The keys that are right are those of the example, place by place: a key is renamed only to one
 * that the example has at the same place and the answer lacks there, so no given value is ever lost or moved.
 */
import type { OutputSpec } from '#plugins/contract'

type Aliases = NonNullable<OutputSpec['aliases']>
type Renamed = { readonly value: unknown; readonly repairs: readonly string[] }

export function renameKeys(value: unknown, example: unknown, aliases: Aliases): Renamed {
  const repairs: string[] = []
  return { value: walk(value, [example], { aliases, repairs, anywhere: undefined, path: '' }), repairs }
}

/** For places the example does not show: the names of all its keys, anywhere. Only for an answer that does not validate as it is. */
export function renameKeysAnywhere(value: unknown, example: unknown, aliases: Aliases): Renamed {
  const repairs: string[] = []
  const anywhere = [...new Set([...Object.keys(aliases), ...allKeys(example)])]
  return { value: walk(value, [example], { aliases, repairs, anywhere, path: '' }), repairs }
}

interface Walk {
  readonly aliases: Aliases
  readonly repairs: string[]
  readonly anywhere: readonly string[] | undefined
  readonly path: string
}

function walk(value: unknown, examples: readonly unknown[], at: Walk): unknown {
  if (Array.isArray(value)) {
    const inner = examples.flatMap((example): unknown[] => (Array.isArray(example) ? example : []))
    return value.map((element: unknown, index) => walk(element, inner, { ...at, path: `${at.path}[${index}]` }))
  }
  if (!isObject(value)) return value
  const shapes = examples.filter(isObject)
  const known = shapes.length > 0 ? [...new Set(shapes.flatMap((shape) => Object.keys(shape)))] : []
  const names = rename(Object.keys(value), at.anywhere === undefined ? known : [...known, ...at.anywhere], at)
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const name = names.get(key) ?? key
      const next = shapes.filter((shape) => Object.hasOwn(shape, name)).map((shape) => shape[name])
      return [name, walk(inner, next, { ...at, path: at.path === '' ? name : `${at.path}.${name}` })]
    }),
  )
}

function rename(keys: readonly string[], known: readonly string[], at: Walk): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  for (const key of keys) {
    if (known.includes(key)) continue
    const fitting = known.filter((name) => spellings(name, at.aliases).includes(plain(key)))
    const [name] = fitting
    if (name === undefined || fitting.length > 1 || keys.includes(name) || [...names.values()].includes(name)) continue
    names.set(key, name)
    at.repairs.push(`read key ${key} as ${name}${at.path === '' ? '' : ` in ${at.path}`}`)
  }
  return names
}

const spellings = (name: string, aliases: Aliases): readonly string[] =>
  [name, ...(Object.hasOwn(aliases, name) ? (aliases[name] ?? []) : [])].map(plain)
const plain = (key: string): string => key.toLowerCase().replaceAll(/[_\- ]/g, '')

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function allKeys(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(allKeys)
  return isObject(value) ? Object.entries(value).flatMap(([key, inner]) => [key, ...allKeys(inner)]) : []
}
