/** The person's repository: looked at when a project is attached, and never written but for the local exclude file. */
import { appendFile, mkdir, readFile, realpath } from 'node:fs/promises'
import path from 'node:path'
import { fail, isCode } from '../errors.ts'
import { openGit, type Git } from './git.ts'

export interface Repository {
  /** Real path of the top folder. */
  readonly path: string
  /** The folder that all worktrees share (`.git` as a rule). */
  readonly commonDir: string
  readonly defaultBranch: string
  /** Newest commit of the default branch. */
  readonly head: string
}

/** Throws PROJECT_NOT_GIT, PROJECT_NO_COMMIT or PROJECT_TRACKS_LOOPTROOP. */
export async function inspectRepository(folder: string): Promise<Repository> {
  const { top, commonDir, git } = await openRepository(folder)
  if ((await git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], { codes: [0, 1, 128] })).code !== 0)
    throw fail('PROJECT_NO_COMMIT', { path: top })
  const tracked = await git(['ls-files', '-z', '--', '.looptroop'])
  const committed = await git(['ls-tree', '-z', '--name-only', 'HEAD', '--', '.looptroop'])
  if (tracked.stdout !== '' || committed.stdout !== '') throw fail('PROJECT_TRACKS_LOOPTROOP', { path: top })
  const defaultBranch = await findDefaultBranch(git)
  return { path: top, commonDir, defaultBranch, head: await commitOf(top, defaultBranch) }
}

/** The commit that a branch or revision names. A local branch wins over anything else of that name. */
export async function commitOf(folder: string, revision: string): Promise<string> {
  const { git } = await openRepository(folder)
  return resolveCommit(git, revision)
}

export async function resolveCommit(git: Git, revision: string): Promise<string> {
  for (const name of [`refs/heads/${revision}`, `refs/remotes/origin/${revision}`, revision]) {
    const { code, stdout } = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`], { codes: [0, 1, 128] })
    if (code === 0) return stdout.trim()
  }
  throw fail('BRANCH_UNKNOWN', { revision })
}

/** Keeps `.looptroop/` out of git for this clone only; a second call changes nothing. */
export async function excludeLocally(folder: string): Promise<void> {
  const { commonDir } = await openRepository(folder)
  const file = path.join(commonDir, 'info', 'exclude')
  const text = await readFile(file, 'utf8').catch(() => '')
  if (text.split('\n').some((line) => line.trim() === '.looptroop/')) return
  await mkdir(path.dirname(file), { recursive: true })
  await appendFile(file, `${text === '' || text.endsWith('\n') ? '' : '\n'}.looptroop/\n`)
}

export interface OpenRepository {
  readonly top: string
  readonly commonDir: string
  readonly git: Git
}

/** Git for the repository whose top folder this is. Discovery stops here: a repository further up is not meant. */
export async function openRepository(folder: string, signal?: AbortSignal): Promise<OpenRepository> {
  const top = await realpath(folder).catch((error: unknown) => {
    throw fail('PROJECT_NOT_GIT', { path: folder }, error)
  })
  const gitDir = path.join(top, '.git')
  const look = openGit({ gitDir: await gitFolderOf(gitDir, top), signal })
  try {
    const { stdout } = await look(['rev-parse', '--path-format=absolute', '--git-common-dir', '--is-bare-repository'])
    const [commonDir = '', bare] = stdout.trim().split('\n')
    if (bare === 'true') throw fail('PROJECT_NOT_GIT', { path: top })
    return { top, commonDir: await realpath(commonDir), git: look }
  } catch (error) {
    throw isCode(error, 'GIT_FAILED') && /not a git repository/i.test(error.message) ? fail('PROJECT_NOT_GIT', { path: top }, error) : error
  }
}

/** `.git` is a folder, or in a linked worktree a file that names one. */
async function gitFolderOf(dotGit: string, top: string): Promise<string> {
  const text = await readFile(dotGit, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EISDIR') return ''
    throw fail('PROJECT_NOT_GIT', { path: top }, error)
  })
  return text === '' ? dotGit : path.resolve(top, text.replace(/^gitdir:/, '').trim())
}

async function findDefaultBranch(git: Git): Promise<string> {
  const remote = await git(['symbolic-ref', '--quiet', '--short', 'refs/remotes/origin/HEAD'], { codes: [0, 1] })
  if (remote.code === 0) return remote.stdout.trim().replace(/^origin\//, '')
  const current = await git(['symbolic-ref', '--quiet', '--short', 'HEAD'], { codes: [0, 1] })
  if (current.code === 0) return current.stdout.trim()
  const branches = (await git(['for-each-ref', '--format=%(refname:short)', 'refs/heads'])).stdout.trim().split('\n')
  return ['main', 'master', 'trunk'].find((name) => branches.includes(name)) ?? (branches[0] || 'HEAD')
}
