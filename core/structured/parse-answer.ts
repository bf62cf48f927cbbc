/**
 * A model's text → a validated value, or a precise reason. One routine for every phase: find the block, read it, settle the
 * spelling of keys, validate. A repair never changes what the answer says; whatever is left goes back to the model.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { OutputSpec } from '#plugins/contract'
import { describeOutput } from './describe.ts'
import { findCandidate, type Candidate } from './extract.ts'
import { renameKeys, renameKeysAnywhere } from './keys.ts'
import { readStrictJson, readValue, type ReadValue } from './read.ts'

export type ParsedAnswer<T> = { readonly ok: true; readonly value: T; readonly repairs: readonly string[] } | AnswerFailure
export interface AnswerFailure {
  readonly ok: false
  /** One sentence per problem, with its place. */
  readonly error: string
  /**
   * `missing`: no block at all · `echo`: the instructions came back · `parse`: not readable · `schema`: not the required shape ·
   * `unseen`: given without having looked.
   */
  readonly class: 'missing' | 'echo' | 'parse' | 'schema' | 'unseen'
  /** The text that was taken for the answer. */
  readonly candidate?: string
}

const LANGUAGES = { json: ['json', 'json5', 'jsonc'], yaml: ['yaml', 'yml', 'json'], jsonl: ['jsonl', 'ndjson', 'json'] } as const

export async function parseAnswer<T>(text: string, spec: OutputSpec<T>): Promise<ParsedAnswer<T>> {
  const answer = withoutEcho(text.replaceAll('\r\n', '\n'), spec)
  if (answer.trim() === '')
    return text.trim() === ''
      ? missing(spec)
      : { ok: false, class: 'echo', error: 'The answer only repeats the instructions.', candidate: text }
  const candidate = findCandidate(answer, spec.tag, LANGUAGES[spec.format])
  const read = readCandidate(candidate, spec)
  if (!read.ok)
    return withoutMarker(candidate, spec) ? missing(spec) : { ok: false, class: 'parse', error: read.error, candidate: candidate.text }
  const validated = await firstValid(readings(read.value, spec), spec.schema)
  if (!validated.ok) {
    return withoutMarker(candidate, spec)
      ? missing(spec)
      : { ok: false, class: 'schema', error: validated.error, candidate: candidate.text }
  }
  return { ok: true, value: validated.value, repairs: [...markerRepairs(candidate, spec), ...read.repairs, ...validated.repairs] }
}

/** The format section itself is no answer, but the example alone is one: the mock answers with it. */
const withoutEcho = (text: string, spec: OutputSpec): string => text.replaceAll(describeOutput(spec), '')

const missing = (spec: OutputSpec): AnswerFailure => ({
  ok: false,
  class: 'missing',
  error:
    spec.tag === undefined
      ? `The answer holds no ${spec.format.toUpperCase()} value.`
      : `The answer holds no <${spec.tag}> … </${spec.tag}> block.`,
})

/** Prose that could not be read is a missing block, not a malformed one. */
const withoutMarker = (candidate: Candidate, spec: OutputSpec): boolean =>
  spec.tag === undefined ? candidate.found === 'none' && !/[{[:]/.test(candidate.text) : candidate.found === 'none'

function readCandidate(candidate: Candidate, spec: OutputSpec): ReadValue {
  const read = readValue(candidate.text, spec.format)
  if (read.ok && typeof read.value === 'object') return read
  const wider = candidate.wider.map(readStrictJson).find((value) => value.ok)
  return wider ?? read
}

function markerRepairs(candidate: Candidate, spec: OutputSpec): readonly string[] {
  if (candidate.found === 'open tag') return [`took everything after <${spec.tag}>, since its end is missing`]
  if (spec.tag !== undefined && candidate.found !== 'tag')
    return [`took the ${candidate.found === 'fence' ? 'last fenced block' : 'whole text'}, since there is no <${spec.tag}>`]
  return []
}

interface Reading {
  readonly value: unknown
  readonly repairs: readonly string[]
}

/** In order of trust. A later one is made, and used, only when no earlier one validates. */
function* readings(value: unknown, spec: OutputSpec): Generator<Reading, void> {
  const { example, aliases = {} } = spec
  yield renameKeys(value, example, aliases)
  yield { value, repairs: [] }
  yield renameKeysAnywhere(value, example, aliases)
  const inner = unwrap(value)
  if (inner === undefined) return
  for (const rename of [renameKeys, renameKeysAnywhere]) {
    const reading = rename(inner.value, example, aliases)
    yield { value: reading.value, repairs: [inner.repair, ...reading.repairs] }
  }
}

function unwrap(value: unknown): { value: unknown; repair: string } | undefined {
  if (Array.isArray(value))
    return value.length === 1 ? { value: value[0] as unknown, repair: 'took the only element of a list' } : undefined
  if (typeof value !== 'object' || value === null) return undefined
  const [only, ...more] = Object.entries(value) as [string, unknown][]
  if (only === undefined || more.length > 0 || typeof only[1] !== 'object' || only[1] === null) return undefined
  return { value: only[1], repair: `took the value of the wrapping key ${only[0]}` }
}

type Validated<T> =
  { readonly ok: true; readonly value: T; readonly repairs: readonly string[] } | { readonly ok: false; readonly error: string }

/** The error reported is that of the first reading: it is the one closest to what the model wrote. */
async function firstValid<T>(candidates: Iterable<Reading>, schema: StandardSchemaV1<unknown, T>): Promise<Validated<T>> {
  let error: string | undefined
  for (const { value, repairs } of candidates) {
    const result = await schema['~standard'].validate(value)
    if (result.issues === undefined) return { ok: true, value: result.value, repairs }
    error ??= sentences(result.issues)
  }
  return { ok: false, error: error ?? 'The answer does not validate.' }
}

const MOST_ISSUES = 20

function sentences(issues: readonly StandardSchemaV1.Issue[]): string {
  const lines = [...new Set(issues.map((issue) => `\`${pathOf(issue)}\`: ${issue.message}`))]
  return lines.length <= MOST_ISSUES
    ? lines.join('\n')
    : [...lines.slice(0, MOST_ISSUES), `… and ${lines.length - MOST_ISSUES} more.`].join('\n')
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  const keys = (issue.path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment))
  return (
    keys.reduce<string>(
      (path, key) => (typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`),
      '',
    ) || 'answer'
  )
}
