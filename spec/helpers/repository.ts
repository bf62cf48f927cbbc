/** A git repository of its own for a test. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { tempFolder } from './temp-folder.ts'

const run = promisify(execFile)

export interface TestRepository extends AsyncDisposable {
  readonly path: string
  git(...args: string[]): Promise<string>
  write(file: string, content: string): Promise<void>
}

const IDENTITY = {
  GIT_AUTHOR_NAME: 'A Person',
  GIT_AUTHOR_EMAIL: 'person@example.org',
  GIT_COMMITTER_NAME: 'A Person',
  GIT_COMMITTER_EMAIL: 'person@example.org',
}

/** Git as a person would call it, in any folder. */
export async function gitIn(folder: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...IDENTITY, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
  return (await run('git', args, { cwd: folder, env })).stdout.trim()
}

/** On branch `main`, with one commit of `files` (none: no commit). */
export async function testRepository(files: Readonly<Record<string, string>> = { 'README.md': 'hello\n' }): Promise<TestRepository> {
  const folder = await tempFolder('repo')
  const root = path.join(folder.path, 'project')
  await mkdir(root)
  const repository: TestRepository = {
    path: root,
    git: (...args) => gitIn(root, ...args),
    write: async (file, content) => {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true })
      await writeFile(path.join(root, file), content)
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
  await repository.git('init', '--quiet', '--initial-branch=main')
  for (const [file, content] of Object.entries(files)) await repository.write(file, content)
  if (Object.keys(files).length > 0) {
    await repository.git('add', '--all')
    await repository.git('commit', '--quiet', '-m', 'base')
  }
  return repository
}
