import path from 'node:path'
import { systemChance, systemClock, type Clock } from '../../core/ports.ts'
import { createFileStores } from '../../core/store/sql-store.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import type { StoreHome } from '../suites/store/home.ts'

/** An empty folder with the file driver. */
export async function openFileHome(clock: Clock = systemClock): Promise<StoreHome & { readonly path: string }> {
  const folder = await tempFolder()
  return {
    opener: createFileStores({ clock, chance: systemChance }),
    path: folder.path,
    baseDir: folder.path,
    appUrl: `file:${path.join(folder.path, 'app.db')}`,
    projectUrl: `file:${path.join(folder.path, '.looptroop', 'project.db')}`,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
