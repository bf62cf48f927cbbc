/** The councils, from outside: each member was asked once for each step, and the vote is what its seed and its cards make of it. */
import { parse } from 'yaml'
import type { TurnView } from '#core'
import { ballotOf, tally } from '#plugins'
import type { ScriptedRequest } from '../scripted-model.ts'
import type { Findings } from './audit.ts'
import { FOREIGN_WORDS } from './foreign.ts'
import { authorsShown, MEMBERS, tagOf } from './full-script.ts'

const DOMAINS = ['interview', 'prd', 'beads'] as const
/** Ends of a turn after which the verdict table has it asked again, as another turn in a fresh session. */
const ASKED_AGAIN = new Set(['interrupted', 'lost', 'not_started', 'resent'])

export interface CouncilRecord {
  readonly winner: { readonly member: string } | null
  readonly degraded: readonly string[]
  readonly drafts: readonly { readonly member: string; readonly outcome: string }[]
  readonly seed: number
  /** Of a council in which only one drafted there is no vote. */
  readonly votes?: readonly {
    readonly voter: string
    readonly order: readonly string[]
    readonly totals: readonly number[]
    readonly scores: { readonly [label: string]: { readonly [category: string]: number } }
  }[]
  readonly standings: readonly { readonly member: string; readonly sum: number; readonly votes: number }[]
}

/** What is looked at of a ticket that is over. */
export interface Sat {
  readonly ticketId: string
  readonly turns: readonly Pick<TurnView, 'slot' | 'sessionId' | 'how'>[]
  /** An artifact as it is kept. */
  readonly content: (kind: string) => Promise<string>
  readonly requests: readonly ScriptedRequest[]
  /** Sessions that somebody else deleted. */
  readonly deleted: ReadonlySet<string>
}

export async function auditCouncils(sat: Sat, findings: Findings): Promise<void> {
  const { ticketId } = sat
  const asked = turnsOfMembers(sat)
  auditAsked(asked, ticketId, findings)
  for (const domain of DOMAINS) {
    const record = parse(await sat.content(`${domain}_council`)) as CouncilRecord
    for (const problem of [...voteProblems(record), ...shownProblems(sat, asked, { domain, record })])
      findings.twice.push(`${ticketId} ${domain}: ${problem}`)
  }
}

interface MemberTurn {
  readonly phase: string
  /** Phase, attempt, member and step. */
  readonly slot: string
  readonly memberId: string
  readonly step: string | null
  readonly sessionId: string
  readonly how: string | null
  /** That the model got in this turn's session, less what somebody else asked there. */
  readonly requests: number
}

function turnsOfMembers({ turns, requests, deleted }: Sat): readonly MemberTurn[] {
  return turns.flatMap(({ slot, sessionId, how }) => {
    const { phase, phaseAttempt, memberId, step } = slot ?? {}
    if (phase === undefined || !memberId) return []
    const ours = requests.filter((request) => request.sessionId === sessionId && request.lastUserText !== FOREIGN_WORDS)
    return [
      {
        ...{ phase, memberId, step: stepOf(step), sessionId, how, requests: deleted.has(sessionId) ? 1 : ours.length },
        slot: `${phase}#${phaseAttempt} ${memberId} ${stepOf(step)}`,
      },
    ]
  })
}

const phaseOf = (domain: string): string => `DRAFTING_${domain.toUpperCase()}`

/** Asked again is the same step. */
const stepOf = (step: string | null | undefined): string | null => step?.replace(/:again\d+$/, '') ?? null

function auditAsked(turns: readonly MemberTurn[], ticketId: string, { lost, twice }: Findings): void {
  for (const slot of new Set(turns.map((turn) => turn.slot))) {
    const all = turns.filter((turn) => turn.slot === slot)
    const ends = all.map((turn) => turn.how ?? 'open')
    const answered = ends.filter((how) => how === 'finished').length
    const others = ends.filter((how) => how !== 'finished' && !ASKED_AGAIN.has(how))
    if (answered !== 1 || others.length > 0) twice.push(`${ticketId}: ${slot} ended as ${ends.join(', ')}`)
    const requests = [...new Map(all.map((turn) => [turn.sessionId, turn.requests])).values()].reduce((sum, n) => sum + n, 0)
    if (requests > ends.length) twice.push(`${ticketId}: ${slot} had ${requests} requests in ${ends.length} turns`)
  }
  const wanted = DOMAINS.flatMap((domain) =>
    ['draft', 'vote'].flatMap((step) => MEMBERS.map((member) => `${phaseOf(domain)} ${member} ${step}`)),
  )
  const had = new Set(turns.map(({ phase, memberId, step }) => `${phase} ${memberId} ${step}`))
  lost.push(...wanted.filter((one) => !had.has(one)).map((one) => `${ticketId}: nobody was asked for ${one}`))
}

/** Reckoned again from the recorded seed and cards. */
export function voteProblems({ seed, drafts, votes = [], standings, winner, degraded }: CouncilRecord): readonly string[] {
  if (degraded.length > 0) return degraded.map((why) => `degraded: ${why}`)
  const roster = drafts.map((draft) => draft.member)
  const authors = drafts.flatMap((draft, i) => (draft.outcome === 'drafted' ? [i] : []))
  const sums = votes.map(({ scores }) =>
    Object.values(scores).map((row) => Object.entries(row).reduce((sum, [name, n]) => (name === 'total_score' ? sum : sum + n), 0)),
  )
  const cards = votes.map(({ order }, voter) => ({
    voter,
    totals: new Map(order.map((member, i) => [roster.indexOf(member), sums[voter]?.[i] ?? 0])),
  }))
  const again = tally(authors, cards)
  const wrong = (what: string, is: unknown, ought: unknown): readonly string[] =>
    JSON.stringify(is) === JSON.stringify(ought) ? [] : [`${what}: recorded ${JSON.stringify(is)}, reckoned ${JSON.stringify(ought)}`]
  return [
    ...votes.flatMap(({ voter, order, totals }, i) => [
      ...wrong(
        `order of ${voter}`,
        order,
        ballotOf(i, authors, seed).map((author) => roster[author]),
      ),
      ...wrong(`totals of ${voter}`, totals, sums[i]),
    ]),
    ...wrong(
      'standings',
      standings,
      again.standings.map(({ author, ...rest }) => ({ member: roster[author], ...rest })),
    ),
    ...wrong('winner', winner?.member, roster[again.winner ?? -1]),
  ]
}

/** What the voters' models were really shown. */
function shownProblems(
  { requests }: Sat,
  turns: readonly MemberTurn[],
  { domain, record }: { domain: string; record: CouncilRecord },
): readonly string[] {
  return (record.votes ?? []).flatMap(({ voter, order }) => {
    const sessions = turns.filter((t) => t.phase === phaseOf(domain) && t.memberId === voter && t.step === 'vote').map((t) => t.sessionId)
    return requests
      .filter((request) => sessions.includes(request.sessionId) && tagOf(request) === 'SCORES')
      .map((request) =>
        authorsShown(request)
          .map((author) => `scripted/${author}`)
          .join(', '),
      )
      .filter((shown) => shown !== order.join(', '))
      .map((shown) => `${voter} was shown ${shown}; recorded is ${order.join(', ')}`)
  })
}
