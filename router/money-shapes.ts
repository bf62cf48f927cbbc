/** What leaves of tokens and costs. */
import * as v from 'valibot'
import type { TicketCosts } from '#core'
import { orNull, reply } from './shapes.ts'

const count = v.number()
const Tokens = v.object({ input: count, output: count, reasoning: count, cacheRead: count, cacheWrite: count })
export const Spent = { tokens: orNull(Tokens), cost: orNull(count), turns: count, missing: count }
export const Caps = v.object({ tokens: orNull(count), cost: orNull(count) })

export const Costs = reply<TicketCosts>({
  ticketId: v.string(),
  limits: Caps,
  ticket: v.object(Spent),
  byPhase: v.array(v.object({ phase: v.string(), ...Spent })),
  byItem: v.array(v.object({ item: orNull(v.string()), ...Spent })),
  byMember: v.array(v.object({ member: orNull(v.string()), ...Spent })),
  byModel: v.array(v.object({ model: v.string(), ...Spent })),
})
