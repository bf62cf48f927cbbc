/** What the files of a worktree say about its tools, which of them are here, and what only the person's checkout has. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { HookPolicy, Survey } from '#plugins/contract'
import { runCommand } from './commands.ts'
import { findHooks } from './find-hooks.ts'
import { splitNul } from './git.ts'
import { openRepository } from './repository.ts'
import type { Place } from './worktree-place.ts'

/** Manifest → the tools that it is for. */
const MANIFESTS: Readonly<Record<string, readonly string[]>> = {
  'package.json': ['node', 'npm'],
  'deno.json': ['deno'],
  'pyproject.toml': ['python3'],
  'requirements.txt': ['python3'],
  'Cargo.toml': ['cargo'],
  'go.mod': ['go'],
  Gemfile: ['ruby', 'bundle'],
  'composer.json': ['php', 'composer'],
  'pom.xml': ['mvn'],
  'build.gradle': ['gradle'],
  'build.gradle.kts': ['gradle'],
  Makefile: ['make'],
  'CMakeLists.txt': ['cmake'],
  Dockerfile: ['docker'],
}
const LOCK_FILES: Readonly<Record<string, readonly string[]>> = {
  'package-lock.json': ['npm'],
  'pnpm-lock.yaml': ['pnpm'],
  'yarn.lock': ['yarn'],
  'bun.lock': ['bun'],
  'bun.lockb': ['bun'],
  'poetry.lock': ['poetry'],
  'uv.lock': ['uv'],
  'Pipfile.lock': ['pipenv'],
  'Cargo.lock': ['cargo'],
  'go.sum': ['go'],
  'Gemfile.lock': ['bundle'],
  'composer.lock': ['composer'],
}
/** Go knows no `--version`. */
const VERSION_WORD: Readonly<Record<string, string>> = { go: 'version' }
const VERSION_MS = 10_000
const MOST_IGNORED = 200

export async function surveyOf(place: Place, { repoPath, policy }: { repoPath: string; policy: HookPolicy }): Promise<Survey> {
  const names = await readdir(place.path)
  const manifests = names.filter((name) => Object.hasOwn(MANIFESTS, name)).toSorted()
  const locks = names.filter((name) => Object.hasOwn(LOCK_FILES, name)).toSorted()
  const tools = [...new Set([...manifests.flatMap((m) => MANIFESTS[m] ?? []), ...locks.flatMap((l) => LOCK_FILES[l] ?? [])])]
  const { hooks, hints } = await findHooks(place)
  return {
    manifests,
    lock_files: await Promise.all(locks.map(async (name) => ({ path: name, sha256: await hashOf(path.join(place.path, name)) }))),
    tools: await Promise.all(tools.map(async (name) => ({ name, version: await versionOf(place, name) }))),
    ignored: await ignoredIn(repoPath, names),
    hooks: { policy, found: hooks.map(({ name, shown, manager, whyNot }) => ({ name, path: shown, manager, why_not: whyNot })), hints },
  }
}

const hashOf = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex')

async function versionOf(place: Place, tool: string): Promise<string | null> {
  const command = `${tool} ${VERSION_WORD[tool] ?? '--version'}`
  const { exitCode, output } = await runCommand({ cwd: place.path, command, timeoutMs: VERSION_MS, maxOutput: 2_000 })
  return exitCode === 0 ? (output.trim().split('\n')[0] ?? '').slice(0, 120) : null
}

/** In the person's checkout, folders as one; LoopTroop's own left out. */
async function ignoredIn(repoPath: string, here: readonly string[]): Promise<readonly string[]> {
  const { top, git } = await openRepository(repoPath)
  const listed = await git(['-C', top, 'ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'], {
    env: { GIT_WORK_TREE: top },
  })
  const all = splitNul(listed.stdout).filter((name) => !name.startsWith('.looptroop/') && !here.includes(name.replace(/\/$/, '')))
  return all.slice(0, MOST_IGNORED)
}
