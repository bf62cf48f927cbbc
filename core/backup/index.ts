/** All databases of a LoopTroop in one file, and back. Repositories, worktrees and OpenCode's own data are not in it. */
export { backUp, type BackupReport } from './back-up.ts'
export { restore, type RestoreReport } from './restore.ts'
export { announceProcess, type ProcessKind } from './running.ts'
