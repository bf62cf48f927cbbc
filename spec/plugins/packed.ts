/** Packages as npm packs them, put where npm would install them; nothing is fetched, and the tree's own dist is left alone. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, readdir, symlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'

const exec = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '../..')
const SOURCES = ['core', 'plugins', 'phases', 'router', 'scripts', 'package.json', 'tsconfig.json', 'README.md', 'LICENSE']

/** LoopTroop itself, built and packed from a copy of its sources. */
export async function installLoopTroop(scratch: string, work: string): Promise<void> {
  const copy = path.join(work, 'looptroop')
  await mkdir(copy, { recursive: true })
  const there = await readdir(ROOT)
  await Promise.all(SOURCES.filter((s) => there.includes(s)).map((s) => cp(path.join(ROOT, s), path.join(copy, s), { recursive: true })))
  await symlink(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'))
  await install(copy, { scratch, work, name: 'looptroop' })
  const { dependencies } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as { dependencies: object }
  for (const name of Object.keys(dependencies)) {
    const link = path.join(scratch, 'node_modules', name)
    await mkdir(path.dirname(link), { recursive: true })
    await symlink(path.join(ROOT, 'node_modules', name), link)
  }
}

/** `npm pack` of a folder, unpacked in the scratch folder's node_modules. */
export async function install(
  folder: string,
  to: { readonly scratch: string; readonly work: string; readonly name: string },
): Promise<void> {
  const tarballs = path.join(to.work, `${to.name}-packed`)
  const installed = path.join(to.scratch, 'node_modules', to.name)
  await Promise.all([tarballs, installed].map((dir) => mkdir(dir, { recursive: true })))
  const args = ['pack', '--json', '--pack-destination', tarballs, '--loglevel=error', '--foreground-scripts=false']
  await exec('npm', args, { cwd: folder, env: { ...process.env, npm_config_cache: path.join(to.work, 'cache') } })
  const [tarball = ''] = await readdir(tarballs)
  await exec('tar', ['-xzf', path.join(tarballs, tarball), '--strip-components=1', '-C', installed])
}
