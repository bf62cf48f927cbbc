/**
 * What a turn's tool calls wrote outside the worktree, where that can be seen. OpenCode's rule against it holds for its own tools; a
 * shell that redirects, or calls tee or `sed -i`, gets past it. So commands are read here: what they name is evidence, and a file that
 * was changed since the turn began is proof. What a program does that a command starts is not seen.
 */
import { lstat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'
import type { RemoteMessage } from '../opencode/adapter.ts'

export interface OutsideFile {
  readonly path: string
  readonly tool: string
  readonly written: boolean
}
interface Named {
  readonly path: string
  readonly tool: string
}

const FILE_TOOLS = ['write', 'edit', 'multiedit', 'patch', 'apply_patch']
const MOST = 50
/** The file system's clock is coarser than ours. */
const SLACK_MS = 1_000

export async function writtenOutside(
  messages: readonly RemoteMessage[],
  { directory, since }: { directory: string; since: number },
): Promise<readonly OutsideFile[]> {
  const named = namedOutside(messages, directory).slice(0, MOST)
  return Promise.all(
    named.map(async (file) => {
      const stat = await lstat(file.path).catch(() => undefined) // it may be gone, or on another machine
      return { ...file, written: stat !== undefined && stat.ctimeMs >= since - SLACK_MS }
    }),
  )
}

/** Pure: the paths that calls which really ran would write to, but for devices and folders for temporary files. */
export function namedOutside(messages: readonly RemoteMessage[], directory: string): readonly Named[] {
  const named = messages.flatMap(({ parts }) =>
    parts.flatMap((part) => {
      if (part.type !== 'tool' || part.state === 'pending') return []
      const targets = part.tool === 'bash' ? targetsOf(part.input, directory) : part.state === 'completed' ? filesOf(part) : []
      return targets.map((target) => ({ path: path.resolve(directory, target), tool: part.tool }))
    }),
  )
  const outside = named.filter((one) => isOutside(one.path, directory))
  return outside.filter((one, i) => outside.findIndex((other) => other.path === one.path) === i)
}

const within = (file: string, folder: string): boolean => file === folder || file.startsWith(folder + path.sep)

function isOutside(file: string, directory: string): boolean {
  const [isDevice, isMemory] = [within(file, '/dev') || within(file, '/proc'), within(file, '/dev/shm')]
  if (within(file, directory) || (isDevice && !isMemory)) return false
  return !['/tmp', '/var/tmp', '/dev/shm', tmpdir()].some((folder) => within(file, folder) && !within(directory, folder))
}

function filesOf({ tool, input }: { tool: string; input: unknown }): readonly string[] {
  if (!FILE_TOOLS.includes(tool)) return []
  const { filePath, patchText } = fields(input)
  const patched = [...(patchText ?? '').matchAll(/^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$/gm)].map((m) => m[1] ?? '')
  return [...(filePath === undefined ? [] : [filePath]), ...patched]
}

/** Every argument of these, or only the last one. */
const ALL = ['tee', 'touch', 'rm', 'rmdir', 'mkdir', 'mv', 'truncate', 'chmod', 'chown', 'unlink']
const LAST = ['cp', 'ln', 'install', 'rsync']
const IN_PLACE = ['sed', 'perl']

function targetsOf(input: unknown, directory: string): readonly string[] {
  const { command = '', workdir } = fields(input)
  let cwd = path.resolve(directory, workdir ?? '.')
  return command.split(/&&|\|\||[;|\n]/).flatMap((simple) => {
    const redirected = [...simple.matchAll(/(?<![<>=-])>{1,2}\|?\s*(?!&)("[^"]+"|'[^']+'|[^\s;|&<>()]+)/g)].map((m) => m[1] ?? '')
    const words = (simple.match(/"[^"]*"|'[^']*'|[^\s"'()<>]+/g) ?? []).map(bare)
    const at = words.findIndex((word) => !/^\w+=|^(sudo|env|command|exec|nohup)$/.test(word))
    const [program = '', ...args] = at < 0 ? [] : words.slice(at)
    const found = [...redirected.map(bare), ...argumentsOf(path.basename(program), args)].filter(isPath)
    const here = cwd
    if (program === 'cd') cwd = path.resolve(cwd, home(args[0] ?? '~'))
    return found.map((word) => path.resolve(here, home(word)))
  })
}

function argumentsOf(program: string, args: readonly string[]): readonly string[] {
  const plain = args.filter((word) => !word.startsWith('-'))
  if (ALL.includes(program)) return plain
  if (LAST.includes(program)) return plain.slice(-1)
  if (program === 'dd') return args.flatMap((word) => (word.startsWith('of=') ? [word.slice(3)] : []))
  // The first is the script; what looks like no path is left out below.
  return IN_PLACE.includes(program) && args.some((word) => /^-\w*i/.test(word)) ? plain.slice(1) : []
}

const bare = (word: string): string => word.replace(/^(["'])(.*)\1$/s, '$2')
const home = (word: string): string => word.replace(/^(~(?=\/|$)|\$HOME\b|\$\{HOME\})/, homedir())
/** One with a variable, a glob or a substitution cannot be followed. */
const isPath = (word: string): boolean => word !== '' && !/[*?`]|\$(?!HOME\b|\{HOME\})/.test(word)

function fields(input: unknown): { readonly [K in 'command' | 'workdir' | 'filePath' | 'patchText']?: string } {
  const texts = Object.entries((input ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(texts)
}
