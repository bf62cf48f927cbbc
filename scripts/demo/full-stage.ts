/** What a `full` ticket needs beside the sample: a remote to push to, and something that stands in for the forge. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { installFakeGh } from './fake-gh.ts'

const run = promisify(execFile)

/** A bare copy beside the repository, as its origin; and `gh` first on this process's PATH. Undoes the latter. */
export async function addForge(repo: string, folder: string): Promise<{ remote: string; undo: () => void }> {
  const remote = path.join(folder, 'remote.git')
  await addRemote(repo, remote)
  const bin = path.join(folder, 'bin')
  await installFakeGh(bin)
  const before = process.env['PATH']
  process.env['PATH'] = `${bin}${path.delimiter}${before ?? ''}`
  return { remote, undo: () => void (process.env['PATH'] = before) }
}

/** It keeps a log of how its branches moved. */
export async function addRemote(repo: string, remote: string): Promise<void> {
  await run('git', ['clone', '--quiet', '--bare', repo, remote])
  await run('git', ['config', 'core.logAllRefUpdates', 'always'], { cwd: remote })
  await run('git', ['remote', 'add', 'origin', remote], { cwd: repo })
}
