import fc from 'fast-check'
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import { stringify } from 'yaml'
import { describeOutput, parseAnswer, retryText, type ParsedAnswer } from '../../core/structured-output.ts'
import type { OutputSpec } from '../../plugins/contract.ts'
import { describe } from '../helpers/suite.ts'

const bead = v.object({
  bead_id: v.string(),
  checks: v.object({ tests: v.picklist(['pass', 'fail']) }),
  notes: v.optional(v.array(v.string())),
})
const BEAD: OutputSpec<v.InferOutput<typeof bead>> = {
  schema: bead,
  format: 'yaml',
  tag: 'BEAD_STATUS',
  example: { bead_id: 'B-1', checks: { tests: 'pass' }, notes: ['done'] },
  aliases: { bead_id: ['id'], notes: ['remarks'] },
}
const GOOD = 'bead_id: B-2\nchecks:\n  tests: pass'
const VALUE = { bead_id: 'B-2', checks: { tests: 'pass' } }
const anything = (format: OutputSpec['format'], tag?: string): OutputSpec => ({
  schema: v.unknown(),
  format,
  example: {},
  ...(tag === undefined ? {} : { tag }),
})

function valueOf<T>(result: ParsedAnswer<T>): T {
  if (!result.ok) assert.unreachable(`${result.class}: ${result.error}`)
  return (result as { value: T }).value
}
async function failureOf(text: string, spec: OutputSpec = BEAD): Promise<{ class: string; error: string }> {
  const result = await parseAnswer(text, spec)
  if (result.ok) return assert.unreachable(`parsed as ${JSON.stringify(result.value)}`) as never
  return { class: result.class, error: result.error }
}

describe('finding the answer', (it) => {
  it('the last complete block wins over one quoted before it', async () => {
    const text = `For example <BEAD_STATUS>\nbead_id: B-9\nchecks: {tests: fail}\n</BEAD_STATUS>.\n\nNow:\n<BEAD_STATUS>\n${GOOD}\n</BEAD_STATUS>\nDone.`
    assert.equal(valueOf(await parseAnswer(text, BEAD)), VALUE)
  })
  it('a bad last block is not replaced by a good earlier one', async () => {
    const failure = await failureOf(`<BEAD_STATUS>\n${GOOD}\n</BEAD_STATUS>\n<BEAD_STATUS>\nbead_id: 7\n</BEAD_STATUS>`)
    assert.is(failure.class, 'schema')
    assert.match(failure.error, /`bead_id`: .*\n`checks`: /)
  })
  it('a missing closing tag at the very end is tolerated, a mention of the marker in prose is not taken for one', async () => {
    const open = await parseAnswer(`Text\n<BEAD_STATUS>\n${GOOD}`, BEAD)
    assert.equal(valueOf(open), VALUE)
    assert.equal(open.ok && open.repairs, ['took everything after <BEAD_STATUS>, since its end is missing'])
    assert.equal(valueOf(await parseAnswer(`<BEAD_STATUS>\n${GOOD}\n</BEAD_STATUS>\nThe <BEAD_STATUS> block above is final.`, BEAD)), VALUE)
  })
  it('a fence inside the block, and a fence instead of the block, are read', async () => {
    assert.equal(valueOf(await parseAnswer(`<bead_status>\n\`\`\`yaml\n${GOOD}\n\`\`\`\n</bead_status>`, BEAD)), VALUE)
    const fenced = await parseAnswer(`Here:\n\`\`\`yaml\n${GOOD}\n\`\`\`\nand run\n\`\`\`sh\nnpm test\n\`\`\``, BEAD)
    assert.equal(valueOf(fenced), VALUE)
    assert.equal(fenced.ok && fenced.repairs, ['took the last fenced block, since there is no <BEAD_STATUS>'])
  })
  it('a value that contains its own marker is read when it is strict JSON', async () => {
    const spec = anything('json', 'OUT')
    assert.equal(valueOf(await parseAnswer('<OUT>{"note": "between <OUT> and the end"}</OUT>', spec)), {
      note: 'between <OUT> and the end',
    })
  })
  it('prose without any block is "missing", and so is nothing', async () => {
    assert.is((await failureOf('I finished the work. All tests pass.')).class, 'missing')
    assert.is((await failureOf('  \n')).class, 'missing')
    assert.match((await failureOf('')).error, /no <BEAD_STATUS>/)
    assert.is((await failureOf('I am done.', anything('json'))).class, 'missing')
  })
  it('repeated instructions are "echo", the bare example is an answer', async () => {
    assert.is((await failureOf(describeOutput(BEAD))).class, 'echo')
    const example = { bead_id: 'B-1', checks: { tests: 'pass' }, notes: ['done'] }
    assert.equal(valueOf(await parseAnswer(`<BEAD_STATUS>\n${stringify(example)}</BEAD_STATUS>`, BEAD)), example)
    assert.equal(valueOf(await parseAnswer(`${describeOutput(BEAD)}\n\n<BEAD_STATUS>\n${GOOD}\n</BEAD_STATUS>`, BEAD)), VALUE)
  })
})

describe('reading the answer', (it) => {
  it('nearly JSON is read as YAML and says so', async () => {
    const result = await parseAnswer("{'a': [1, 2,], b: true,}", anything('json'))
    assert.equal(valueOf(result), { a: [1, 2], b: true })
    assert.equal(result.ok && result.repairs.length, 1)
  })
  it('words around a JSON value are left out', async () => {
    assert.equal(valueOf(await parseAnswer('Sure! Here you are: {"a": {"b": [1]}} - hope it helps.', anything('json'))), { a: { b: [1] } })
  })
  it('a key given twice with two values is an error, with one value it is not', async () => {
    for (const format of ['json', 'yaml'] as const) {
      const failure = await failureOf('{"x": {"a": 1, "a": 2}}', anything(format))
      assert.is(failure.class, 'parse')
      assert.match(failure.error, /"a" is given twice with different values: 1 and 2/)
      assert.equal(valueOf(await parseAnswer('{"x": {"a": [1], "a": [1]}}', anything(format))), { x: { a: [1] } })
    }
    assert.match((await failureOf('a: 1\nb: 2\na: 3', anything('yaml'))).error, /"a" is given twice/)
  })
  it('a YAML error names line and column', async () => {
    const failure = await failureOf('<BEAD_STATUS>\nbead_id: B-1\nchecks: [a, b\nnotes: x\n</BEAD_STATUS>')
    assert.is(failure.class, 'parse')
    assert.match(failure.error, /^Line \d+, column \d+: /)
  })
  it('JSON Lines are a list; a broken line is named', async () => {
    assert.equal(valueOf(await parseAnswer('```jsonl\n{"id":1}\n\n{"id":2}\n```', anything('jsonl'))), [{ id: 1 }, { id: 2 }])
    assert.equal(valueOf(await parseAnswer('[\n {"id":1},\n {"id":2}\n]', anything('jsonl'))), [{ id: 1 }, { id: 2 }])
    assert.match((await failureOf('{"id":1}\n{"id":', anything('jsonl'))).error, /^Line 2: /)
  })
})

describe('keys and shape', (it) => {
  it('other spellings and aliases are renamed where the example has the key, and reported', async () => {
    const result = await parseAnswer('<BEAD_STATUS>{"beadId": "B-2", "Checks": {"tests": "pass"}, "remarks": ["x"]}</BEAD_STATUS>', BEAD)
    assert.equal(valueOf(result), { ...VALUE, notes: ['x'] })
    assert.equal(result.ok && result.repairs, ['read key beadId as bead_id', 'read key Checks as checks', 'read key remarks as notes'])
  })
  it('a key is never renamed over one that is given', async () => {
    const loose: OutputSpec = { schema: v.unknown(), format: 'json', example: { bead_id: '' }, aliases: { bead_id: ['id'] } }
    assert.equal(valueOf(await parseAnswer('{"bead_id": "a", "id": "b"}', loose)), { bead_id: 'a', id: 'b' })
    assert.equal(valueOf(await parseAnswer('{"inner": {"id": "b"}}', loose)), { inner: { id: 'b' } })
  })
  it('one wrapping key or a list of one is unwrapped only when the answer does not validate otherwise', async () => {
    assert.equal(valueOf(await parseAnswer(`<BEAD_STATUS>{"result": ${JSON.stringify(VALUE)}}</BEAD_STATUS>`, BEAD)), VALUE)
    assert.equal(valueOf(await parseAnswer(`<BEAD_STATUS>[${JSON.stringify(VALUE)}]</BEAD_STATUS>`, BEAD)), VALUE)
    assert.equal(valueOf(await parseAnswer('{"result": {"a": 1}}', anything('json'))), { result: { a: 1 } })
    assert.is((await failureOf(`<BEAD_STATUS>{"a": {"b": ${JSON.stringify(VALUE)}}}</BEAD_STATUS>`)).class, 'schema')
  })
  it('the next turn says what is wrong and shows the format again', async () => {
    const result = await parseAnswer('<BEAD_STATUS>{"bead_id": "B", "checks": {"tests": "maybe"}}</BEAD_STATUS>', BEAD)
    if (result.ok) return assert.unreachable()
    const text = retryText(BEAD, result)
    assert.match(text, /`checks\.tests`: /)
    assert.match(text, /<BEAD_STATUS>/)
  })
})

describe('any value', (it) => {
  const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => typeof value === 'object' && value !== null)
  const noise = fc.string({ maxLength: 60 }).map((text) => text.replaceAll(/[<>`~{}[\]]/g, ' '))

  it('survives the way through a marker, with noise around it', async () => {
    await fc.assert(
      fc.asyncProperty(json, noise, noise, async (value, before, after) => {
        const text = `${before}\n<OUT>${JSON.stringify(value, null, 2)}</OUT>${after}`
        assert.equal(valueOf(await parseAnswer(text, anything('json', 'OUT'))), JSON.parse(JSON.stringify(value)))
      }),
    )
  })
  it('survives the way through a fence', async () => {
    await fc.assert(
      fc.asyncProperty(json, noise, async (value, before) => {
        const text = `${before}\n\`\`\`json\n${JSON.stringify(value)}\n\`\`\`\nafter`
        assert.equal(valueOf(await parseAnswer(text, anything('json'))), JSON.parse(JSON.stringify(value)))
      }),
    )
  })
  it('survives the way through YAML', async () => {
    await fc.assert(
      fc.asyncProperty(json, async (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value))
        assert.equal(valueOf(await parseAnswer(`<OUT>\n${stringify(plain)}\n</OUT>`, anything('yaml', 'OUT'))), plain)
      }),
    )
  })
  it('of several marked values is the last one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(json, { minLength: 1, maxLength: 4 }), async (values) => {
        const text = values.map((value) => `<OUT>${JSON.stringify(value)}</OUT>`).join('\nthen\n')
        assert.equal(valueOf(await parseAnswer(text, anything('json', 'OUT'))), JSON.parse(JSON.stringify(values.at(-1))))
      }),
    )
  })
})
