/** The whole ticket around the aimed turn, from outside: it made what an unharmed one makes, and nothing else was asked, done or left twice. */
import type { TurnView } from '#core'
import { askedTwice, auditBranch, auditSessions } from '../chaos/audit.ts'
import { auditCouncils } from '../chaos/audit-council.ts'
import { auditForge } from '../chaos/audit-forge.ts'
import { differences, portrait } from '../chaos/compare.ts'
import type { Portrait } from '../chaos/compare.ts'
import { PLAYS as CHAOS } from '../chaos/plays.ts'
import { remoteOf } from '../chaos/stage.ts'
import type { Ended } from './child.ts'
import { PLACES } from './places.ts'
import { isAimed, requestsOf } from './scene.ts'
import type { Scene } from './scene.ts'
import type { Cell } from './table.ts'

/** What a ticket made, and how. */
export interface Picture {
  readonly portrait: Portrait
  readonly sessions: readonly Asked[]
  /** How often a gate was opened. */
  readonly gates: number
}
/** A session with all that was asked in it. */
interface Asked {
  readonly phase: string
  /** The name of its first prompt. */
  readonly prompt: string
  readonly isMember: boolean
  /** Its turns, how they ended and how often they were posted; how often the model was asked. */
  readonly line: string
}

const LISTED = 10_000

export async function pictureOf(scene: Scene, { ticket, artifacts, turns, events }: Ended): Promise<Picture> {
  const { repo } = scene.config
  const made = { ticketId: ticket.id, branch: ticket.branch ?? '', repo, remote: remoteOf(repo), artifacts }
  const ids = [...new Set(turns.map((turn) => turn.sessionId))]
  return {
    portrait: await portrait(made),
    sessions: ids.map((id) =>
      askedIn(
        scene,
        turns.filter((turn) => turn.sessionId === id),
      ),
    ),
    gates: events.filter((event) => event.type === 'gate.opened').length,
  }
}

function askedIn(scene: Scene, turns: readonly TurnView[]): Asked {
  const [first] = turns
  const phase = first?.slot?.phase ?? ''
  const requests = requestsOf(scene).filter((request) => request.sessionId === first?.sessionId).length
  const ends = turns.map(({ prompt, reason, how, posts }) => `${prompt} ${reason} ${how}${posts === 1 ? '' : ` posted ${posts} times`}`)
  return {
    ...{ phase, prompt: first?.prompt ?? '', isMember: (first?.slot?.memberId ?? null) !== null },
    line: `${phase}: ${ends.join(', ')} (${requests} requests)`,
  }
}

interface Whole {
  readonly scene: Scene
  readonly cell: Cell
  readonly ended: Ended
}

export async function auditWhole(whole: Whole, unharmed: Picture | undefined): Promise<readonly string[]> {
  const { scene, ended } = whole
  const { ticket, sessions, turns, artifacts } = ended
  if (!unharmed) return ['there is nothing to compare it with']
  if (ticket.status !== 'completed') return []
  const { id: ticketId, branch } = ticket
  const { repo } = scene.config
  const findings = { lost: [], twice: [], gaps: [], orphans: [] }
  const requests = requestsOf(scene).filter((request) => !isAimed(scene, request))
  const content = (kind: string): Promise<string> =>
    Promise.resolve(artifacts.filter((one) => one.kind === kind).toSorted((a, b) => b.revision - a.revision)[0]?.content ?? '')
  await auditCouncils({ ticketId, turns, content, requests, deleted: new Set() }, findings)
  await auditForge(remoteOf(repo), [{ ticketId, view: ticket }], findings)
  await auditBranch({ ticketId, repo, branch: branch ?? '', beads: CHAOS['full']?.beads ?? [] }, findings)
  auditSessions(ticketId, sessions, findings)
  const made = await pictureOf(scene, ended)
  return [
    ...differences(unharmed.portrait, made.portrait),
    ...Object.values(findings).flat(),
    ...askedTwice(requests).map(({ step, times }) => `the model was asked ${times} times: ${step}`),
    ...otherSessions(whole, { unharmed, made }),
    ...(made.gates === unharmed.gates ? [] : [`${made.gates} gates were opened, ${unharmed.gates} without a blow`]),
    ...(await strangers(whole)),
  ]
}

/** Every other session is as without a blow. */
function otherSessions({ scene, cell, ended }: Whole, { unharmed, made }: { unharmed: Picture; made: Picture }): readonly string[] {
  const place = PLACES[cell.place ?? 'draft']
  const aimed = ended.turns.find((turn) => isAimed(scene, turn))
  const phase = aimed?.slot?.phase
  // What a member's neighbours are in the middle of is struck as well: the audit of the council judges them.
  const beside = ({ isMember, ...asked }: Asked): boolean =>
    isMember && asked.phase === phase && cell.blow !== 'LoopTroop killed' && cell.blow !== 'reply lost'
  const own = unharmed.sessions.findIndex((asked) => asked.phase === phase && asked.prompt === place.prompt)
  const ought = unharmed.sessions.filter((asked, i) => i !== own && !beside(asked)).map(({ line }) => line)
  const aimedSessions = new Set(ended.turns.filter((turn) => isAimed(scene, turn)).map((turn) => turn.sessionId))
  const ids = [...new Set(ended.turns.map((turn) => turn.sessionId))]
  const is = made.sessions.filter((asked, i) => !aimedSessions.has(ids[i] ?? '') && !beside(asked)).map(({ line }) => line)
  const count = (lines: readonly string[], line: string): number => lines.filter((one) => one === line).length
  return [...new Set([...ought, ...is])]
    .filter((line) => count(ought, line) !== count(is, line))
    .map((line) => `${count(is, line)} times instead of ${count(ought, line)}: ${line}`)
}

/** Sessions in this ticket's folders that it does not own. */
async function strangers({ scene, ended }: Whole): Promise<readonly string[]> {
  const owned = new Set(ended.sessions.map((session) => session.sessionId))
  const listed = await scene.lane.opencode.adapter.listSessions({ limit: LISTED })
  return listed
    .filter(({ id, directory }) => directory.startsWith(scene.config.dataDir) && !owned.has(id))
    .map(({ id, title }) => `session ${id} (${title}) at OpenCode is nobody's`)
}
