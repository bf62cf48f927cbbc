/** `phase.prompt`: a named request with its turns, until there is a validated value or a failure. Recorded, then replayed. */
import type { ContextBuilder, ModelRef, OutputSpec, PromptOptions, PromptTemplate, ToolPolicy, Turned } from '#plugins/contract'
import { buildContext, renderPrompt } from '../context-builder.ts'
import { fail } from '../errors.ts'
import { event } from '../events/events.ts'
import type { NewEvent } from '../events/events.ts'
import { recordFailure } from '../failure.ts'
import { hashOf, toJson } from '../json.ts'
import type { PromptRecord, Slot, TurnRecord } from '../store/records.ts'
import { slotOf } from '../sessions/ownership.ts'
import { retryText } from '../structured-output.ts'
import { deniedTools, rulesFor } from '../tools.ts'
import { createBudget } from '../turns/budget.ts'
import type { TurnCare } from '../turns/drive-turn.ts'
import { nextTurn } from '../turns/next-turn.ts'
import type { FollowUp, NextTurn } from '../turns/next-turn.ts'
import { resumeTurn, runOpenCodePrompt } from '../turns/run-opencode-prompt.ts'
import type { RunContext } from './run-context.ts'
import { modelFor } from './model-role.ts'
import { ticketState } from './ticket-state.ts'

/** A prompt with every default filled in. */
interface Asked<T> {
  readonly name: string
  readonly inputHash: string
  readonly slot: ReturnType<typeof slotOf>
  readonly model: ModelRef
  readonly context: ContextBuilder
  readonly template: PromptTemplate | string
  readonly tools: ToolPolicy
  readonly output: OutputSpec<T>
  readonly questions: boolean
  readonly keep: boolean
  readonly limitMs: number | null
  readonly item: string | undefined
}

export async function promptVerb<T>(run: RunContext, name: string, options: PromptOptions<T>): Promise<Turned<T>> {
  const asked = await run.journal.busy(() => ask(run, name, options))
  const known = run.journal.visitPrompt(name, asked.inputHash)
  // Recorded beside the prompt, so a replay visits it as well.
  const tree = await treeBefore(run, asked)
  if (known?.state === 'done') return known.result as unknown as Turned<T>
  const { journal } = run
  const end = await journal.busy(() => converse(run, asked, known))
  if (end.do === 'wait') return journal.park(name, { waitingFor: 'time', until: end.until })
  return journal.busy(() => complete(run, asked, { end, tree }))
}

/** Recorded, and with it the end of the session. */
async function complete<T>(run: RunContext, asked: Asked<T>, { end, tree }: { end: End<T>; tree: string | null }): Promise<Turned<T>> {
  const { driving, journal } = run
  await assertUntouched(run, asked, tree)
  const turned: Turned<T> =
    end.do === 'value' ? { ok: true, value: end.value } : { ok: false, why: end.why, error: recordFailure(end.failure) }
  await driving.store.completePrompt(driving.fence, {
    ...journal.at,
    name: asked.name,
    result: toJson(turned),
    session: endOf(asked, end),
    repairs: end.do === 'value' ? end.repairs : [],
    at: driving.clock.now(),
  })
  return turned
}

type End<T> = Extract<NextTurn<T>, { do: 'value' | 'fail' }>

/** Success ends the session unless it is kept; a failure that Continue may mend keeps it; any other gives it up. */
function endOf<T>({ slot, keep }: Asked<T>, end: End<T>): { slot: Slot; state: 'ended' | 'abandoned'; reason: string } | null {
  if (end.do === 'value') return keep ? null : { slot, state: 'ended', reason: 'answered' }
  return end.failure.continuable ? null : { slot, state: 'abandoned', reason: end.failure.kind }
}

async function ask<T>(run: RunContext, name: string, options: PromptOptions<T>): Promise<Asked<T>> {
  const { plugin, ticket, journal } = run
  const output = options.output ?? (plugin.output as OutputSpec<T>)
  const slot = slotOf(ticket.id, journal.at, { name, slot: options.slot })
  const template = options.text ?? plugin.prompt
  const tools = options.tools ?? plugin.tools
  const { format, tag = null, example } = output
  return {
    name,
    inputHash: hashOf({ template, tools, slot, format, tag, example }),
    slot,
    model: await modelFor(run, options.model ?? plugin.model ?? 'main'),
    context: options.context ?? plugin.context,
    template,
    tools,
    output,
    questions: plugin.questions === true && ticket.settings['questions.allowed'],
    keep: options.keep === true,
    limitMs: options.deadline ?? plugin.budget?.prompt ?? ticket.settings['limits.promptMs'],
    item: options.item,
  }
}

/** Turn after turn until there is an end. Every decision is `nextTurn`'s, from what is stored. */
async function converse<T>(run: RunContext, asked: Asked<T>, known: PromptRecord | null): Promise<End<T> | Waiting> {
  const { driving, journal, plugin, ticket } = run
  const asking = { pause: (_on: boolean): void => {} }
  const care = careFor(run, asked, { usedMs: known?.usedMs ?? 0, onPaused: (on) => asking.pause(on) })
  let turns = known ? await driving.store.turns(ticket.id, { ...journal.at, prompt: asked.name }) : []
  for (;;) {
    const next = await nextTurn<T>({
      name: asked.name,
      turns,
      output: asked.output,
      rules: plugin.retry,
      continues: known?.continues ?? 0,
      now: driving.clock.now(),
      usageWaitMs: ticket.settings['limits.usageWaitMs'],
    })
    if (next.do === 'value' || next.do === 'fail' || next.do === 'wait') return next
    if (next.do === 'send' && next.follow?.kind === 'invalid') await tellInvalid(run, asked, turns.at(-1), next.follow.failure.error)
    const settled = await run.turnPlace((pause) => {
      asking.pause = pause
      return next.do === 'resume' ? resumeTurn(driving, next.turn, care) : send(run, asked, { next, care })
    })
    turns = [...turns.filter((turn) => turn.turnId !== settled.turnId), settled]
    assertPolicy(run, asked, settled)
  }
}
type Waiting = Extract<NextTurn<unknown>, { do: 'wait' }>

interface CareOptions {
  /** Of its budget, before. */
  readonly usedMs: number
  readonly onPaused: (on: boolean) => void
}

function careFor<T>(run: RunContext, asked: Asked<T>, { usedMs, onPaused }: CareOptions): TurnCare {
  const { driving, journal, requests, ticket } = run
  const budget = createBudget(driving.clock, { limitMs: asked.limitMs, usedMs, onPaused })
  return {
    budget,
    requests,
    limits: { retries: ticket.settings['limits.providerRetries'], waitMs: ticket.settings['limits.providerWaitMs'] },
    spend: () => driving.store.spendBudget(driving.fence, { ...journal.at, name: asked.name, usedMs: budget.usedMs() }),
  }
}

async function send<T>(
  run: RunContext,
  asked: Asked<T>,
  { next, care }: { next: Extract<NextTurn<T>, { do: 'send' }>; care: TurnCare },
): Promise<TurnRecord> {
  // Only before something new is sent: a turn under way is not given up because a list of models cannot be read.
  await run.assertModel(asked.model)
  const { driving, journal, workspace } = run
  const { slot, name, inputHash } = asked
  const own = {
    slot,
    prompt: { name, inputHash },
    directory: workspace.path,
    model: asked.model,
    rules: rulesFor(asked.tools, { questions: asked.questions }),
  }
  const { turn } = await runOpenCodePrompt(driving, own, {
    ...journal.at,
    prompt: asked.name,
    ordinal: next.ordinal,
    reason: next.reason,
    text: (fresh) => (next.follow && !fresh ? followText(asked, next.follow) : wholePrompt(run, asked, next.follow)),
    model: asked.model,
    care,
  })
  return turn
}

const followText = <T>(asked: Asked<T>, follow: FollowUp): string =>
  follow.kind === 'words' ? follow.text : retryText(asked.output, follow.failure)

/** The first turn's text. In a fresh session a follow-up carries it too: that session knows nothing yet. */
async function wholePrompt<T>(run: RunContext, asked: Asked<T>, follow: FollowUp | null): Promise<string> {
  const { driving, journal, ticket } = run
  const { state, answerIds } = await ticketState(run, asked.context, asked.item)
  const { phase, attempt } = journal.at
  const built = buildContext(asked.context, state, { limit: ticket.settings['limits.contextTokens'], phase })
  const events: NewEvent[] =
    built.trims.length === 0 ? [] : [event('context.trimmed', { phase, attempt, prompt: asked.name, trims: built.trims })]
  if (events.length > 0) await driving.store.appendEvents(driving.fence, { events, at: driving.clock.now() })
  if (answerIds.length > 0) await driving.store.consumeAnswers(driving.fence, { ids: answerIds, at: driving.clock.now() })
  const text = renderPrompt({ template: asked.template, parts: built.parts, output: asked.output, questions: asked.questions })
  return follow ? `${text}\n\n# What came of the last try\n\n${followText(asked, follow)}` : text
}

function tellInvalid<T>(run: RunContext, asked: Asked<T>, turn: TurnRecord | undefined, problem: string): Promise<void> {
  const { driving, journal } = run
  const told = event(
    'prompt.invalid',
    { ...journal.at, prompt: asked.name, turnId: turn?.turnId ?? '', problem, again: true },
    `invalid:${turn?.turnId}`,
  )
  return driving.store.appendEvents(driving.fence, { events: [told], at: driving.clock.now() })
}

/** The policy is enforced by OpenCode's rules; this is the proof afterwards. */
function assertPolicy<T>(run: RunContext, asked: Asked<T>, turn: TurnRecord): void {
  const denied = deniedTools(rulesFor(asked.tools, { questions: asked.questions }), turn.settlement?.tools ?? [])
  if (denied.length > 0) throw fail('TOOLS_VIOLATED', { phase: run.journal.at.phase, tools: denied.join(', ') })
}

const touchesNothing = (tools: ToolPolicy): boolean => tools === 'read_only' || tools === 'disabled'

const treeBefore = <T>(run: RunContext, asked: Asked<T>): Promise<string | null> =>
  touchesNothing(asked.tools)
    ? run.journal.record({ name: `${asked.name}:tree`, verb: 'tree', input: null, effect: () => run.workspace.treeState() })
    : Promise.resolve(null)

async function assertUntouched<T>(run: RunContext, asked: Asked<T>, before: string | null): Promise<void> {
  if (before === null || (await run.workspace.treeState()) === before) return
  const paths = (await run.workspace.changed()).join(', ')
  await run.workspace.reset(await run.workspace.head())
  throw fail('READ_ONLY_VIOLATED', { phase: run.journal.at.phase, paths: `${paths} (prompt ${asked.name})` })
}
