/** Short words for what OpenCode may show of a turn. */
import type { RemoteError, RemoteMessage, RemotePart } from '../../core/opencode/adapter.ts'
import type { TurnFacts } from '../../core/turns/verdict.ts'

export const TURN = 'msg_ours'
export const TEXT = 'do it'

let made = 0
const id = (): string => `msg_${(made += 1)}`
export const textPart = (text: string, more: { synthetic?: boolean; ended?: boolean } = {}): RemotePart => ({
  ...{ id: `prt_${id()}`, type: 'text', text, synthetic: false, ended: true },
  ...more,
})

export const user = (parts: readonly RemotePart[], given: Partial<RemoteMessage> = {}): RemoteMessage => ({
  ...{ id: id(), sessionId: 'ses_1', role: 'user', createdAt: 1, summary: false, tokens: null, cost: null, parts },
  ...given,
})
export const ours = user([textPart(TEXT)], { id: TURN })
export const copyOfOurs = user([textPart(TEXT)])
export const foreign = user([textPart('something else')])
export const compaction = user([{ id: 'prt_c', type: 'compaction' }])
export const synthetic = user([textPart('Continue if you have next steps', { synthetic: true })])

export function assistant(
  end: { finish?: string; error?: string; open?: boolean; summary?: boolean; text?: string } = { finish: 'stop' },
): RemoteMessage {
  const error: RemoteError | undefined = end.error === undefined ? undefined : { name: end.error, message: 'x' }
  return {
    ...{ id: id(), sessionId: 'ses_1', role: 'assistant', parentId: TURN, createdAt: 2, summary: end.summary === true },
    ...{ tokens: null, cost: null, parts: [textPart(end.text ?? 'answer')] },
    ...(end.open ? {} : { completedAt: 3 }),
    ...(end.finish === undefined ? {} : { finish: end.finish }),
    ...(error ? { error } : {}),
  }
}

export const factsOf = (messages: readonly RemoteMessage[], given: Partial<TurnFacts> = {}): TurnFacts => ({
  ...{ turnId: TURN, partTexts: [TEXT], settled: false, posts: 1, msSincePost: 60_000, youngerProcess: false, stopping: null },
  ...{ reach: 'ok', messages, running: 'quiet', restarts: 0 },
  ...given,
})
