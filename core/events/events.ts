/**
 * The durable events of a ticket, as schemas: the types follow from them, clients can check what they get, and the
 * reference page is made of them. A verb of the store appends events in the transaction that makes them true, numbered
 * 1, 2, 3 … per ticket. What is live only (deltas, snapshots of open parts) is in `live.ts` and is never numbered.
 */
import * as v from 'valibot'
import type { Json } from '#plugins/contract'
import type { Tokens } from '../opencode/adapter.ts'
import { redactDeep } from '../redact.ts'
import { BLOCKED_ACTIONS, BRANCH_ENDS, PAUSED_BY, TICKET_STATUSES, WAITING_FOR } from '../ticket.ts'

/**
 * Raised when a field is taken away or changes its meaning. New types and new fields do not raise it: a reader skips a
 * type that it does not know.
 */
export const EVENTS_VERSION = 1

const text = v.string()
const number = v.number()
const orNull = <S extends v.GenericSchema>(schema: S) => v.nullable(schema)
const maybe = <S extends v.GenericSchema>(schema: S) => v.exactOptional(schema)
const list = <S extends v.GenericSchema>(item: S) => v.pipe(v.array(item), v.readonly())
const json = v.unknown() as unknown as v.GenericSchema<Json, Json>
const tokens = orNull(
  v.object({ input: number, output: number, reasoning: number, cacheRead: number, cacheWrite: number }) satisfies v.GenericSchema<Tokens>,
)
const remoteError = v.object({
  name: text,
  message: text,
  statusCode: maybe(number),
  retryable: maybe(v.boolean()),
  resetAt: maybe(number),
})

/** Where in the pipeline. */
const phase = { phase: text, attempt: number }
/** Whose turn an event belongs to. */
const turn = { turnId: text, ...phase, prompt: text }
/** Part of a turn's answer; `owner` is the sub-agent's session, null when it is the turn's own. */
const part = { ...turn, partId: text }
const owner = orNull(text)
const hookRun = v.object({ hook: text, exitCode: orNull(number), timedOut: v.boolean(), durationMs: number, output: text })
const hookCheck = {
  ...{ ...phase, name: text, stage: v.picklist(['commit', 'push']), policy: text, passed: v.boolean() },
  ...{ ran: list(hookRun), left: list(v.object({ hook: text, why: text })), changed: list(text) },
}

const of = <E extends v.ObjectEntries>(what: string, entries: E) => v.pipe(v.object(entries), v.description(what))

export const EVENTS = {
  'ticket.created': of('A ticket was made, as a draft.', { title: text, pipeline: text }),
  'ticket.updated': of('Fields of a draft were changed.', { fields: list(text) }),
  'ticket.started': of('Pipeline and settings are pinned, the worktree has its branch.', {
    pipeline: text,
    branch: text,
    baseCommit: text,
    phases: list(v.object({ phase: text, label: text, group: text })),
  }),
  'ticket.status': of('The status changed; `until` (epoch milliseconds) when it waits for a time.', {
    status: v.picklist(TICKET_STATUSES),
    waitingFor: maybe(v.picklist(WAITING_FOR)),
    until: maybe(number),
  }),
  'ticket.blocked': of('Nothing goes on until a person takes one of `actions`.', {
    ...phase,
    code: text,
    message: text,
    hint: text,
    actions: list(v.picklist(BLOCKED_ACTIONS)),
    // As unknown, for an optional JSON recurses too deep for a consumer's compiler.
    evidence: maybe(v.unknown()),
  }),
  'ticket.command': of('A person asked for something; the driver acts on it.', { kind: text, actionId: text }),
  'ticket.paused': of('A pause holds it: what is under way is finished, nothing new begins.', { by: v.picklist(PAUSED_BY) }),
  'ticket.resumed': of('No pause holds it any more.', {}),
  'ticket.limits': of('A person changed what it may spend from its next turn on: the given ones; null means no limit.', {
    tokens: maybe(orNull(number)),
    cost: maybe(orNull(number)),
  }),
  'limit.reached': of('A limit holds the ticket up: until a person raises it, or, at `until`, by itself.', {
    scope: v.picklist(['ticket', 'project', 'provider']),
    unit: v.picklist(['tokens', 'cost', 'usage']),
    ...{ limit: orNull(number), used: orNull(number), until: orNull(number), problem: orNull(text) },
  }),
  'ticket.tidied': of('It was over for long: its worktree, sessions and merged branch are cleared away; its record stays.', {
    branch: v.picklist(BRANCH_ENDS),
    sessions: number,
  }),
  'ticket.deleted': of('Its record is gone, with all events before this one. Forget what you know of it.', {
    branch: v.picklist(BRANCH_ENDS),
    left: list(text),
  }),
  'phase.entered': of('An attempt of a phase began.', { ...phase, label: text, visits: number, reason: text }),
  'phase.left': of('A phase ended with an outcome; `next` is null at the end of the pipeline.', {
    ...phase,
    outcome: text,
    next: orNull(text),
  }),
  'attempt.failed': of('An attempt failed; `again` (epoch milliseconds) is when the next one begins, null when none does.', {
    ...phase,
    kind: text,
    code: text,
    message: text,
    again: orNull(number),
  }),
  'session.created': of('An OpenCode session is owned by a slot.', { ...phase, sessionId: text, slot: json }),
  'session.aborted': of('OpenCode confirmed that a session that was given up has stopped.', { sessionId: orNull(text) }),
  'session.ended': of('A session is done or given up.', { sessionId: orNull(text), how: text, reason: text }),
  'turn.intended': of('The exact request is stored; nothing was sent yet.', {
    ...turn,
    ordinal: number,
    model: text,
    sessionId: text,
    reason: text,
  }),
  'turn.sent': of('A POST was made. `row` of the verdict table said so; null when the store does not know it.', {
    ...turn,
    post: number,
    row: orNull(number),
  }),
  'turn.admitted': of("Our message was seen in OpenCode's store.", turn),
  'turn.rejoined': of('Taken up after a restart, and found running: nothing was sent.', { ...turn, status: text }),
  'turn.settled': of(
    'The receipt: what became of the turn; its words came as `text`. `row` of the verdict table settled it; null when no look at messages did.',
    {
      ...turn,
      how: text,
      finish: orNull(text),
      tokens,
      cost: orNull(number),
      untold: maybe(number),
      error: orNull(remoteError),
      ms: number,
      row: orNull(number),
    },
  ),
  'turn.uncertain': of('What became of the turn cannot be found out; a person decides.', { ...turn, problem: text, evidence: json }),
  'turn.ran_twice': of('OpenCode answered the same message more than once.', { ...turn, chains: number }),
  'turn.unverified': of('OpenCode cannot be asked about the turn now.', { ...turn, problem: text }),
  'turn.verified': of('It can be asked again, after so many milliseconds.', { ...turn, ms: number }),
  'turn.silent': of('No sign from the model for so many milliseconds.', { ...turn, ms: number }),
  'prompt.invalid': of('An answer did not fit the schema; `again` when the model is told so.', {
    ...phase,
    prompt: text,
    turnId: text,
    problem: text,
    again: v.boolean(),
  }),
  'prompt.recorded': of('The value of a prompt is recorded; `repairs` says what was mended in the answer.', {
    ...phase,
    prompt: text,
    ok: v.boolean(),
    why: orNull(text),
    repairs: list(text),
  }),
  text: of('A finished text of an answer. It closes the part that deltas and snapshots told of.', { ...part, text, owner }),
  reasoning: of('A finished reasoning of an answer. It closes its part.', { ...part, text, owner }),
  tool: of(
    'A tool call in another state; `cut` when input or output was too long: a marker stands for its middle. `pending` is live only (`tool.progress`).',
    {
      ...part,
      tool: text,
      state: v.picklist(['pending', 'running', 'completed', 'error']),
      title: orNull(text),
      input: json,
      output: orNull(text),
      cut: v.boolean(),
      owner,
    },
  ),
  'step.finished': of('One request to the model ended.', { ...part, reason: text, tokens, cost: orNull(number), owner }),
  'session.status': of(
    'OpenCode waits for the provider: `attempt` is the number of its try, `next` when the next one is (epoch milliseconds).',
    {
      ...turn,
      status: text,
      message: maybe(text),
      next: maybe(number),
    },
  ),
  'session.error': of('OpenCode told of an error.', { ...turn, error: remoteError }),
  'session.compacted': of('OpenCode put a summary in the place of what a session had said: its context was full.', { ...turn, owner }),
  todo: of("The agent's own list.", { ...turn, todos: list(v.object({ content: text, status: text, priority: text })) }),
  'file.edited': of('A tool of the agent wrote a file.', { file: text }),
  'question.asked': of('The model asks a person; `deadline` (epoch milliseconds) is when it is declined unless somebody answers.', {
    ...phase,
    requestId: text,
    sessionId: text,
    questions: json,
    deadline: maybe(number),
  }),
  'question.closed': of('A question is answered, rejected or void.', { requestId: text, how: text, answers: json, reason: orNull(text) }),
  'question.detached': of('OpenCode no longer asks it; an answer goes into the next prompt.', { requestId: text, reason: text }),
  'permission.asked': of('The model asks for a permission.', {
    ...phase,
    requestId: text,
    sessionId: text,
    permission: text,
    patterns: list(text),
    deadline: maybe(number),
  }),
  'request.held': of('A person is at the answer: it is declined at `deadline`, and not before.', { requestId: text, deadline: number }),
  'permission.closed': of('A permission is given, refused or void.', { requestId: text, how: text, reason: orNull(text) }),
  'gate.opened': of('A person has to decide; `sha256` is of the artifact that is decided on.', {
    ...phase,
    gateId: text,
    title: text,
    kind: text,
    actions: list(text),
    artifact: orNull(text),
    sha256: orNull(text),
  }),
  'gate.decided': of('A person decided.', { ...phase, gateId: text, action: text, sha256: orNull(text) }),
  'gate.closed': of('A gate is void.', { gateId: text, reason: text }),
  'artifact.saved': of('A revision of a document is stored.', { ...phase, kind: text, revision: number, sha256: text, bytes: number }),
  'artifact.edited': of('A person edited an approved document: it goes on at `back` (null: where it is), and `archives` count no more.', {
    kind: text,
    sha256: text,
    was: text,
    back: orNull(text),
    archives: list(v.object(phase)),
    actionId: text,
  }),
  'artifact.voided': of('A document is read no more, and an approval of it is void: what it was made from was edited.', {
    ...phase,
    kind: text,
    revision: number,
    sha256: text,
    approved: v.boolean(),
  }),
  'item.changed': of('A bead (a unit of work) changed.', { id: text, title: text, state: text, iteration: number, commit: orNull(text) }),
  'step.recorded': of('A named effect of a phase is done and recorded.', { ...phase, name: text }),
  'command.finished': of('A command of the project ended; `cut` when only the end of its output is here.', {
    ...phase,
    name: text,
    command: text,
    exitCode: orNull(number),
    timedOut: v.boolean(),
    output: text,
    cut: maybe(v.boolean()),
    durationMs: number,
  }),
  'hooks.checked': of("The repository's own git hooks over a change: what ran, and what was left out and why.", hookCheck),
  'files.beside': of('What changed beside the committed files while a turn ran: ignored ones, git’s own, other branches.', {
    ...turn,
    ...{ ignored: list(text), git: list(text), more: number },
  }),
  'files.outside': of('A tool call names files outside the worktree; `written`: they were changed in that time.', {
    ...turn,
    files: list(v.object({ path: text, tool: text, written: v.boolean() })),
  }),
  'context.trimmed': of('The context of a prompt was too long: what was cut, in tokens.', {
    ...phase,
    prompt: text,
    trims: list(v.object({ source: text, before: number, after: number, how: text })),
  }),
  'lease.waiting': of("It waits for the project's execution lease.", { holder: orNull(text) }),
  'ticket.proposed': of('A draft ticket was made of what a phase found; `proposed` is null when a person has deleted it since.', {
    ...phase,
    proposed: orNull(text),
    title: text,
    origin: text,
  }),
  recovered: of('A start found the ticket in mid-work.', { found: text, did: text }),
  plugin: of('What a phase plugin emits itself.', { ...phase, name: text, data: json }),
} as const

export type EventType = keyof typeof EVENTS
/** The data of each type. */
export type EventData = { readonly [T in EventType]: v.InferOutput<(typeof EVENTS)[T]> }
export const EVENT_TYPES = Object.keys(EVENTS) as readonly EventType[]

/** An event before it has a number. */
export type NewEvent = { [T in EventType]: { readonly type: T; readonly data: EventData[T]; readonly key?: string } }[EventType]
/** A numbered event. `id` is `<epoch>.<seq>`: what a client gives back to resume. */
export type DurableEvent = {
  [T in EventType]: { readonly seq: number; readonly id: string; readonly type: T; readonly at: number; readonly data: EventData[T] }
}[EventType]

/** Checks one event as it comes over the wire; fails for a type that this version does not know. */
export const DurableEventSchema = v.variant(
  'type',
  EVENT_TYPES.map((type) => v.object({ seq: number, id: text, type: v.literal(type), at: number, data: EVENTS[type] })),
) as unknown as v.GenericSchema<DurableEvent, DurableEvent>

/** A checked event, null for what is none or of a type that this version does not know. */
export function readEvent(value: unknown): DurableEvent | null {
  const result = v.safeParse(DurableEventSchema, value)
  return result.success ? result.output : null
}

/**
 * `event('text', {…}, key)`. With a key the event is appended once per ticket and key, however often it is seen: the
 * key of an observed part is (session, part, terminal state).
 */
export const event = <T extends EventType>(type: T, data: EventData[T], key?: string): NewEvent =>
  ({ type, data: OWN_WORDS.has(type) ? data : redactDeep(data), ...(key === undefined ? {} : { key }) }) as NewEvent

/** The model's own words are kept to the byte. */
const OWN_WORDS: ReadonlySet<EventType> = new Set(['text', 'reasoning'])
