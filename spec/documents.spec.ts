/** The documents speak of files and errors that exist. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { execFileSync } from 'node:child_process'
import { ERROR_CODES, fail } from '../core/errors.ts'
import { describe } from './helpers/suite.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8')
const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']

/** A row of the table, not its ruler (a formatter may widen that). */
const isRow = (line: string): boolean => line.startsWith('|') && !/^[| :-]+$/.test(line)

describe('the documents', (it) => {
  it('link only to what is there', () => {
    const broken = DOCUMENTS.flatMap((name) =>
      [...read(name).matchAll(/\]\((?!https?:)([^)#]+)\)/g)]
        .map((m) => m[1] ?? '')
        .filter((target) => !existsSync(path.join(ROOT, target))),
    )
    assert.equal(broken, [])
  })
  it('name only dependencies that are declared, and all of them', () => {
    const declared = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    const table = read('ARCHITECTURE.md').split('## Dependencies')[1] ?? ''
    assert.equal(
      Object.keys(declared.dependencies).filter((name) => !table.includes(`\`${name}\``)),
      [],
    )
  })
  it('name only scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = DOCUMENTS.flatMap((name) => [...read(name).matchAll(/npm run ([a-z][a-z:-]*)/g)].map((m) => m[1] ?? ''))
    assert.equal(
      [...new Set(named)].filter((name) => !(name in scripts)),
      [],
    )
  })
  it('show both scenario tables as they are', () => {
    const cells = (text: string): string[] => text.replace(/ +/g, ' ').trim().split('\n')
    for (const [mark, args] of [
      ['scenarios', []],
      ['scenarios of full', ['--pipeline', 'full']],
    ] as const) {
      const shown = new RegExp(`<!-- ${mark} -->\n([^]*?)<!-- /${mark} -->`).exec(read('ARCHITECTURE.md'))?.[1] ?? ''
      const print = ['--import', 'tsx', 'scripts/scenarios.ts', '--print', ...args]
      const told = execFileSync(process.execPath, print, { cwd: ROOT, encoding: 'utf8' })
      assert.equal(cells(shown).filter(isRow), cells(told).filter(isRow))
    }
  })
  it('errors say what happened and what to do', () => {
    for (const code of ERROR_CODES) {
      const error = fail(code, {})
      assert.ok(error.message.length > 5 && error.hint.length > 5, code)
    }
  })
})
