/** `phase.propose` and `phase.evidence`: what came of a person's findings. */
import type { EvidenceFile, Proposal } from '#plugins/contract'
import { isCode } from '../errors.ts'
import { event } from '../events/events.ts'
import { toJson } from '../json.ts'
import type { RunContext } from './run-context.ts'

/** The origin is the action's id: whatever repeats it, another attempt too, finds the draft that is there. */
export function proposeVerb(run: RunContext, name: string, proposal: Proposal): Promise<{ readonly ticketId: string | null }> {
  const { journal, driving, ticket } = run
  const { origin, title, description, priority = 0 } = proposal
  return journal.record<{ readonly ticketId: string | null }>({
    name,
    verb: 'propose',
    input: { origin, title, description, priority },
    effect: async () => {
      try {
        const draft = { title, description, priority, pipeline: ticket.pipeline, models: ticket.models }
        const actionId = `from:${ticket.id}:${origin}`
        const made = await driving.store.createTicket({ ...draft, actionId, at: driving.clock.now() })
        return { ticketId: made.id }
      } catch (error) {
        if (isCode(error, 'ACTION_CONSUMED')) return { ticketId: null } // a person has deleted it: that stands
        throw error
      }
    },
    events: ({ ticketId }) => [event('ticket.proposed', { ...journal.at, proposed: ticketId, title, origin })],
  })
}

export async function evidenceVerb(
  run: RunContext,
  name: string,
  { sha256s, maxChars }: { sha256s: readonly string[]; maxChars: number },
): Promise<readonly EvidenceFile[]> {
  return run.journal.record<EvidenceFile[]>({
    name,
    verb: 'evidence',
    input: toJson({ sha256s, maxChars }),
    effect: async () => [...(await run.evidence(sha256s, { maxChars }))],
  })
}
