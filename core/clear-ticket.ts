/**
 * What a ticket that is over still holds outside the database: sessions at OpenCode, a directory that OpenCode has open, a
 * worktree, a branch. Each step looks before it acts, so all of it can be done again after a crash.
 */
import type { EvidenceFiles } from './evidence/evidence-files.ts'
import type { OpencodeAdapter } from './opencode/adapter.ts'
import type { OpenProject } from './projects.ts'
import type { BranchEnd, CanceledTicket, CompletedTicket, DraftTicket } from './ticket.ts'
import { isDraft } from './ticket.ts'
import { removeBranch } from './workspace/index.ts'

export type RestingTicket = DraftTicket | CompletedTicket | CanceledTicket

export interface ClearEnv {
  readonly adapter: OpencodeAdapter
  readonly evidence: EvidenceFiles
  /** Frees the directory at OpenCode and removes the worktree; nothing when there is none. */
  readonly removeWorktree: (project: OpenProject, place: { id: string; branch: string; baseCommit: string }) => Promise<void>
}
export interface Cleared {
  readonly branch: BranchEnd
  /** Sessions that OpenCode was told to forget. */
  readonly sessions: number
  /** What could not be reached from here, in words. */
  readonly left: readonly string[]
}

/** Throws OPENCODE_* when OpenCode does not answer: then nothing is lost, and it is done again later. */
export async function clearTicket(
  env: ClearEnv,
  { project, ticket }: { readonly project: OpenProject; readonly ticket: RestingTicket },
  { unmerged }: { readonly unmerged: boolean },
): Promise<Cleared> {
  const { sessions, left } = await forgetSessions(env.adapter, project, ticket.id)
  if (isDraft(ticket)) return { branch: 'none', sessions, left }
  const { id, branch, baseBranch, baseCommit } = ticket
  if (branch === undefined || baseBranch === undefined || baseCommit === undefined) return { branch: 'none', sessions, left }
  await env.removeWorktree(project, { id, branch, baseCommit })
  return { branch: await removeBranch(project.record.path, { branch, baseBranch, unmerged }), sessions, left }
}

/** Deleting a session is also the only thing that stops what may still run in it. */
async function forgetSessions(
  adapter: OpencodeAdapter,
  { store }: OpenProject,
  ticketId: string,
): Promise<Pick<Cleared, 'sessions' | 'left'>> {
  const known = (await store.sessions(ticketId)).filter((s) => s.sessionId !== null)
  const elsewhere = known.filter((s) => s.opencodeId !== adapter.opencodeId)
  const here = known.filter((s) => s.opencodeId === adapter.opencodeId)
  for (const { sessionId } of here) await adapter.deleteSession(sessionId ?? '')
  return { sessions: here.length, left: elsewhere.map((s) => `session ${s.sessionId} on another OpenCode (${s.opencodeId})`) }
}
