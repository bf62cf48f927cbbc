/** Inputs that mean harm, as JSON text: some of them no value of this language can hold. */
import type * as v from 'valibot'
import type { Dice } from './random.ts'

const text = (value: string): string => JSON.stringify(value)
const nested = (depth: number, open: string, shut: string): string => open.repeat(depth) + '0' + shut.repeat(depth)

export const HOSTILE: readonly string[] = [
  ...['null', 'true', 'false', '0', '-1', '-0', '1.5', '1e999', '-1e999', '1e308', '9007199254740993', '123456789012345678901234567890'],
  ...['""', '" "', text('x'.repeat(300)), text('x'.repeat(20_000)), text('😀'.repeat(300))],
  ...[
    String.raw`"\ud800"`,
    String.raw`"\udfff\ud800x"`,
    String.raw`"\u0000"`,
    String.raw`"a\u0000b"`,
    text('\u202egpj.exe'),
    text('\ufeff'),
    text('ﷺ'),
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'then'].map(text),
  ...["K-1' OR 1=1 --", '"; DROP TABLE tickets; --', '../../../../etc/passwd', '/dev/zero', '/proc/self/mem', 'file:///etc/passwd'].map(
    text,
  ),
  ...['$(touch pwned)', '`touch pwned`', '; touch pwned', '--upload-pack=touch pwned', '-rf', '%s%n', '\r\nx-injected: 1', '\u001b[2J'].map(
    text,
  ),
  ...['[]', '[[]]', '[null]', '{}', '{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '{"toString":1}'],
  ...[
    '{"length":1000000000}',
    '{"then":"x"}',
    '{"toJSON":"x"}',
    '{"":""}',
    nested(40, '[', ']'),
    nested(20, '{"a":', '}'),
    nested(3_000, '[', ']'),
  ],
  ...[`[${'0,'.repeat(5_000)}0]`, `{${Array.from({ length: 1_000 }, (_, i) => `"k${i}":${i}`).join(',')}}`],
]

/** What a field of such a name may hold so that a call gets past the first check. */
export type Known = Readonly<Record<string, readonly unknown[]>>

interface Node extends v.GenericSchema {
  readonly type: string
  readonly entries?: Readonly<Record<string, Node>>
  readonly wrapped?: Node
  readonly item?: Node
  readonly value?: Node
  readonly options?: readonly unknown[]
  readonly literal?: unknown
}

/** A value that such a schema takes, most of the time: `name` is that of the field. */
function plausible(given: v.GenericSchema, dice: Dice, { known, name }: { known: Known; name: string }): unknown {
  const schema = given as Node
  if (schema.wrapped) return plausible(schema.wrapped, dice, { known, name })
  const fitting = known[name]
  if (fitting !== undefined && dice.next() < 0.9) return dice.one(fitting)
  if (schema.entries)
    return Object.fromEntries(
      Object.entries(schema.entries).flatMap(([key, inner]) =>
        inner.wrapped && dice.next() < 0.5 ? [] : [[key, plausible(inner, dice, { known, name: key })]],
      ),
    )
  if (schema.item) return Array.from({ length: dice.below(3) }, () => plausible(schema.item as Node, dice, { known, name: '' }))
  if (schema.type === 'record') return { [String(dice.one(known['setting'] ?? ['k']))]: dice.below(10) }
  if (schema.options) {
    const option = dice.one(schema.options)
    return typeof option === 'object' && option !== null ? plausible(option as Node, dice, { known, name }) : option
  }
  const simple: Readonly<Record<string, unknown>> = { number: dice.below(10), boolean: dice.next() < 0.5, literal: schema.literal }
  return schema.type in simple ? simple[schema.type] : `text ${dice.below(100)}`
}

const MARK = '\u0001hostile\u0001'

/** JSON text of an input for a schema, with one hostile spot somewhere, or hostile altogether. */
export function hostileInput(schema: v.GenericSchema | undefined, dice: Dice, known: Known): string {
  const hostile = dice.one(HOSTILE)
  const root = schema === undefined ? {} : plausible(schema, dice, { known, name: '' })
  if (dice.next() < 0.1 || typeof root !== 'object' || root === null) return hostile
  spoil(root as Record<string, unknown>, dice)
  return JSON.stringify(root).replaceAll(JSON.stringify(MARK), () => hostile)
}

function spoil(node: Record<string, unknown>, dice: Dice): void {
  const keys = Object.keys(node)
  if (dice.next() < 0.1 || keys.length === 0) {
    Object.defineProperty(node, dice.one(['__proto__', 'constructor', 'extra', '']), { value: MARK, enumerable: true, configurable: true })
    return
  }
  const key = dice.one(keys)
  const inner = node[key]
  if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0 && dice.next() < 0.6)
    spoil(inner as Record<string, unknown>, dice)
  else if (dice.next() < 0.1) Reflect.deleteProperty(node, key)
  else node[key] = MARK
}
