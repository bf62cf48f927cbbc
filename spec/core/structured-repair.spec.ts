/** Repair never changes meaning: an answer written carelessly is read as what it says, or not at all. */
import * as fc from 'fast-check'
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import { stringify } from 'yaml'
import { parseAnswer } from '../../core/structured-output.ts'
import type { OutputSpec } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'

/** Without the null prototypes of generated values. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
const Doc = v.strictObject({
  short_title: v.string(),
  items: v.array(v.strictObject({ item_id: v.string(), is_done: v.boolean(), weight: v.number() })),
})
type Doc = v.InferOutput<typeof Doc>
const specOf = (format: 'json' | 'yaml'): OutputSpec<Doc> => ({
  ...{ schema: Doc, format, tag: 'OUT', aliases: { short_title: ['heading'] } },
  example: { short_title: 't', items: [{ item_id: 'a', is_done: true, weight: 1 }] },
})

/** What tempts a tolerant reader. */
const tricky = fc.constantFrom(
  'yes',
  'null',
  '1.0',
  '- x',
  'a: b',
  '# no',
  "it's",
  '"q"',
  ' lead',
  'x ',
  '{a}',
  '[b]',
  '',
  'true',
  '0x1f',
  '2026-01-01',
  'é\u2028',
  '*a',
  '&b',
  '|',
  'a\nb',
)
const text = fc.oneof(
  tricky,
  fc.string({ maxLength: 12 }).map((s) => s.replaceAll(/<\/?OUT>|`{3,}|~{3,}/gi, ' ')),
)
const doc: fc.Arbitrary<Doc> = fc.record({
  short_title: text,
  items: fc.array(fc.record({ item_id: text, is_done: fc.boolean(), weight: fc.oneof(fc.integer(), fc.constantFrom(0.5, -1, 1e9)) }), {
    maxLength: 3,
  }),
})

const spelt =
  (change: (key: string) => string) =>
  (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(spelt(change))
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [change(key), spelt(change)(inner)]))
        : value
const camel = (key: string): string => key.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Of the value, before it is written. */
const WRITTEN: Readonly<Record<string, (value: unknown) => unknown>> = {
  camel: spelt(camel),
  upper: spelt((key) => key.toUpperCase()),
  kebab: spelt((key) => key.replaceAll('_', '-')),
  alias: spelt((key) => (key === 'short_title' ? 'Heading' : key)),
  wrapped: (value) => ({ result: value }),
  'a list of one': (value) => [value],
}
/** Of the block. */
const BLOCK: Readonly<Record<string, (block: string) => string>> = {
  fenced: (block) => `\`\`\`\n${block}\n\`\`\``,
  'blank lines': (block) => `\n\n${block}\n\n`,
  'Windows lines': (block) => block.replaceAll('\n', '\r\n'),
}
/** Of the whole answer. */
const AROUND: Readonly<Record<string, (answer: string) => string>> = {
  'words before': (answer) => `I have looked at it: here it is.\n${answer}`,
  'words after': (answer) => `${answer}\nThat is all.`,
  'quoted before': (answer) => `First I wrote <OUT>{"short_title": "draft", "items": []}</OUT>, then:\n${answer}`,
  'no end': (answer) => answer.replace(/<\/OUT>\s*$/, ''),
  'lower case': (answer) => answer.replaceAll('OUT>', 'out>'),
}
const some = (table: object) => fc.subarray(Object.keys(table))
const applied = <T>(table: Readonly<Record<string, (value: T) => T>>, names: readonly string[], to: T): T =>
  names.reduce((value, name) => table[name]?.(value) ?? value, to)

const careless = fc.record({
  format: fc.constantFrom('json', 'yaml'),
  value: doc,
  written: some(WRITTEN),
  block: some(BLOCK),
  around: some(AROUND),
})
const answerOf = ({
  format,
  value,
  written,
  block,
  around,
}: {
  format: string
  value: Doc
  written: readonly string[]
  block: readonly string[]
  around: readonly string[]
}): string => {
  const changed = applied(WRITTEN, written, value as unknown)
  const body = format === 'json' ? JSON.stringify(changed, null, 1) : stringify(changed)
  return applied(AROUND, around, `<OUT>\n${applied(BLOCK, block, body)}\n</OUT>`)
}

describe('a careless answer', (it) => {
  it('is read as what it says, or not at all', async () => {
    await fc.assert(
      fc.asyncProperty(careless, async (given) => {
        const read = await parseAnswer(answerOf(given), specOf(given.format as 'json'))
        if (read.ok) assert.equal(read.value, plain(given.value), JSON.stringify(read.repairs))
        else assert.ok(read.error.length > 0)
      }),
      { numRuns: 1_500 },
    )
  })
  it('is read when it is careless in one way only', async () => {
    const ways = [
      ...Object.keys(WRITTEN).map((name) => ({ written: [name] })),
      ...Object.keys(BLOCK).map((name) => ({ block: [name] })),
      ...Object.keys(AROUND).map((name) => ({ around: [name] })),
    ]
    const value: Doc = { short_title: 'a: b', items: [{ item_id: 'yes', is_done: false, weight: 0.5 }] }
    for (const way of ways)
      for (const format of ['json', 'yaml'] as const) {
        const read = await parseAnswer(answerOf({ format, value, written: [], block: [], around: [], ...way }), specOf(format))
        assert.ok(read.ok, `${JSON.stringify(way)} in ${format}: ${read.ok ? '' : read.error}`)
        assert.equal(read.ok && read.value, value)
      }
  })
  it('with something taken out of it is never another value of the same shape', async () => {
    await fc.assert(
      fc.asyncProperty(doc, fc.double({ min: 0, max: 1, noNaN: true }), async (value, where) => {
        const body = JSON.stringify(value)
        const at = Math.floor(where * body.length)
        if (!/[{}[\]":,]/.test(body[at] ?? '')) return // a letter less is another word, and nobody can tell
        const damaged = body.slice(0, at) + body.slice(at + 1)
        const read = await parseAnswer(`<OUT>${damaged}</OUT>`, specOf('json'))
        if (read.ok) assert.equal(canonicalText(read.value), canonicalText(value), damaged)
      }),
      { numRuns: 500 },
    )
  })
})
/** Punctuation inside a text is a letter as any other: compared without it. */
const canonicalText = (value: unknown): string => JSON.stringify(value).replaceAll(/[{}[\]":,\\\s]/g, '')
