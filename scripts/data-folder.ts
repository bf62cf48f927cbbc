/** Where LoopTroop keeps what is not in a project: its app database, its token, a managed OpenCode. */
import { homedir } from 'node:os'
import path from 'node:path'

/** LOOPTROOP_DATA_DIR, else the user's data folder. */
export const dataFolder = (env: Readonly<Record<string, string | undefined>>): string =>
  env['LOOPTROOP_DATA_DIR'] ?? path.join(env['XDG_DATA_HOME'] ?? path.join(homedir(), '.local', 'share'), 'looptroop')
