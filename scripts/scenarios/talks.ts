/** What the model does at the aimed turn before it answers as usual: what there is to kill at. */
import type { Answer, Reply, Script, ScriptedRequest } from '../scripted-model.ts'

export type Talk = 'plain' | 'tool' | 'question' | 'permission' | 'retry'

/** The command that a permission is asked for where only that is asked for. */
export const GUARDED = 'echo allowed'

export const calls = (name: string, args: unknown): Answer => ({ toolCalls: [{ name, args }] })
export const COLOUR = {
  questions: [
    {
      header: 'Colour',
      question: 'Which colour?',
      options: [
        { label: 'Red', description: 'as a rose' },
        { label: 'Blue', description: 'as the sea' },
      ],
    },
  ],
}
const RETRY_AFTER_MS = '1500'

interface First {
  readonly reply: Reply
  /** A question is asked once in a ticket, a refusal comes once; a tool is called again in each session. */
  readonly once: 'a session' | 'a ticket'
}
const FIRST: Readonly<Record<Exclude<Talk, 'plain'>, First>> = {
  tool: { reply: calls('bash', { command: 'sleep 1; echo ready', description: 'Get ready' }), once: 'a session' },
  question: { reply: calls('question', COLOUR), once: 'a ticket' },
  permission: { reply: calls('bash', { command: GUARDED, description: 'Say so' }), once: 'a session' },
  retry: { reply: { status: 429, headers: { 'retry-after-ms': RETRY_AFTER_MS } }, once: 'a ticket' },
}

/** In a fresh session the talk is had again. */
export const isAgain = (talk: Talk): boolean => talk !== 'plain' && FIRST[talk].once === 'a session'

/** One for each run of a cell: some remember that they were asked before. `usual` does not notice the talk. */
export function talkScript(talk: Talk, usual: Script): Script {
  if (talk === 'plain') return async (request) => streamed(await usual(request))
  const { reply, once } = FIRST[talk]
  const had = new Set<string>()
  return async (request: ScriptedRequest) => {
    const { sessionId, toolResults } = request
    if (toolResults.length === 0 && !(once === 'a ticket' ? had.size > 0 : had.has(sessionId))) {
      had.add(sessionId)
      return reply
    }
    const skipped = 'toolCalls' in reply && had.has(sessionId) ? 1 : 0
    return streamed(await usual({ ...request, toolResults: toolResults.slice(skipped) }))
  }
}

const WORDS = Array.from({ length: 12 }, (_, i) => `word${i} `)
const PACE_MS = 25

/** Slowly enough that a blow falls while it speaks. */
function streamed(reply: Reply): Reply {
  if ('hang' in reply || 'status' in reply) return reply
  const { text = '', ...rest } = reply
  return { ...rest, chunks: [...WORDS, text], everyMs: PACE_MS }
}
