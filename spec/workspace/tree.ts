/** A repository with one ticket's worktree in it, as the kernel makes them. */
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { systemClock } from '../../core/ports.ts'
import { createWorkspace, excludeLocally } from '../../core/workspace/index.ts'
import type { Workspace } from '../../core/workspace/index.ts'
import { gitIn, testRepository } from '../helpers/repository.ts'
import type { TestRepository } from '../helpers/repository.ts'

export interface Tree extends AsyncDisposable {
  readonly repo: TestRepository
  readonly base: string
  readonly work: Workspace
  file(name: string): string
  write(name: string, content: string, mode?: number): Promise<void>
  git(...args: string[]): Promise<string>
}

const FILES = { 'README.md': 'hello\n', 'src/a.ts': 'a\n', '.gitignore': 'node_modules/\n*.log\n.env\n' }

export async function startTree(files: Readonly<Record<string, string>> = {}): Promise<Tree> {
  const repo = await testRepository({ ...FILES, ...files })
  await excludeLocally(repo.path)
  const base = await repo.git('rev-parse', 'HEAD')
  const worktreePath = path.join(repo.path, '.looptroop/worktrees/T-1')
  const work = createWorkspace({ repoPath: repo.path, worktreePath, branch: 'looptroop/T-1', baseCommit: base, clock: systemClock })
  await work.ensure()
  const file = (name: string): string => path.join(worktreePath, name)
  return {
    ...{ repo, base, work, file },
    write: async (name, content, mode = 0o644) => {
      await mkdir(path.dirname(file(name)), { recursive: true })
      await writeFile(file(name), content, { mode })
    },
    git: (...args) => gitIn(worktreePath, ...args),
    [Symbol.asyncDispose]: () => repo[Symbol.asyncDispose](),
  }
}
