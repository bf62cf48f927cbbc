/**
 * Files and folders of the person's checkout that a fresh worktree needs and git does not have: looked at, and copied. Never linked,
 * or an agent would write through the link. Only what git ignores, at both places: anything else would be cleaned away by the first
 * reset, or committed.
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { cp, lstat, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import path from 'node:path'
import type { WorkspaceInput } from '#plugins/contract'
import { openRepository, type OpenRepository } from './repository.ts'
import type { Place } from './worktree-place.ts'

const MOST_BYTES = 2 * 1024 ** 3
const MOST_ENTRIES = 200_000
/** Contents are hashed up to here; of larger files, size and time count. */
const HASHED_BYTES = 1024 * 1024

interface Request {
  readonly repoPath: string
  readonly paths: readonly string[]
  readonly bring: boolean
}

export async function lookAtInputs(place: Place, { repoPath, paths, bring }: Request): Promise<readonly WorkspaceInput[]> {
  const repository = await openRepository(repoPath)
  const found: WorkspaceInput[] = []
  for (const name of paths) {
    const input = await lookAt(place, repository, name.replace(/\/+$/, ''))
    if (bring && input.problem === null) await copy(path.join(repository.top, input.path), path.join(place.path, input.path))
    found.push(input)
  }
  return found
}

async function lookAt(place: Place, { top, git }: OpenRepository, name: string): Promise<WorkspaceInput> {
  const unusable = (problem: string): WorkspaceInput => ({ path: name, kind: null, sha256: null, bytes: 0, problem })
  const file = path.join(top, name)
  if (path.isAbsolute(name) || name === '' || !file.startsWith(top + path.sep)) return unusable('it is not a path inside the repository')
  if (/^\.(git|looptroop)(\/|$)/.test(path.relative(top, file))) return unusable("it is git's or LoopTroop's own")
  const stat = await lstat(file).catch(() => undefined)
  if (stat === undefined) return unusable('it is not there in your checkout')
  if (stat.isSymbolicLink() || !(stat.isFile() || stat.isDirectory())) return unusable('it is neither a file nor a folder')
  if (!(await realpath(file)).startsWith(top + path.sep)) return unusable('a link on its way leads out of the repository')
  // As folder in the worktree as well: it is not there yet, so git is told by the slash.
  const asked = stat.isDirectory() ? `${name}/` : name
  if (!(await isIgnored(git, asked, top)) || !(await isIgnored(place.git, asked)))
    return unusable('git does not ignore it: a reset would clean it away, or a commit would take it along')
  const print = await fingerprint(file)
  if (print === null) return unusable(`it is larger than ${MOST_BYTES} bytes or ${MOST_ENTRIES} files`)
  return { path: name, kind: stat.isDirectory() ? 'directory' : 'file', ...print, problem: null }
}

/** In the person's checkout git has to be told where the work tree is: it works from inside `.git`. */
async function isIgnored(git: OpenRepository['git'], name: string, workTree?: string): Promise<boolean> {
  const at = workTree === undefined ? [] : ['-C', workTree]
  const env = { GIT_LITERAL_PATHSPECS: '0', ...(workTree === undefined ? {} : { GIT_WORK_TREE: workTree }) }
  return (await git([...at, 'check-ignore', '--quiet', '--', name], { codes: [0, 1], env })).code === 0
}

/** Names, sizes, and contents of what is small; null when it is too much to copy. */
async function fingerprint(file: string): Promise<{ sha256: string; bytes: number } | null> {
  const hash = createHash('sha256')
  let bytes = 0
  let entries = 0
  const add = async (name: string, at: string): Promise<void> => {
    entries += 1
    if (entries > MOST_ENTRIES || bytes > MOST_BYTES) return
    const stat = await lstat(at)
    if (stat.isDirectory()) {
      for (const child of (await readdir(at)).toSorted()) await add(`${name}/${child}`, path.join(at, child))
      return
    }
    bytes += stat.isFile() ? stat.size : 0
    hash.update(`${name}\0${stat.size}\0`)
    if (stat.isSymbolicLink()) hash.update(await readlink(at))
    else if (stat.isFile() && stat.size <= HASHED_BYTES) hash.update(await readFile(at))
    else hash.update(String(stat.mtimeMs))
  }
  await add('', file)
  return entries > MOST_ENTRIES || bytes > MOST_BYTES ? null : { sha256: hash.digest('hex'), bytes }
}

/** Anew each time, so that what a half-made copy left is gone. Cheap where the disk can share blocks. */
async function copy(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true })
  await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, mode: constants.COPYFILE_FICLONE })
}
