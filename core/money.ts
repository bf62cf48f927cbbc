/**
 * What turns took of tokens and money, by OpenCode's own figures: pure. What OpenCode did not tell is null and never zero; a
 * sum over known and missing figures is of the known ones and says how many turns are missing in it (in part or whole).
 */
import type { Tokens } from './opencode/adapter.ts'

export interface Spent {
  readonly tokens: Tokens | null
  /** In the currency of OpenCode's price list (US dollars). A model without a price there costs 0. */
  readonly cost: number | null
  /** Turns that are over. */
  readonly turns: number
  /** Of these, turns of which OpenCode did not tell all figures. */
  readonly missing: number
}
/** One turn that is over, as the ledger keeps it. */
export interface SpentTurn {
  readonly turnId: string
  readonly phase: string
  readonly attempt: number
  readonly prompt: string
  /** The council member and the item it was for. */
  readonly member: string | null
  readonly item: string | null
  readonly model: string
  readonly tokens: Tokens | null
  readonly cost: number | null
  /** Requests to the model of which OpenCode told no figures. */
  readonly untold: number
}
export interface Costs {
  readonly ticket: Spent
  readonly byPhase: readonly (Spent & { readonly phase: string })[]
  /** `null`: turns that were for no item, or no member. */
  readonly byItem: readonly (Spent & { readonly item: string | null })[]
  readonly byMember: readonly (Spent & { readonly member: string | null })[]
  readonly byModel: readonly (Spent & { readonly model: string })[]
}
/** Null means no limit. */
export interface Caps {
  readonly tokens: number | null
  readonly cost: number | null
}
export interface CapReached {
  readonly unit: keyof Caps
  readonly limit: number
  readonly spent: number
}

export const NOTHING_SPENT: Spent = { tokens: null, cost: null, turns: 0, missing: 0 }

/** Every grouping adds up to the ticket. Groups are in the order in which they first spent. */
export function costsOf(turns: readonly SpentTurn[]): Costs {
  const grouped = <K extends 'phase' | 'item' | 'member' | 'model'>(key: K): readonly (Spent & Pick<SpentTurn, K>)[] => {
    const groups = new Map<SpentTurn[K], Spent>()
    for (const turn of turns) groups.set(turn[key], plus(groups.get(turn[key]) ?? NOTHING_SPENT, spentBy(turn)))
    return [...groups].map(([value, spent]) => ({ [key]: value, ...spent }) as Spent & Pick<SpentTurn, K>)
  }
  const ticket = totalOf(turns.map(spentBy))
  return { ticket, byPhase: grouped('phase'), byItem: grouped('item'), byMember: grouped('member'), byModel: grouped('model') }
}

export const spentBy = ({ tokens, cost, untold }: Pick<SpentTurn, 'tokens' | 'cost' | 'untold'>): Spent => ({
  tokens,
  cost,
  turns: 1,
  missing: untold > 0 ? 1 : 0,
})

export const totalOf = (all: readonly Spent[]): Spent => all.reduce(plus, NOTHING_SPENT)

export const plus = (a: Spent, b: Spent): Spent => ({
  tokens: plusTokens(a.tokens, b.tokens),
  cost: plusKnown(a.cost, b.cost),
  turns: a.turns + b.turns,
  missing: a.missing + b.missing,
})

export const plusKnown = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b)

export function plusTokens(a: Tokens | null, b: Tokens | null): Tokens | null {
  if (a === null || b === null) return a ?? b
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
  }
}

/** All that went through the model: what a limit on tokens counts. */
export const tokensIn = (tokens: Tokens | null): number | null =>
  tokens && tokens.input + tokens.output + tokens.reasoning + tokens.cacheRead + tokens.cacheWrite

/** The limit that allows no further turn; a figure that is not known counts as nothing here, as there is nothing to count. */
export function capReached(caps: Caps, spent: Spent): CapReached | null {
  const used: Record<keyof Caps, number> = { cost: spent.cost ?? 0, tokens: tokensIn(spent.tokens) ?? 0 }
  for (const unit of ['cost', 'tokens'] as const) {
    const limit = caps[unit]
    if (limit !== null && used[unit] >= limit) return { unit, limit, spent: used[unit] }
  }
  return null
}

/** For people: `$0.0123 · 4,210 tokens`, and what is missing in it. */
export function spentInWords({ tokens, cost, turns, missing }: Spent): string {
  if (turns === 0) return 'nothing yet'
  const count = tokensIn(tokens)
  const known = [
    ...(cost === null ? [] : [`$${cost.toFixed(4)}`]),
    ...(count === null ? [] : [`${count.toLocaleString('en-US')} tokens`]),
    ...(cost === null && count === null ? ['no figures'] : []),
  ]
  return `${known.join(' · ')}${missing === 0 ? '' : ` (figures are missing of ${missing} of ${turns} turns)`}`
}
