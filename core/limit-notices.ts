/** What clients are told when a limit holds a ticket up: which one, how much of it is used, and when it ends by itself. */
import type { LoopTroopError } from './errors.ts'
import { event } from './events/events.ts'
import type { NewEvent } from './events/events.ts'
import type { TurnRecord } from './store/records.ts'

/** BUDGET_EXCEEDED says it in its details; every other error is about something else. */
export function budgetNotices({ code, details }: Pick<LoopTroopError, 'code' | 'details'>): readonly NewEvent[] {
  if (code !== 'BUDGET_EXCEEDED') return []
  const { scope, unit, limit, used } = details as { scope: 'ticket' | 'project'; unit: 'tokens' | 'cost'; limit: number; used: number }
  return [event('limit.reached', { scope, unit, limit, used, until: null, problem: null })]
}

/** Told once per turn that ran into it. */
export const providerNotice = ({ turnId, settlement }: TurnRecord, until: number): NewEvent =>
  event(
    'limit.reached',
    { scope: 'provider', unit: 'usage', limit: null, used: null, until, problem: settlement?.error?.message ?? null },
    `limit:${turnId}`,
  )
