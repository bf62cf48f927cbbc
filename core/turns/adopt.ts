/** A person's "adopt": what there is of a turn's answer counts. */
import { messageOf } from '../errors.ts'
import type { OpencodeAdapter } from '../opencode/adapter.ts'
import type { Settlement, TurnRecord } from '../store/records.ts'
import { settlementOf } from './answer.ts'
import { belowTurn } from './sub-agents.ts'
import { chainOf } from './verdict.ts'

/** As if it were finished; or why that cannot be. */
export async function adoptedAnswer(adapter: OpencodeAdapter, turn: TurnRecord): Promise<Settlement | string> {
  try {
    const messages = (await adapter.getSessionMessages(turn.sessionId)) ?? []
    const chain = chainOf({ turnId: turn.turnId, partTexts: turn.request.parts.map((p) => p.text), messages })
    if (!chain || chain.answer.length === 0) return 'its session has no answer to it'
    return settlementOf('finished', chain.answer, {
      summaries: chain.summaries,
      below: await belowTurn({ adapter }, turn.sessionId, chain.answer),
    })
  } catch (error) {
    return `its session cannot be read: ${messageOf(error)}`
  }
}
