/** Text of files in a worktree, for a prompt. What lies outside it (by name or by symlink) is not read. */
import { readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'

export interface ReadFile {
  readonly path: string
  /** Null when it is missing, no file, binary, or outside. */
  readonly content: string | null
  readonly truncated: boolean
}

const MAX_FILE_BYTES = 2_000_000

export async function readFiles(folder: string, paths: readonly string[], maxChars: number): Promise<readonly ReadFile[]> {
  const root = await realpath(folder)
  const found: ReadFile[] = []
  let left = maxChars
  for (const name of paths) {
    const text = await readText(root, name)
    const content = text === null ? null : text.slice(0, left)
    left -= content?.length ?? 0
    found.push({ path: name, content, truncated: text !== null && content !== null && content.length < text.length })
  }
  return found
}

async function readText(root: string, name: string): Promise<string | null> {
  try {
    const file = await realpath(path.resolve(root, name))
    if (!file.startsWith(root + path.sep)) return null
    const { size } = await stat(file)
    if (size > MAX_FILE_BYTES) return null
    const bytes = await readFile(file)
    return bytes.includes(0) ? null : bytes.toString('utf8')
  } catch {
    return null // the model named a file that is not there (or is a folder): said as "no content"
  }
}
