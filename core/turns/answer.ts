/** The answer in a turn's assistant messages: pure. */
import type { RemoteMessage, Tokens } from '../opencode/adapter.ts'
import type { SettledHow, Settlement } from '../store/records.ts'

export function settlementOf(how: SettledHow, answer: readonly RemoteMessage[]): Settlement {
  const last = answer.at(-1)
  return {
    how,
    text: answerText(answer),
    finish: last?.finish ?? null,
    error: last?.error ?? null,
    tokens: sumTokens(answer),
    cost: sumOrNull(answer.map((m) => m.cost)),
    tools: [...new Set(answer.flatMap((m) => m.parts.flatMap((p) => (p.type === 'tool' && p.state === 'completed' ? [p.tool] : []))))],
  }
}

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

/** Missing is null, never zero. */
function sumTokens(answer: readonly RemoteMessage[]): Tokens | null {
  const known = answer.flatMap((m) => (m.tokens ? [m.tokens] : []))
  if (known.length === 0) return null
  const sum = (key: keyof Tokens): number => known.reduce((n, t) => n + t[key], 0)
  return {
    input: sum('input'),
    output: sum('output'),
    reasoning: sum('reasoning'),
    cacheRead: sum('cacheRead'),
    cacheWrite: sum('cacheWrite'),
  }
}

const sumOrNull = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((n) => n !== null)
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0)
}
