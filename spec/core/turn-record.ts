/** A stored turn with everything filled in. */
import type { Settlement, TurnRecord } from '../../core/store/records.ts'

export const settlement = (text: string, given: Partial<Settlement> = {}): Settlement => ({
  ...{ how: 'finished', text, finish: 'stop', error: null, tokens: null, cost: null, tools: [] },
  ...given,
})

export const turnRecord = (given: Partial<TurnRecord> = {}): TurnRecord => ({
  ...{ turnId: 'msg_1', ticketId: 'T-1', phase: 'X', attempt: 1, prompt: 'answer', ordinal: 1, reason: 'first' },
  ...{ sessionNonce: 'n', sessionId: 'ses_1', opencodeId: 'oc', directory: '/d', restarts: 0, lastPostAt: 1 },
  ...{ request: { messageId: 'msg_1', parts: [], model: { provider: 'p', model: 'm' } }, receipt: 'settled', posts: 1, stopping: null },
  ...{ settlement: settlement('x'), intendedAt: 1, admittedAt: 1, settledAt: 1, problem: null },
  ...given,
})
