import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { checkLayout, describeViolation, EXEMPT, type Tree } from './helpers/layout.ts'
import { describe } from './helpers/suite.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const FOLDERS = ['core', 'plugins', 'phases', 'router', 'scripts', 'spec']
const readDoors = (): Tree['doors'] =>
  (JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { imports: Tree['doors'] }).imports

function readTree(): Tree {
  const names = FOLDERS.filter((folder) => existsSync(path.join(ROOT, folder))).flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => path.posix.join(folder, name))
      .filter((name) => name.endsWith('.ts') && !name.startsWith('spec/examples/')),
  )
  return { files: Object.fromEntries(names.map((name) => [name, readFileSync(path.join(ROOT, name), 'utf8')])), doors: readDoors() }
}

const lines = (count: number, line = 'x()'): string => Array.from({ length: count }, () => line).join('\n')
/** Planted file → its source, and the sentence that must be said about it. */
const PLANTED: readonly (readonly [file: string, source: string, sentence: RegExp])[] = [
  ['core/a.ts', `import { x } from '#phases'`, /core\/a\.ts:1 imports #phases; core may import #plugins\/contract and #plugins\/errors/],
  ['core/a.ts', `\nimport type { X } from '#plugins'`, /core\/a\.ts:2 imports #plugins/],
  ['core/a.ts', `import { x } from '../plugins/contract.ts'`, /reaches into plugins by path/],
  ['core/a.ts', `import { x } from '#nowhere'`, /no door/],
  ['core/deep/a.ts', `export * from '../../spec/helpers/suite.ts'`, /nothing imports spec/],
  ['router/a.ts', `const x = await import('../scripts/serve.ts')`, /only specs import scripts/],
  ['router/a.ts', `import { x } from '#plugins'`, /router may import #core and #plugins\/contract/],
  ['plugins/a.ts', `import { x } from '#core'`, /plugins may import nothing outside itself/],
  ['plugins/a.ts', `import { x } from '#plugins/contract'`, /use a relative path/],
  ['phases/coding.ts', `import { x } from './b.ts'`, /a phase never imports a phase/],
  ['phases/coding.ts', `import { x } from '#core'`, /phases may import/],
  ['core/a.ts', `import { x } from '@opencode-ai/sdk/v2'`, /belongs in core\/opencode\/sdk-adapter\.ts/],
  ['router/a.ts', `import type { Client } from '@libsql/client'`, /belongs in core\/store\//],
  ['core/a.ts', `import { initTRPC } from '@trpc/server'`, /belongs in router\//],
  ['core/a.ts', `type T = import('@trpc/server').AnyRouter`, /belongs in router\//],
  ['core/sessions/a.ts', `import { spawn } from 'child_process'`, /belongs in core\/workspace\/ and core\/opencode\/managed-server\.ts/],
  ['core/opencode/fake/a.ts', `import { http } from 'msw'`, /in specs only/],
  ['core/index.ts', `export { x } from './opencode/fake/fake.ts'`, /only the factory and specs know it/],
  ['core/a.ts', lines(301), /has 301 lines; the limit is 300/],
  ['phases/coding.ts', lines(120), /has 120 lines; the limit is 119/],
  [
    'phases/coding.ts',
    `${lines(113)}\nexport const a = prompt({\n prompt: {\n${lines(20, '// told')}\n},\n ${lines(6, 'a: 1,')} })`,
    /has 120 lines; the limit is 119/,
  ],
  ['plugins/primitives/a.ts', lines(250), /has 250 lines; the limit is 249/],
  ['phases/new-one.ts', `export default 1`, /phases\/new-one\.ts:1 is in no table/],
  ['core/a.ts', `export function long() {\n${lines(50)}\n}`, /core\/a\.ts:1 long has 52 lines/],
  ['core/a.ts', `\nconst long = async () => {\n${lines(50)}\n}`, /core\/a\.ts:2 long has 52 lines/],
  ['core/a.ts', `class A { long() {\n${lines(50)}\n} }`, /long has 52 lines/],
  ['core/a.ts', `const x = 'CODING'`, /spells the phase id CODING/],
  ['scripts/a.ts', `if (phase === "CODING") x()`, /spells the phase id CODING/],
  ['router/a.ts', `const all = ['draft', 'running', 'blocked']`, /lists ticket statuses/],
  ['router/a.ts', `type All = 'draft' | 'running' | 'blocked' | 'done'`, /lists ticket statuses/],
  ['core/a.ts', `throw new Error('x')`, /throws a plain Error/],
]
/** What must not be complained about. */
const FINE: Readonly<Record<string, string>> = {
  'core/index.ts': `import type { X } from '#plugins/contract'\nexport { y } from './ticket.ts'\n// 'CODING' in a comment`,
  'core/ticket.ts': `export const STATUSES = ['draft', 'running', 'waiting', 'blocked']`,
  'core/opencode/factory.ts': `import { fake } from './fake/fake.ts'`,
  'core/opencode/adapter.ts': `type ToolState = 'pending' | 'running' | 'completed' | 'error'`,
  'core/opencode/sdk-adapter.ts': `import { x } from '@opencode-ai/sdk/v2'`,
  'core/store/database.ts': `import Database from 'libsql'`,
  'core/workspace/git.ts': `import { spawn } from 'node:child_process'`,
  'phases/index.ts': `import { coding } from './coding.ts'\nexport const rows = [{ phase: 'CODING', next: {} }]`,
  'phases/coding.ts': `import { work } from '#plugins'\nexport const coding = work({ id: 'CODING', version: 1 })`,
  'router/a.ts': `import { x } from '#core'\nimport { initTRPC } from '@trpc/server'`,
  'scripts/a.ts': `import { x } from '#router'\nimport { spawn } from 'node:child_process'\nthrow new Error('x')`,
  'spec/a.spec.ts': `import { x } from '../core/opencode/fake/fake.ts'\nimport { http } from 'msw'\nconst x = 'CODING'\n${lines(400)}`,
}

describe('the layout', (it) => {
  it('holds in the whole tree', () => {
    const violations = checkLayout(readTree()).map(describeViolation)
    assert.is(violations.join('\n'), '')
  })
  it('exempts nothing that no longer needs it', () => {
    const needed = checkLayout(readTree(), {}).map(({ file }) => file)
    for (const name of Object.keys(EXEMPT)) assert.ok(needed.includes(name.split(':')[0] ?? ''), `${name} is exempt without need`)
  })
})

describe('the layout check', (it) => {
  it('accepts a tree that keeps to it', () => {
    assert.equal(checkLayout({ files: FINE, doors: readDoors() }).map(describeViolation), [])
  })
  for (const [file, source, sentence] of PLANTED) {
    it(`names a planted stray: ${sentence.source}`, () => {
      const found = checkLayout({ files: { ...FINE, [file]: source }, doors: readDoors() }).map(describeViolation)
      assert.is(found.length, 1, found.join('\n'))
      assert.match(found[0] ?? '', sentence)
    })
  }
  it('an exemption covers exactly what it names', () => {
    const files = { ...FINE, 'core/a.ts': `${lines(301)}\nfunction long() {\n${lines(50)}\n}` }
    const sentences = (exempt: Readonly<Record<string, string>>) => checkLayout({ files, doors: readDoors() }, exempt).length
    assert.equal(
      [
        sentences({}),
        sentences({ 'core/a.ts': 'why' }),
        sentences({ 'core/a.ts:long': 'why' }),
        sentences({ 'core/a.ts': 'why', 'core/a.ts:long': 'why' }),
      ],
      [2, 1, 1, 0],
    )
  })
})
