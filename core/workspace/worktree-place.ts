/**
 * Where a ticket's worktree is, how it comes to be and how it goes. Made again in any order of crashes: what is right is
 * adopted, what is half-made is removed first, and what an agent did to the `.git` file is undone.
 */
import { chmod, lstat, mkdir, readdir, readFile, realpath, rm, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fail } from '../errors.ts'
import { openGit, type Git } from './git.ts'
import { openRepository, type OpenRepository } from './repository.ts'

export interface PlaceOptions {
  readonly repoPath: string
  readonly worktreePath: string
  readonly branch: string
  readonly baseCommit: string
  readonly signal?: AbortSignal | undefined
  /** The repository, when it was opened before: where it is does not change while a phase runs. */
  readonly opened?: () => Promise<OpenRepository>
}
/** A worktree that is there. */
export interface Place {
  readonly path: string
  readonly branch: string
  readonly baseCommit: string
  /** The worktree's administrative folder in the repository. */
  readonly gitDir: string
  readonly git: Git
}

const CHECKOUT_TIMEOUT_MS = 300_000

/** Creates branch and worktree, or adopts them. */
export async function ensurePlace(options: PlaceOptions): Promise<Place> {
  const { commonDir, git } = await openCommon(options)
  await ensureBranch(git, options)
  const found = await findPlace(options, commonDir)
  if (found !== undefined && (await isWhole(found))) return found
  await removePlace(options)
  await mkdir(path.dirname(options.worktreePath), { recursive: true })
  await git(['worktree', 'add', '--quiet', '--force', options.worktreePath, options.branch], { timeoutMs: CHECKOUT_TIMEOUT_MS })
  return openPlace(options)
}

/** The worktree if it is there, untouched. */
export async function lookForPlace(options: PlaceOptions): Promise<Place | undefined> {
  const { commonDir } = await openCommon(options)
  return findPlace(options, commonDir)
}

/** The worktree as it is, with its `.git` file mended. Throws WORKTREE_BROKEN when it is not there. */
export async function openPlace(options: PlaceOptions): Promise<Place> {
  const { commonDir } = await openCommon(options)
  const place = await findPlace(options, commonDir)
  if (place === undefined)
    throw fail('WORKTREE_BROKEN', { ticketId: options.branch, problem: `${options.worktreePath} is no worktree of ${options.repoPath}` })
  await mendLink(place)
  return place
}

/** Removes worktree and administration, keeps the branch. Does what `git worktree remove --force` does, also for a half-made one. */
export async function removePlace(options: PlaceOptions): Promise<void> {
  const { commonDir } = await openCommon(options)
  await removeFolder(options.worktreePath)
  const gitDir = await findAdminFolder(commonDir, options.worktreePath)
  if (gitDir !== undefined) await rm(gitDir, { recursive: true, force: true })
  // The last one takes the empty folder along, as git does; any other answer means that others are there.
  await rmdir(path.join(commonDir, 'worktrees')).catch(() => undefined)
}

/** Removes a folder also when an agent made parts of it read-only. */
export async function removeFolder(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  } catch {
    // Most likely a folder without write permission: opened, then removed again; a second failure is reported.
    await openFolders(folder)
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Gives the owner back the right to change what is in a folder. Symbolic links are not followed. */
export async function openFolders(folder: string): Promise<void> {
  if (!(await lstat(folder)).isDirectory()) return
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(path.join(folder, entry.name))
}

async function openCommon({ repoPath, worktreePath, signal, opened }: PlaceOptions): Promise<{ commonDir: string; git: Git }> {
  const { top, commonDir } = await (opened?.() ?? openRepository(repoPath, signal))
  const inside = path.relative(path.resolve(worktreePath), top)
  if (inside === '' || !(inside.startsWith('..') || path.isAbsolute(inside))) {
    throw fail('INVALID_INPUT', { field: 'worktreePath', problem: `${worktreePath} holds the repository itself` })
  }
  return { commonDir, git: openGit({ gitDir: commonDir, signal }) }
}

async function ensureBranch(git: Git, { branch, baseCommit }: PlaceOptions): Promise<void> {
  const exists = await git(['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`], { codes: [0, 1] })
  if (exists.code !== 0) await git(['branch', '--no-track', branch, baseCommit])
}

async function findPlace(options: PlaceOptions, commonDir: string): Promise<Place | undefined> {
  const gitDir = await findAdminFolder(commonDir, options.worktreePath)
  if (gitDir === undefined || !(await isFolder(options.worktreePath))) return undefined
  const { branch, baseCommit, worktreePath, signal } = options
  return { path: worktreePath, branch, baseCommit, gitDir, git: openGit({ gitDir, workTree: worktreePath, signal }) }
}

/** Git leaves the file `locked` while it makes a worktree; a crash in between leaves it there. */
async function isWhole(place: Place): Promise<boolean> {
  const locked = await readFile(path.join(place.gitDir, 'locked'), 'utf8').catch(() => '')
  if (locked.startsWith('initializing')) return false
  const index = await lstat(path.join(place.gitDir, 'index')).catch(() => undefined)
  if (index === undefined) return false
  await mendLink(place)
  const head = await place.git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { codes: [0, 1, 128] })
  return head.code === 0
}

/** An agent's own git follows this file; ours does not, but the worktree should be what it says. */
export async function mendLink(place: Pick<Place, 'path' | 'gitDir'>): Promise<void> {
  const file = path.join(place.path, '.git')
  const right = `gitdir: ${place.gitDir}\n`
  const stat = await lstat(file).catch(() => undefined)
  if (stat?.isFile() === true && (await readFile(file, 'utf8')) === right) return
  if (stat !== undefined) await removeFolder(file)
  await writeFile(file, right)
}

async function findAdminFolder(commonDir: string, worktreePath: string): Promise<string | undefined> {
  const folder = path.join(commonDir, 'worktrees')
  const wanted = await spellings(worktreePath)
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const link = await readFile(path.join(folder, name, 'gitdir'), 'utf8').catch(() => '')
    if (link !== '' && wanted.includes(path.dirname(path.resolve(folder, name, link.trim())))) return path.join(folder, name)
  }
  return undefined
}

/** As given, and as git stored it: with symbolic links resolved, also when the folder itself is gone. */
async function spellings(folder: string): Promise<readonly string[]> {
  const parent = await realpath(path.dirname(folder)).catch(() => path.dirname(folder))
  return [path.resolve(folder), path.join(parent, path.basename(folder))]
}

const isFolder = async (folder: string): Promise<boolean> => (await lstat(folder).catch(() => undefined))?.isDirectory() === true
