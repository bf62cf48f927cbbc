/** Text to value: strict JSON first, then tolerant YAML. Tolerance never picks between two meanings. */
import { isDeepStrictEqual } from 'node:util'
import { isMap, LineCounter, parseDocument, visit, type Document, type YAMLMap } from 'yaml'
import type { OutputSpec } from '#plugins/contract'
import { messageOf } from '../errors.ts'

export type ReadValue =
  { readonly ok: true; readonly value: unknown; readonly repairs: readonly string[] } | { readonly ok: false; readonly error: string }

export function readValue(text: string, format: OutputSpec['format']): ReadValue {
  if (text.trim() === '') return { ok: false, error: 'The block is empty.' }
  return format === 'jsonl' ? readLines(text) : readOne(text, format)
}

/** The value when the text is strict JSON without contradicting keys. */
export function readStrictJson(text: string): ReadValue {
  try {
    const value: unknown = JSON.parse(text)
    // What comes back from the value to the letter names no key twice; only the rest is looked at more closely.
    const twice = withoutSpace(text) === JSON.stringify(value) ? undefined : contradiction(parseDocument(text, YAML_OPTIONS))
    return twice === undefined ? { ok: true, value, repairs: [] } : { ok: false, error: twice }
  } catch (error) {
    return { ok: false, error: `The JSON is not valid: ${messageOf(error)}.` }
  }
}

/** Outside of strings. */
const withoutSpace = (json: string): string => json.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')

function readOne(text: string, format: 'json' | 'yaml'): ReadValue {
  const strict = readStrictJson(text)
  if (strict.ok || strict.error.startsWith(TWICE)) return strict
  const yaml = readYaml(text)
  if (format === 'yaml') return yaml
  // Any prose is a YAML string: only a structure may be taken for an answer that should have been JSON.
  if (yaml.ok && typeof yaml.value === 'object' && yaml.value !== null)
    return { ...yaml, repairs: ['read as YAML, since it is not strict JSON'] }
  if (!yaml.ok && yaml.error.startsWith(TWICE)) return yaml
  return readEmbedded(text) ?? strict
}

function readEmbedded(text: string): ReadValue | undefined {
  const start = text.search(/[[{]/)
  const end = Math.max(text.lastIndexOf('}'), text.lastIndexOf(']'))
  if (start === -1 || end < start) return undefined
  const found = readStrictJson(text.slice(start, end + 1))
  return found.ok ? { ...found, repairs: ['left out the words around the JSON value'] } : undefined
}

function readLines(text: string): ReadValue {
  const lines = text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '')
  const read = lines.map(({ line, number }) => ({ number, result: readOne(line, 'json') }))
  const bad = read.find(({ result }) => !result.ok)
  if (bad === undefined) {
    const values = read.map(({ result }) => (result.ok ? result.value : undefined))
    return { ok: true, value: values, repairs: read.flatMap(({ result }) => (result.ok ? result.repairs : [])) }
  }
  const whole = readStrictJson(text)
  if (whole.ok)
    return {
      ok: true,
      value: Array.isArray(whole.value) ? whole.value : [whole.value],
      repairs: ['read one JSON value over several lines'],
    }
  return { ok: false, error: `Line ${bad.number}: ${bad.result.ok ? '' : bad.result.error}` }
}

const YAML_OPTIONS = { uniqueKeys: false, prettyErrors: false, logLevel: 'silent', strict: true } as const

function readYaml(text: string): ReadValue {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...YAML_OPTIONS, lineCounter: lines })
  if (document.errors.length > 0) {
    const sentences = document.errors.slice(0, 5).map((error) => {
      const { line, col } = lines.linePos(error.pos[0])
      return `Line ${line}, column ${col}: ${error.message.replace(/\.?$/, '.')} Near: ${excerpt(text, line)}`
    })
    return { ok: false, error: sentences.join('\n') }
  }
  const twice = contradiction(document)
  if (twice !== undefined) return { ok: false, error: twice }
  try {
    return { ok: true, value: document.toJS() as unknown, repairs: [] }
  } catch (error) {
    return { ok: false, error: `The YAML cannot be resolved: ${messageOf(error)}.` }
  }
}

const excerpt = (text: string, line: number): string => JSON.stringify((text.split('\n')[line - 1] ?? '').slice(0, 120))

const TWICE = 'The key '

/** A key given twice with the same value is harmless; with two values nobody knows which one is meant. */
function contradiction(document: Document.Parsed): string | undefined {
  let found: string | undefined
  visit(document, {
    Map(_, map) {
      found = contradictingKey(map, document)
      return found === undefined ? undefined : visit.BREAK
    },
  })
  return found
}

function contradictingKey(map: YAMLMap, document: Document.Parsed): string | undefined {
  const seen = new Map<string, unknown>()
  for (const pair of map.items) {
    const key = String(isMap(pair.key) ? pair.key.toString() : pair.key)
    const value = (pair.value as { toJS?: (document: Document) => unknown } | null)?.toJS?.(document) ?? null
    if (seen.has(key) && !isDeepStrictEqual(seen.get(key), value)) {
      return `${TWICE}${JSON.stringify(key)} is given twice with different values: ${brief(seen.get(key))} and ${brief(value)}.`
    }
    seen.set(key, value)
  }
  return undefined
}

const brief = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)
