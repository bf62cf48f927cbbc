/** Git worktrees and commands: everything LoopTroop does on a person's disk. */
export { diffOfBranch } from './branch-diff.ts'
export { removeBranch, ticketBranches } from './branches.ts'
export { runCommand, type CommandRequest } from './commands.ts'
export { endProcessesIn } from './processes.ts'
export { commitOf, excludeLocally, inspectRepository, type Repository } from './repository.ts'
export { createWorkspace, removeWorktree, type Workspace, type WorkspaceOptions } from './worktree.ts'
export { readFiles, type ReadFile } from './read-files.ts'
