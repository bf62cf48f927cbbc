/** Gathers what a context builder may draw from; only the documents that the builder names are read. */
import type { ContextBuilder, PromptPart, TicketState } from '#plugins/contract'
import type { RunContext } from './run-context.ts'

/** Slices that are not artifacts but parts of the state itself. */
const OWN_SLICES: ReadonlySet<string> = new Set(['ticket_details', 'bead_data', 'bead_notes', 'final_test_notes'])

export interface GatheredState {
  readonly state: TicketState
  readonly answerIds: readonly string[]
  /** Content hashes of the artifacts that these parts, built from the state, really carry: what was trimmed away is not among them. */
  readonly sourcesOf: (parts: readonly PromptPart[]) => readonly string[]
}

export async function ticketState(run: RunContext, builder: ContextBuilder, itemId: string | undefined): Promise<GatheredState> {
  const { store } = run.driving
  const { ticket } = run
  const wanted = typeof builder === 'function' ? null : new Set(builder.slices.filter((s) => !OWN_SLICES.has(s)))
  const kinds = new Set((await store.artifacts(ticket.id)).map((a) => a.kind))
  const artifacts: Record<string, string> = {}
  const hashes = new Map<string, string>()
  const looked = new Set<string>()
  for (const kind of kinds) {
    if (wanted && !wanted.has(kind)) continue
    const found = await store.artifact(ticket.id, { kind })
    if (!found) continue
    hashes.set(kind, found.sha256)
    Object.defineProperty(artifacts, kind, { enumerable: true, get: () => (looked.add(kind), found.content) })
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
  // A builder of one's own labels its parts as it likes: it counts what it looked at.
  const carried = (kind: string, parts: readonly PromptPart[]): boolean => wanted === null || parts.some((part) => part.source === kind)
  return {
    state,
    answerIds: answers.map((a) => a.id),
    sourcesOf: (parts) => [...looked].filter((kind) => carried(kind, parts)).map((kind) => hashes.get(kind) ?? ''),
  }
}

function questionText(payload: unknown): string {
  const questions = (payload as { questions?: readonly { question?: string }[] }).questions ?? []
  return questions.map((q) => q.question ?? '').join(' / ')
}
