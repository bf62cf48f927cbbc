/** The documents speak of files and errors that exist. */
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { ERROR_CODES } from '../core/errors.ts'
import { describe } from './helpers/suite.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const read = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8')
const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']

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
  it('errors say what to do, in words', () => {
    for (const code of ERROR_CODES) assert.match(code, /^[A-Z_]+$/)
  })
})
