/**
 * What the model may see. A phase declares slices (an allow-list) or a function of the ticket's state; the result is a list
 * of parts labelled by source, `ticket_details` first, then in the order declared, fitted to a token budget.
 * Every trim is returned, so that the kernel can record it as an event: nothing disappears silently.
 */
import { stringify } from 'yaml'
import type { ContextBuilder, Item, Json, Note, PromptPart, SliceName, TicketState } from '#plugins/contract'
import { fitToBudget, type Trim } from './context-budget.ts'
import { notesText } from './context-notes.ts'
import { fail } from './errors.ts'
import type { CouncilPhase } from './opencode/adapter.ts'

export { renderPrompt, type PromptText } from './prompt-text.ts'
export { tokensOf, type Trim } from './context-budget.ts'

export interface ContextBudget {
  /** Estimated tokens of all parts together. */
  readonly limit: number
  /** Named in CONTEXT_OVER_BUDGET. */
  readonly phase: string
}
export interface BuiltContext {
  readonly parts: readonly PromptPart[]
  readonly tokens: number
  readonly trims: readonly Trim[]
}

/** Throws CONTEXT_OVER_BUDGET when what must not be dropped does not fit alone. */
export function buildContext(builder: ContextBuilder, state: TicketState, budget: ContextBudget): BuiltContext {
  const keep = typeof builder === 'function' ? [] : builder.keep
  const parts = [...partsOf(builder, state), ...answersPart(state)]
  const fitted = fitToBudget(parts, {
    limit: budget.limit,
    keep: new Set([...keep, 'ticket_details', ANSWERS]),
    notes: notesBySource(state),
  })
  if (fitted.tokens > budget.limit) {
    throw fail('CONTEXT_OVER_BUDGET', { phase: budget.phase, tokens: fitted.tokens, limit: budget.limit })
  }
  return fitted
}

/** Parts for one bead: its data, and what earlier iterations left. */
export function assembleBeadContext(state: TicketState): readonly PromptPart[] {
  return slicesOf(['bead_data', 'bead_notes'], state)
}

const COUNCIL_SLICES: Readonly<Record<CouncilPhase, readonly SliceName[]>> = {
  interview_draft: ['relevant_files', 'ticket_details'],
  interview_vote: ['relevant_files', 'ticket_details', 'drafts'],
  interview_refine: ['relevant_files', 'ticket_details', 'drafts'],
  prd_draft: ['relevant_files', 'ticket_details', 'interview', 'full_answers'],
  prd_vote: ['relevant_files', 'ticket_details', 'interview', 'drafts'],
  prd_refine: ['relevant_files', 'ticket_details', 'full_answers', 'drafts'],
  beads_draft: ['relevant_files', 'ticket_details', 'prd'],
  beads_vote: ['relevant_files', 'ticket_details', 'prd', 'drafts'],
  beads_refine: ['relevant_files', 'ticket_details', 'prd', 'drafts'],
}

/** Parts for a council step. An unknown step is refused: a guess would show the model what it must not see. */
export function assembleCouncilContext(phase: CouncilPhase, state: TicketState): readonly PromptPart[] {
  if (!Object.hasOwn(COUNCIL_SLICES, phase)) {
    throw fail('INVALID_INPUT', { field: 'phase', problem: `is ${phase}; known: ${Object.keys(COUNCIL_SLICES).join(', ')}` })
  }
  return slicesOf(COUNCIL_SLICES[phase], state)
}

/** A person's answers that found no session: carried by the next prompt whatever its allow-list, and never trimmed. */
const ANSWERS = 'answers_of_the_person'

function partsOf(builder: ContextBuilder, state: TicketState): readonly PromptPart[] {
  return ticketFirst(typeof builder === 'function' ? builder(state) : [...slicesOf(builder.slices, state), ...(builder.parts ?? [])])
}

const ticketFirst = (parts: readonly PromptPart[]): readonly PromptPart[] => [
  ...parts.filter((part) => part.source === 'ticket_details'),
  ...parts.filter((part) => part.source !== 'ticket_details'),
]

function slicesOf(names: readonly SliceName[], state: TicketState): readonly PromptPart[] {
  const parts = [...new Set(names)].map((name): PromptPart => ({ type: 'text', source: name, content: readSlice(name, state).trim() }))
  return ticketFirst(parts.filter((part) => part.content !== ''))
}

function readSlice(name: SliceName, state: TicketState): string {
  if (name === 'ticket_details') return `${state.ticketId}: ${state.title}\n\n${state.description}`
  if (name === 'bead_data') return state.item === undefined ? '' : beadText(state.item)
  const notes = notesBySource(state).get(name)
  if (notes !== undefined) return notesText(notes)
  return Object.hasOwn(state.artifacts, name) ? (state.artifacts[name] ?? '') : ''
}

const notesBySource = (state: TicketState): ReadonlyMap<string, readonly Note[]> =>
  new Map([
    ['bead_notes', state.item?.notes ?? []],
    ['execution_setup_plan_notes', state.notes],
    ['execution_setup_notes', state.notes],
    ['final_test_notes', state.notes],
  ])

function beadText(item: Item): string {
  const first = { id: item.id, title: item.title }
  const last = { blocked_by: item.blockedBy, iteration: item.iteration }
  return stringify(isRecord(item.data) ? { ...first, ...item.data, ...first, ...last } : { ...first, ...last, data: item.data })
}

const isRecord = (data: Json): data is { readonly [key: string]: Json | undefined } =>
  typeof data === 'object' && data !== null && !Array.isArray(data)

function answersPart(state: TicketState): readonly PromptPart[] {
  if (state.answers.length === 0) return []
  const content = state.answers.map(({ question, answer }) => `Question: ${question}\nAnswer: ${answer}`).join('\n\n')
  return [{ type: 'text', source: ANSWERS, content }]
}
