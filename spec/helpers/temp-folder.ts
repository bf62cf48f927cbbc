/** A folder that is gone when the test is: `await using folder = await tempFolder()`. */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface TempFolder extends AsyncDisposable {
  readonly path: string
}

export async function tempFolder(name = 'looptroop'): Promise<TempFolder> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), `${name}-`)))
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }) }
}
