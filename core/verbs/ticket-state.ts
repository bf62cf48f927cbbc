/** Gathers what a context builder may draw from; only the documents that the builder names are read. */
import type { ContextBuilder, TicketState } from '#plugins/contract'
import type { RunContext } from './run-context.ts'

/** Slices that are not artifacts but parts of the state itself. */
const OWN_SLICES: ReadonlySet<string> = new Set(['ticket_details', 'bead_data', 'bead_notes', 'final_test_notes'])

export async function ticketState(
  run: RunContext,
  builder: ContextBuilder,
  itemId: string | undefined,
): Promise<{ state: TicketState; answerIds: readonly string[]; sources: readonly string[] }> {
  const { store } = run.driving
  const { ticket } = run
  const wanted = typeof builder === 'function' ? null : new Set(builder.slices.filter((s) => !OWN_SLICES.has(s)))
  const kinds = new Set((await store.artifacts(ticket.id)).map((a) => a.kind))
  const artifacts: Record<string, string> = {}
  const sources: string[] = []
  for (const kind of kinds) {
    if (wanted && !wanted.has(kind)) continue
    const found = await store.artifact(ticket.id, { kind })
    if (!found) continue
    artifacts[kind] = found.content
    sources.push(found.sha256)
  }
  const item = itemId === undefined ? undefined : (await store.items(ticket.id)).find((i) => i.id === itemId)
  const answers = await store.storedAnswers(ticket.id)
  const state: TicketState = {
    ticketId: ticket.id,
    title: ticket.title,
    description: ticket.description,
    artifacts,
    notes: await store.phaseNotes(ticket.id, ticket.phase),
    answers: answers.map((a) => ({ question: questionText(a.payload), answer: JSON.stringify(a.answer) })),
    ...(item ? { item } : {}),
  }
  return { state, answerIds: answers.map((a) => a.id), sources }
}

function questionText(payload: unknown): string {
  const questions = (payload as { questions?: readonly { question?: string }[] }).questions ?? []
  return questions.map((q) => q.question ?? '').join(' / ')
}
