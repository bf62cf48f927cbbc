/** From outside, when all is over: what the model was asked, what git holds, what OpenCode has, what the streams told. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { DurableEvent, TicketCalls } from '#core'
import { auditCouncils } from './audit-council.ts'
import { auditForge } from './audit-forge.ts'
import type { ScriptedRequest } from '../scripted-model.ts'
import { attach } from './foreign.ts'
import type { Hits } from './peek.ts'
import { count } from './peek.ts'
import type { Followed, Person } from './person.ts'
import type { Play } from './plays.ts'
import { remoteOf } from './stage.ts'
import type { Stage } from './stage.ts'

export interface Findings {
  readonly lost: string[]
  readonly twice: string[]
  readonly gaps: string[]
  readonly orphans: string[]
}
interface Audited {
  readonly stage: Stage
  readonly play: Play
  readonly findings: Findings
  readonly hits: Hits
  /** OpenCode's sessions that tickets own. */
  readonly owned: Set<string>
  /** What the log says of each session's turns. */
  readonly told: Map<string, string[]>
}

export interface AuditOptions {
  readonly stage: Stage
  readonly play: Play
  readonly person: Person
  readonly hits: Hits
}

/** While server and OpenCode still run; processes are looked at after they were stopped (`auditProcesses`). */
export async function audit({ stage, play, person, hits }: AuditOptions): Promise<Findings> {
  const findings: Findings = { lost: [], twice: [], gaps: [], orphans: [] }
  const audited = { stage, play, findings, hits, owned: new Set<string>(), told: new Map<string, string[]>() }
  for (const followed of person.tickets.values()) await auditTicket(audited, followed)
  if (play.delivers) await auditDelivery(audited, [...person.tickets.values()])
  auditModel(audited)
  await auditOpencode(audited)
  for (const death of stage.deaths) findings.lost.push(`the server ${death}`)
  for (const problem of stage.trees.problems) findings.lost.push(`the tree ${problem}`)
  return findings
}

async function auditDelivery({ stage, findings }: Audited, tickets: readonly Followed[]): Promise<void> {
  const { tickets: calls } = stage.client
  for (const { ticketId, view } of tickets) {
    if (view.status !== 'completed') continue
    const turns = await calls.turns.query({ ticketId })
    const content = async (kind: string): Promise<string> => (await calls.artifact.query({ ticketId, kind })).content
    await auditCouncils({ ticketId, turns, content, requests: stage.model.requests, deleted: stage.deleted }, findings)
  }
  for (const repo of stage.repos) {
    const own = tickets.filter((ticket) => ticket.repo === repo)
    if (own.length > 0) await auditForge(remoteOf(repo), own, findings)
  }
}

export function auditProcesses(stage: Stage, findings: Findings): void {
  for (const left of stage.processes()) findings.orphans.push(`process ${left}`)
}

async function auditTicket(audited: Audited, followed: Followed): Promise<void> {
  const { stage, findings } = audited
  const { ticketId, view } = followed
  if (view.status !== 'completed') findings.lost.push(`${ticketId} is ${view.status} in ${view.phase}: ${view.blocked?.message ?? ''}`)
  const events = await historyOf(stage, ticketId)
  auditEvents(audited, followed, events)
  await auditTurns(audited, ticketId)
  await auditOwned(audited, ticketId)
  const { repo } = followed
  if (view.status === 'completed' && view.branch)
    await auditBranch({ ticketId, repo, branch: view.branch, beads: audited.play.beads }, findings)
}

async function historyOf({ client }: Stage, ticketId: string): Promise<readonly DurableEvent[]> {
  const events: DurableEvent[] = []
  for (let after: string | undefined; ;) {
    const page = await client.events.history.query({ ticketId, limit: 500, ...(after === undefined ? {} : { after }) })
    events.push(...(page.items as readonly DurableEvent[]))
    after = page.next
    if (after === undefined) return events
  }
}

function auditEvents({ findings, hits }: Audited, { ticketId, seen, view }: Followed, events: readonly DurableEvent[]): void {
  if (events.some((e, i) => e.seq !== i + 1)) findings.gaps.push(`${ticketId}: its log is not numbered without a gap`)
  const told = events.map((e) => e.id)
  if (view.status === 'completed' && seen.join() !== told.join())
    findings.gaps.push(`${ticketId}: the stream told ${seen.length} events (${new Set(seen).size} different), the log has ${told.length}`)
  for (const event of events) countRow(hits.rows, event)
  for (const event of events)
    if (event.type === 'turn.ran_twice') findings.twice.push(`${ticketId}: ${event.data.turnId} ran ${event.data.chains} times`)
  const answered = events.flatMap((e) => (e.type === 'question.closed' && e.data.how === 'answered' ? [e.data.requestId] : []))
  if (new Set(answered).size < answered.length) findings.twice.push(`${ticketId}: a question was answered twice`)
}

function countRow(rows: Hits['rows'], event: DurableEvent): void {
  if (event.type === 'turn.settled') count(rows, event.data.row ?? 'none')
  if (event.type === 'turn.sent' && event.data.post > 1) count(rows, `${event.data.row} (posted again)`)
  if (event.type === 'turn.rejoined') count(rows, 6)
  if (event.type === 'turn.unverified') count(rows, 3)
  if (event.type === 'turn.uncertain') count(rows, event.data.problem.includes('user message') ? 10 : 3)
}

async function auditTurns({ stage, findings, told }: Audited, ticketId: string): Promise<void> {
  for (const turn of await stage.client.tickets.turns.query({ ticketId })) {
    const { sessionId, turnId, reason, how, posts, startedAt, settledAt } = turn
    const line = `${ticketId} ${turn.prompt} ${turnId} ${reason}: ${how} after ${posts} POSTs, ${startedAt} to ${settledAt}`
    told.set(sessionId, [...(told.get(sessionId) ?? []), line])
    if (turn.receipt !== 'settled') findings.lost.push(`${ticketId}: turn ${turnId} is ${turn.receipt}`)
  }
}

async function auditOwned({ stage, findings, owned }: Audited, ticketId: string): Promise<void> {
  const sessions = await stage.client.tickets.sessions.query({ ticketId })
  for (const { sessionId } of sessions) if (sessionId !== null) owned.add(sessionId)
  auditSessions(ticketId, sessions, findings)
}

type Sessions = Awaited<ReturnType<TicketCalls['sessions']>>

/** One after the other in a slot: the next is made when the last is over. */
export function auditSessions(ticketId: string, sessions: Sessions, findings: Findings): void {
  const bySlot = new Map<string, number>()
  for (const { slot, createdAt, endedAt, sessionId, state } of sessions.toSorted((a, b) => a.createdAt - b.createdAt)) {
    if (state === 'creating' || state === 'active') findings.orphans.push(`${ticketId}: session ${sessionId} is still ${state}`)
    const key = JSON.stringify(slot)
    if (createdAt < (bySlot.get(key) ?? 0)) findings.twice.push(`${ticketId}: two sessions at once in ${key}`)
    bySlot.set(key, endedAt ?? Number.POSITIVE_INFINITY)
  }
}

interface Branch {
  readonly ticketId: string
  readonly repo: string
  readonly branch: string
  /** Subjects of the commits made on the way to the one that is left. */
  readonly beads: readonly string[]
}

/** The change is there, in one commit; each bead was committed once on the way. */
export async function auditBranch({ ticketId, repo, branch, beads }: Branch, findings: Findings): Promise<void> {
  const git = async (...args: string[]): Promise<string> => (await promisify(execFile)('git', args, { cwd: repo })).stdout.trim()
  if (!(await git('show', `${branch}:src/slugify.js`)).includes('Diacritic'))
    findings.lost.push(`${ticketId}: the change is not on its branch`)
  const commits = await git('rev-list', '--count', `main..${branch}`)
  if (commits !== '1') findings.twice.push(`${ticketId}: ${commits} commits on its branch`)
  const heads = new Set((await git('reflog', '--format=%H %s', branch)).split('\n'))
  for (const bead of beads) {
    const times = [...heads].filter((head) => head.includes(` ${bead}`)).length
    if (times !== 1) findings[times === 0 ? 'lost' : 'twice'].push(`${ticketId}: ${bead} was committed ${times} times`)
  }
}

function auditModel({ stage, findings, told }: Audited): void {
  for (const { step, times } of askedTwice(stage.model.requests.filter((r) => !stage.deleted.has(r.sessionId))))
    findings.twice.push(`the model was asked ${times} times: ${step} (${told.get(step.split(' ')[0] ?? '')?.join('; ')})`)
}

/** A step of a turn = (session, messages of the user so far, tool results since): the model is asked it once. */
export function askedTwice(requests: readonly ScriptedRequest[]): readonly { readonly step: string; readonly times: number }[] {
  const steps = new Map<string, number>()
  for (const { sessionId, messages, toolResults } of requests) {
    const step = `${sessionId} turn ${messages.filter((m) => m.role === 'user').length} step ${toolResults.length + 1}`
    steps.set(step, (steps.get(step) ?? 0) + 1)
  }
  return [...steps].flatMap(([step, times]) => (times > 1 ? [{ step, times }] : []))
}

async function auditOpencode({ stage, findings, owned }: Audited): Promise<void> {
  await using opencode = await attach(stage)
  const sessions = await opencode.handle.adapter.listSessions({ limit: 10_000 })
  for (const { id, title } of sessions) if (!owned.has(id)) findings.orphans.push(`session ${id} (${title}) at OpenCode`)
}
