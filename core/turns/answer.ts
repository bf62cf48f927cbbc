/** The answer in a turn's assistant messages: pure. */
import { plusKnown, plusTokens } from '../money.ts'
import type { RemoteMessage, Tokens } from '../opencode/adapter.ts'
import type { SettledHow, Settlement } from '../store/records.ts'

/** What a turn took beside its answer. */
export interface Beside {
  /** Compactions on the way. */
  readonly summaries?: readonly RemoteMessage[]
  /** Null: it has sub-agents, and they could not be asked. */
  readonly below?: Below | null
  /** What there is of it could not be read. */
  readonly unread?: boolean
}
/** What sub-agents said, in sessions of their own. */
export interface Below {
  readonly sessions: number
  readonly messages: readonly RemoteMessage[]
}

export function settlementOf(how: SettledHow, answer: readonly RemoteMessage[], beside: Beside = {}): Settlement {
  const last = answer.at(-1)
  const { unread = how === 'lost' || how === 'resent' } = beside
  return {
    how,
    text: answerText(answer),
    finish: last?.finish ?? null,
    error: last?.error ?? null,
    ...tookBy(answer, { ...beside, unread }),
    tools: [...new Set(answer.flatMap((m) => m.parts.flatMap((p) => (p.type === 'tool' && p.state === 'completed' ? [p.tool] : []))))],
  }
}

function tookBy(
  answer: readonly RemoteMessage[],
  { summaries = [], below = NO_ONE, unread }: Beside,
): Pick<Settlement, 'tokens' | 'cost' | 'untold' | 'sub'> {
  const all = [...answer, ...summaries, ...(below?.messages ?? [])]
  const untold = untoldIn(all) + (below === null ? 1 : 0) + (unread ? 1 : 0)
  if (below?.sessions === 0) return { ...spentIn(all), untold }
  return { ...spentIn(all), untold, sub: below && { sessions: below.sessions, ...spentIn(below.messages) } }
}
const NO_ONE: Below = { sessions: 0, messages: [] }

/** Text of the last step; a step that OpenCode tried again leaves its partial text before the next `step-start`. */
function answerText(answer: readonly RemoteMessage[]): string {
  for (const message of answer.toReversed()) {
    const start = message.parts.findLastIndex((p) => p.type === 'step-start')
    const texts = message.parts.slice(start + 1).flatMap((p) => (p.type === 'text' && !p.synthetic ? [p.text] : []))
    const text = texts.join('\n')
    if (text.trim() !== '') return text
  }
  return ''
}

/** OpenCode writes the figures when a step ends, and zeros before: those of one that was cut off are not known. */
const told = ({ finish }: RemoteMessage): boolean => finish !== undefined

/** Missing is null, never zero. */
function spentIn(messages: readonly RemoteMessage[]): { tokens: Tokens | null; cost: number | null } {
  const known = messages.filter(told)
  return {
    tokens: known.map((m) => m.tokens).reduce(plusTokens, null),
    cost: known.map((m) => m.cost).reduce(plusKnown, null),
  }
}

/** OpenCode makes the message before it asks the model: without one nothing was asked. */
const untoldIn = (messages: readonly RemoteMessage[]): number =>
  messages.filter((m) => !told(m) || m.tokens === null || m.cost === null).length
