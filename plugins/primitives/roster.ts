/** Who sits in a council: the main model first, then the others, each model once. */
import type { Json, ModelRef } from '../contract.ts'
import type { Tally } from './ballot.ts'

export interface Member {
  /** Owner of the member's sessions, and its name in the record. */
  readonly id: string
  readonly model: ModelRef
}

export function rosterOf(settings: Readonly<Record<string, Json>>): readonly Member[] {
  const main = settings['models.main'] as ModelRef | null
  const others = settings['models.members'] as readonly ModelRef[]
  const members = [...(main ? [main] : []), ...others].map((model) => ({ id: nameOf(model), model }))
  return members.filter((member, i) => members.findIndex((m) => m.id === member.id) === i)
}

/** Two by default; never more than there are. One that was configured was checked against the size when the ticket started. */
export const quorumOf = (settings: Readonly<Record<string, Json>>, size: number): number =>
  (settings['council.quorum'] as number | null) ?? Math.min(2, size)

/** Milliseconds for all that a member does until its draft is there; null: no limit. */
export const limitOf = (settings: Readonly<Record<string, Json>>): number | null =>
  (settings['limits.promptMs'] as number | null | undefined) ?? null

export const standingsOf = (roster: readonly Member[], { standings }: Tally): Json =>
  standings.map(({ author, ...s }) => ({ member: roster[author]?.id ?? '', ...s }))

/** `m2 won the vote with 85 of 100 on average of 2 votes; then m3 (55), m1 (25)`. */
export function standingsInWords(roster: readonly Member[], { winner, standings }: Tally, most: number): string {
  const mean = ({ sum, votes }: Tally['standings'][number]): number => (votes === 0 ? 0 : Math.round((10 * sum) / votes) / 10)
  const nameAt = (author: number): string => roster[author]?.id ?? ''
  const first = standings.find((s) => s.author === winner)
  if (!first) return 'nobody won the vote'
  const others = standings.filter((s) => s !== first).toSorted((a, b) => mean(b) - mean(a))
  const tie = others.some((s) => s.votes > 0 && s.sum * first.votes === first.sum * s.votes)
    ? ', a tie that goes to the earlier member'
    : ''
  const behind = others.map((s) => `${nameAt(s.author)} (${s.votes === 0 ? 'no vote' : mean(s)})`).join(', ')
  return `${nameAt(first.author)} won the vote with ${mean(first)} of ${most} on average of ${first.votes} votes${tie}; then ${behind}`
}

export const NO_QUORUM_HINT = 'Retry asks the council again; or start a ticket with other members, or a smaller quorum.'
/** What is said when too few of a council have drafted or voted; null when they are enough. */
export const tooFew = ({
  got,
  quorum,
  what,
  missing,
}: {
  got: number
  quorum: number
  what: string
  missing: readonly string[]
}): string | null => (got >= quorum ? null : `the council has ${got} ${what} and needs ${quorum}: ${missing.join('; ')}`)

const nameOf = ({ provider, model, variant }: ModelRef): string => `${provider}/${model}${variant === undefined ? '' : `#${variant}`}`
