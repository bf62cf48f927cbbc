/**
 * Change records: how a document is refined or revised. The model names what changes and why; the server applies it and
 * holds the result against the document's own schema. So nothing changes that no record names, and nothing is lost because
 * a model repeated a long document imperfectly.
 */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'
import type { Json, OutputSpec } from '../contract.ts'

const Text = v.pipe(v.string(), v.trim(), v.minLength(1))
export type Change = {
  readonly type: 'modified' | 'added' | 'removed'
  /** An item's id, or a field of the document. */
  readonly target: string
  readonly value?: Json | undefined
  readonly inspired_by: string | null
  readonly why: string
}
/** Its type is written out: a schema's own, with JSON in it, is too deep for a consumer's compiler. */
const ChangeRecord: v.GenericSchema<unknown, Change> = v.object({
  type: v.picklist(['modified', 'added', 'removed']),
  target: Text,
  value: v.optional(v.custom<Json>((value) => value !== undefined)),
  inspired_by: v.optional(v.nullable(v.string()), null),
  why: Text,
})
export type JsonObject = { readonly [key: string]: Json | undefined }

/** What may be changed: the document, and the name of its list of items that have ids. */
export interface Changeable<Doc> {
  readonly document: Doc
  readonly list: string
  readonly schema: StandardSchemaV1<unknown, Doc>
  /** Names that `inspired_by` may give. */
  readonly sources?: readonly string[]
}
export interface Changed<Doc> {
  readonly changes: readonly Change[]
  readonly document: Doc
}

/** Entries beside `changes`, such as what became of each gap. */
export interface Beside<More> {
  readonly schema: v.GenericSchema<unknown, More>
  readonly example: More
}

export function changesOutput<Doc, More = object>(
  of: Changeable<Doc>,
  tag: string,
  beside?: Beside<More>,
): OutputSpec<Changed<Doc> & More> {
  const schema: StandardSchemaV1<unknown, Changed<Doc> & More> = {
    '~standard': { version: 1, vendor: 'looptroop', validate: (value) => validate(of, value, beside?.schema) },
  }
  const example = { changes: exampleChanges(of), ...beside?.example } as unknown as Changed<Doc> & More
  return { schema, format: 'yaml', tag, example }
}

/** For the prompt: what a change record may be. */
export const CHANGE_RULES: readonly string[] = [
  'Answer with change records only, not with the whole document. An empty list leaves the document as it is.',
  '`target` is the id of an item, or the name of another top-level field. `modified` replaces it by `value`, which holds the whole new item or field; `added` appends the item `value`, whose id is `target`; `removed` takes the item out and has no `value`.',
  'Each target has at most one record. Say in `why` what it is good for.',
]

async function validate<Doc, More>(
  of: Changeable<Doc>,
  value: unknown,
  beside: v.GenericSchema<unknown, More> | undefined,
): Promise<StandardSchemaV1.Result<Changed<Doc> & More>> {
  const read = v.safeParse(v.looseObject({ changes: v.array(ChangeRecord) }), value)
  if (!read.success) return { issues: read.issues.map(said) }
  const more = beside ? v.safeParse(beside, value) : null
  if (more && !more.success) return { issues: more.issues.map(said) }
  const applied = applyChanges(of, read.output.changes)
  if (applied.problems.length > 0) return { issues: applied.problems.map((message) => ({ message })) }
  const whole = await of.schema['~standard'].validate(applied.document)
  if (whole.issues)
    return { issues: whole.issues.map(({ message, path }) => ({ message: `with these changes: ${message}`, ...(path ? { path } : {}) })) }
  return { value: { ...more?.output, changes: applied.changes, document: whole.value } as unknown as Changed<Doc> & More }
}

const said = (issue: v.BaseIssue<unknown>): { message: string } => ({ message: `${v.getDotPath(issue) ?? 'the answer'}: ${issue.message}` })

/** Changes that change nothing are dropped; one that fits nothing is a problem. */
export function applyChanges<Doc>(
  { document, list, sources }: Pick<Changeable<Doc>, 'document' | 'list' | 'sources'>,
  changes: readonly Change[],
): { readonly document: JsonObject; readonly changes: readonly Change[]; readonly problems: readonly string[] } {
  let result = document as JsonObject
  const kept: Change[] = []
  const problems: string[] = []
  for (const [i, change] of changes.entries()) {
    const twice = changes.findIndex((c) => c.target === change.target) !== i
    const problem = twice
      ? `${change.target} has more than one change record`
      : (problemOf(result, list, change) ?? sourceProblem(change, sources))
    if (problem !== null) {
      problems.push(problem)
      continue
    }
    const next = applyOne(result, list, change)
    if (same(next, result)) continue
    result = next
    kept.push(change)
  }
  return { document: result, changes: kept, problems }
}

type Item = JsonObject & { readonly id: string }
const itemsOf = (document: JsonObject, list: string): readonly Item[] => (document[list] ?? []) as unknown as readonly Item[]
const isItem = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

function problemOf(document: JsonObject, list: string, { type, target, value }: Change): string | null {
  const known = itemsOf(document, list).some((item) => item.id === target)
  const field = !known && target !== list && Object.hasOwn(document, target)
  if (type === 'removed') return known ? null : `removed: ${target} is no item of ${list}`
  if (value === undefined) return `${type}: ${target} has no value`
  if (type === 'added') {
    if (known || field) return `added: ${target} exists already; use modified`
    return isItem(value) ? null : `added: the value of ${target} must be an item of ${list}`
  }
  if (field) return null
  if (!known)
    return `modified: there is no ${target}; items are ${itemsOf(document, list)
      .map((item) => item.id)
      .join(', ')}`
  return isItem(value) ? null : `modified: the value of ${target} must be an item of ${list}`
}

const sourceProblem = ({ target, inspired_by: by }: Change, sources: readonly string[] = []): string | null =>
  by === null || sources.includes(by) ? null : `${target}: inspired_by is ${by}; it may be null${sources.map((s) => `, ${s}`).join('')}`

function applyOne(document: JsonObject, list: string, { type, target, value }: Change): JsonObject {
  const items = itemsOf(document, list)
  if (type === 'removed') return { ...document, [list]: items.filter((item) => item.id !== target) }
  if (type === 'added') return { ...document, [list]: [...items, { ...(value as JsonObject), id: target }] }
  if (!items.some((item) => item.id === target)) return { ...document, [target]: value }
  return { ...document, [list]: items.map((item) => (item.id === target ? { ...(value as JsonObject), id: target } : item)) }
}

export const changesInWords = (changes: readonly Change[]): string =>
  changes.length === 0
    ? 'nothing had to be changed'
    : changes.map(({ type, target, why, inspired_by: by }) => `${target} ${type} (${why}${by === null ? '' : `; from ${by}`})`).join(', ')

/** A record that changes nothing shows the form, and is right for any document. */
function exampleChanges<Doc>({ document, list }: Changeable<Doc>): readonly Change[] {
  const [first] = itemsOf(document as JsonObject, list)
  if (first === undefined) return []
  return [{ type: 'modified', target: first.id, value: first, inspired_by: null, why: 'What the change is good for.' }]
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
