/** What the sub-agents of a turn took. Each works in a session of its own below the turn's; a later turn may take one up again. */
import type { CallOptions, OpencodeAdapter, RemoteMessage } from '../opencode/adapter.ts'
import type { Below } from './answer.ts'

/** OpenCode's tool that starts one. */
const TOOL = 'task'

interface From {
  readonly adapter: Pick<OpencodeAdapter, 'childSessions' | 'getSessionMessages'>
  readonly call: CallOptions
}

/** Null: there are some, and OpenCode did not answer. Nothing is asked when the answer started none. */
export async function belowTurn(
  { adapter, signal }: { readonly adapter: From['adapter']; readonly signal?: AbortSignal },
  sessionId: string,
  answer: readonly RemoteMessage[],
): Promise<Below | null> {
  const since = answer[0]?.createdAt
  if (since === undefined || !startsSome(answer)) return { sessions: 0, messages: [] }
  try {
    return await below({ adapter, call: signal ? { signal } : {} }, sessionId, since)
  } catch {
    return null // the settlement says that figures are missing; the turn is over all the same
  }
}

/** `since`: what they said for an earlier turn was counted there. Both times are OpenCode's. */
async function below(from: From, sessionId: string, since: number): Promise<Below> {
  const found = { sessions: 0, messages: [] as RemoteMessage[] }
  for (const { id } of await from.adapter.childSessions(sessionId, from.call)) {
    const said = ((await from.adapter.getSessionMessages(id, from.call)) ?? []).filter(
      (m) => m.role === 'assistant' && m.createdAt >= since,
    )
    const deeper = startsSome(said) ? await below(from, id, since) : { sessions: 0, messages: [] }
    found.sessions += (said.length > 0 ? 1 : 0) + deeper.sessions
    found.messages.push(...said, ...deeper.messages)
  }
  return found
}

const startsSome = (messages: readonly RemoteMessage[]): boolean =>
  messages.some((m) => m.parts.some((part) => part.type === 'tool' && part.tool === TOOL))
