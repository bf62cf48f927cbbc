/** Why tickets are where they are, and what was left behind. */
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { removeWorktree, spentInWords } from '#core'
import type { Inspection } from '#core'
import { check } from './check.ts'
import type { Finding } from './check.ts'

export function ticketFindings({ recovery, projects, problem, paused, cleanupAfterMs }: Inspection): readonly Finding[] {
  const findings: Finding[] = [
    problem === null
      ? check('database.app', 'ok', `${projects.length} attached projects`)
      : check('database.app', 'fail', problem, 'Restore a backup, or upgrade LoopTroop when the file is newer.'),
    ...recovery.problems.map((p) =>
      check('database.project', 'fail', `${p.projectId}: ${p.message}`, "The other projects work; restore this one's database."),
    ),
  ]
  if (paused)
    findings.push(check('server.paused', 'warn', 'the server is paused: no ticket begins anything new', 'looptroop resume --server'))
  for (const { record } of projects.filter((project) => project.paused))
    findings.push(check('project.paused', 'warn', `${record.key} is paused`, `looptroop resume --project ${record.key}`))
  for (const ticket of recovery.tickets) {
    for (const turn of ticket.turns.filter((t) => t.receipt === 'uncertain'))
      findings.push(
        check(
          'turn.uncertain',
          'warn',
          `${ticket.ticketId}: it cannot be told what became of turn ${turn.turnId}`,
          'Decide with tickets.resolveTurn.',
        ),
      )
    for (const entry of ticket.inbox.filter((i) => i.kind === 'blocked'))
      findings.push({
        ...check('ticket.blocked', 'warn', `${ticket.ticketId} in ${ticket.phase}: ${ticket.found}`, ticket.does),
        evidence: entry.id,
      })
    for (const entry of ticket.inbox.filter((i) => i.kind !== 'blocked' && i.kind !== 'uncertain_turn'))
      findings.push(
        check(
          'ticket.waits',
          'ok',
          `${ticket.ticketId} waits for a person: ${entry.kind}${entry.detached ? ' (its OpenCode is gone; the answer is kept for the next prompt)' : ''}`,
        ),
      )
  }
  return [
    ...findings,
    ...projects.flatMap((project) => [spent(project), ...leftovers(project, cleanupAfterMs), ...keptBranches(project), ...untold(project)]),
  ]
}

type Project = Inspection['projects'][number]

/** Worktrees of tickets that are over: disk, and a directory that OpenCode may hold in memory. The server clears them away by age. */
function leftovers({ record, finished, pendingAborts }: Project, afterMs: number | null): readonly Finding[] {
  const folder = path.join(record.path, '.looptroop', 'worktrees')
  const there = existsSync(folder) ? readdirSync(folder) : []
  const dead = finished.filter((t) => there.includes(t.id))
  const worktrees = dead.map(({ id, branch, endedAt }): Finding => {
    const worktreePath = path.join(folder, id)
    const goesAt = afterMs === null ? null : endedAt + afterMs
    const overdue = goesAt === null || goesAt < Date.now()
    const when = goesAt === null ? 'nothing clears it away (cleanup.finishedMs is off)' : `a server clears it away from ${day(goesAt)} on`
    return {
      ...check(
        'worktree.leftover',
        overdue ? 'warn' : 'ok',
        `${id} is over, its worktree is still there: ${worktreePath}; ${when}`,
        overdue ? 'Start the server, which does it, or remove it now (--fix); the branch stays.' : null,
      ),
      fix: `remove ${worktreePath}`,
      mend: () => removeWorktree({ repoPath: record.path, worktreePath, branch: branch ?? '' }),
    }
  })
  const aborts = pendingAborts.map((id) =>
    check(
      'session.abort_pending',
      'warn',
      `session ${id} was given up, OpenCode never confirmed that it stopped`,
      'A running LoopTroop asks again by itself; else abort it in OpenCode.',
    ),
  )
  return [...worktrees, ...aborts]
}

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)

/** Of tickets that are over. Merged ones go with the clearing away; the others are a person's work to keep or to delete. */
const keptBranches = ({ record, branches }: Project): readonly Finding[] =>
  branches.length === 0
    ? []
    : [
        check(
          'branch.leftover',
          'ok',
          `${record.key}: ${branches.length} branches of tickets that are over are there (${branches.slice(0, 5).join(', ')}${branches.length > 5 ? ', …' : ''}); one that is not merged stays until its ticket is deleted`,
        ),
      ]

const spent = ({ record, spent: all }: Project): Finding => check('project.spent', 'ok', `${record.key} has spent ${spentInWords(all)}`)

const untold = ({ failedNudges }: Project): readonly Finding[] =>
  failedNudges.map(({ ticketId, id, tries, problem }) =>
    check('notify.failed', 'warn', `${ticketId}: nobody could be told of ${id} (${tries} tries): ${problem}`, 'See the setting notify.'),
  )
