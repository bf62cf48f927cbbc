/** What a turn says to the model. Gathering it changes nothing, so it can begin while OpenCode still makes the session. */
import { buildContext, renderPrompt } from '../context-builder.ts'
import type { Trim } from '../context-builder.ts'
import { event } from '../events/events.ts'
import { retryText } from '../structured-output.ts'
import type { FollowUp } from '../turns/next-turn.ts'
import type { Asked } from './asked.ts'
import type { RunContext } from './run-context.ts'
import { ticketState } from './ticket-state.ts'

export interface Letter {
  /** Begins to gather what a fresh session is told. */
  readonly prepare: () => void
  /** The whole message. Stores first what it used up: a person's answers, and what was trimmed. */
  readonly text: (fresh: boolean) => Promise<string>
  /** Content hashes of the artifacts in the text, once it is there. */
  readonly sources: () => readonly string[]
}

interface Gathered {
  readonly text: string
  readonly trims: readonly Trim[]
  readonly answerIds: readonly string[]
  readonly sources: readonly string[]
}

/** In a fresh session a follow-up carries the first message too: that session knows nothing yet. */
export function letterOf<T>(run: RunContext, asked: Asked<T>, follow: FollowUp | null): Letter {
  let gathering: Promise<Gathered> | null = null
  let carried: readonly string[] = []
  const gathered = (): Promise<Gathered> => (gathering ??= gather(run, asked))
  return {
    prepare: () => void gathered().catch(() => undefined), // thrown by `text`, which asks for the same
    text: async (fresh) => {
      if (follow && !fresh) return followText(asked, follow)
      const { text, ...used } = await gathered()
      await useUp(run, asked, used)
      for (const source of used.sources) run.sources.add(source)
      carried = used.sources
      return follow ? `${text}\n\n# What came of the last try\n\n${followText(asked, follow)}` : text
    },
    sources: () => carried,
  }
}

async function gather<T>(run: RunContext, asked: Asked<T>): Promise<Gathered> {
  const { state, answerIds, sourcesOf } = await ticketState(run, asked.context, asked.item)
  const limit = run.ticket.settings['limits.contextTokens']
  const { parts, trims } = buildContext(asked.context, state, { limit, phase: run.journal.at.phase })
  const { template, output, questions, answered, look } = asked
  const text = renderPrompt({ template, parts, output, look, questions: questions && answered })
  return { text, trims, answerIds, sources: sourcesOf(parts) }
}

async function useUp<T>(run: RunContext, asked: Asked<T>, { trims, answerIds }: Pick<Gathered, 'trims' | 'answerIds'>): Promise<void> {
  const { driving, journal } = run
  const at = driving.clock.now()
  if (trims.length > 0) {
    const trimmed = event('context.trimmed', { ...journal.at, prompt: asked.name, trims })
    await driving.store.appendEvents(driving.fence, { events: [trimmed], at })
  }
  if (answerIds.length > 0) await driving.store.consumeAnswers(driving.fence, { ids: answerIds, at })
}

const followText = <T>(asked: Asked<T>, follow: FollowUp): string =>
  follow.kind === 'words' ? follow.text : retryText(asked.output, follow.failure)
