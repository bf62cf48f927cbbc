/**
 * Sources → dist. Node and TypeScript resolve the doors (`#core` …) by the nearest package.json, so dist gets one of its own
 * that points to the built files; the source tree keeps the root one and needs no build.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '..')
const DIST = path.join(ROOT, 'dist')

rmSync(DIST, { recursive: true, force: true })
const tsc = spawnSync(path.join(ROOT, 'node_modules/.bin/tsc'), ['-p', path.join(ROOT, 'scripts/tsconfig.build.json')], {
  stdio: 'inherit',
})
process.exitCode = tsc.status ?? 1
if (process.exitCode === 0) {
  const { imports } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { imports: Readonly<Record<string, string>> }
  const built = Object.fromEntries(Object.entries(imports).map(([door, file]) => [door, file.replace(/\.ts$/, '.js')]))
  writeFileSync(path.join(DIST, 'package.json'), `${JSON.stringify({ type: 'module', imports: built }, null, 2)}\n`)
  copyBeside('core/store/migrations')
}

/** Files that are read at run time and are no TypeScript. */
function copyBeside(folder: string): void {
  const from = path.join(ROOT, folder)
  if (existsSync(from)) cpSync(from, path.join(DIST, folder), { recursive: true, filter: (file) => !file.endsWith('.ts') })
}
