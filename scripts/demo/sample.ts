/** The demo's repository: a small library with a failing test, which the ticket asks to mend. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const SAMPLE_FILES: Readonly<Record<string, string>> = {
  'package.json': `${JSON.stringify({ name: 'slugs', version: '1.0.0', type: 'module', scripts: { test: 'node --test' } }, null, 2)}\n`,
  'README.md': '# slugs\n\n`slugify(title)` makes the last part of a URL from a title.\n',
  'src/slugify.js': [
    '/** The last part of a URL, from a title. */',
    'export function slugify(title) {',
    "  return title.toLowerCase().replace(/ /g, '-')",
    '}',
    '',
  ].join('\n'),
  'test/slugify.test.js': [
    "import assert from 'node:assert/strict'",
    "import { test } from 'node:test'",
    "import { slugify } from '../src/slugify.js'",
    '',
    "test('joins words with dashes', () => {",
    "  assert.equal(slugify('Hello World'), 'hello-world')",
    '})',
    '',
    "test('leaves accents and punctuation out', () => {",
    "  assert.equal(slugify('  Crème brûlée: a how-to!  '), 'creme-brulee-a-how-to')",
    '})',
    '',
  ].join('\n'),
}

export const SAMPLE_TICKET = {
  title: 'Slugs of titles with accents or punctuation are broken',
  description: "slugify('  Crème brûlée: a how-to!  ') should be 'creme-brulee-a-how-to'. The test for it fails: run `node --test`.",
}

/** What the sample's `slugify` becomes. */
export const MENDED = [
  'export function slugify(title) {',
  '  return title',
  "    .normalize('NFD')",
  "    .replace(/\\p{Diacritic}/gu, '')",
  '    .toLowerCase()',
  "    .replace(/[^a-z0-9]+/g, '-')",
  "    .replace(/^-|-$/g, '')",
  '}',
].join('\n')
export const BROKEN = SAMPLE_FILES['src/slugify.js']?.split('\n').slice(1, 4).join('\n') ?? ''

export async function makeSample(folder: string): Promise<void> {
  for (const [file, content] of Object.entries(SAMPLE_FILES)) {
    await mkdir(path.dirname(path.join(folder, file)), { recursive: true })
    await writeFile(path.join(folder, file), content)
  }
  const git = (...args: string[]): Promise<unknown> =>
    run('git', ['-c', 'user.name=Demo', '-c', 'user.email=demo@localhost', ...args], { cwd: folder })
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '-m', 'A small library with a failing test')
}
