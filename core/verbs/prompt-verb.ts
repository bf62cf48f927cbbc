/** `phase.prompt`: a named request with its turns, until there is a validated value or a failure. Recorded, then replayed. */
import type { PromptOptions, Turned } from '#plugins/contract'
import { isCode } from '../errors.ts'
import { event } from '../events/events.ts'
import { providerNotice } from '../limit-notices.ts'
import type { PromptRecord, TurnRecord } from '../store/records.ts'
import type { PromptEnd } from '../store/store.ts'
import { rulesFor } from '../tools.ts'
import { createBudget } from '../turns/budget.ts'
import type { TurnCare } from '../turns/drive-turn.ts'
import { nextTurn } from '../turns/next-turn.ts'
import type { NextTurn } from '../turns/next-turn.ts'
import { resumeTurn, runOpenCodePrompt } from '../turns/run-opencode-prompt.ts'
import { ask } from './asked.ts'
import type { Asked } from './asked.ts'
import { letterOf } from './letter.ts'
import { assertPolicy, assertUntouched, endedBy, toolsViolated, touchesNothing, treeBefore, putBack } from './prompt-end.ts'
import type { End, Ended } from './prompt-end.ts'
import type { RunContext } from './run-context.ts'

export async function promptVerb<T>(run: RunContext, name: string, options: PromptOptions<T>): Promise<Turned<T>> {
  const asked = await run.journal.busy(() => ask(run, name, options))
  const known = run.journal.visitPrompt(name, asked.inputHash)
  // Recorded beside the prompt, so a replay visits it as well.
  const tree = await treeBefore(run, asked)
  for (const source of known?.sources ?? []) run.sources.add(source)
  const { journal } = run
  if (known?.state === 'done') return known.result as unknown as Turned<T>
  const end = await journal.busy(() => orPutBack(run, tree, () => converse(run, asked, known)))
  if (end.do === 'rest') return journal.rest(name)
  if (end.do === 'wait') return journal.park(name, { waitingFor: 'time', until: end.until })
  if (end.do === 'ended') return end.turned
  return journal.busy(() => complete(run, asked, { end, tree }))
}

/** A turn that used tools which its policy denies has failed already: then nobody compares the tree any more. */
async function orPutBack<T>(run: RunContext, tree: string | null, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isCode(error, 'TOOLS_VIOLATED')) await putBack(run, tree)
    throw error
  }
}

/** Recorded, and with it the end of the session. */
async function complete<T>(run: RunContext, asked: Asked<T>, { end, tree }: { end: End<T>; tree: string | null }): Promise<Turned<T>> {
  const { driving, journal } = run
  await assertUntouched(run, asked, tree)
  const { turned, record } = endedBy(asked, end)
  await driving.store.completePrompt(driving.fence, { ...journal.at, ...record, at: driving.clock.now() })
  return turned
}

/** Turn after turn until there is an end. Every decision is `nextTurn`'s, from what is stored. */
async function converse<T>(
  run: RunContext,
  asked: Asked<T>,
  known: PromptRecord | null,
): Promise<End<T> | Concluded<T> | Waiting | Resting> {
  const { driving, journal, ticket } = run
  const asking = { pause: (_on: boolean): void => {} }
  let turns = known ? await driving.store.turns(ticket.id, { ...journal.at, prompt: asked.name }) : []
  const after = (turn: TurnRecord): readonly TurnRecord[] => [...turns.filter((one) => one.turnId !== turn.turnId), turn]
  let ended: Ended<T> | null = null
  const conclude = async (turn: TurnRecord): Promise<PromptEnd | null> => {
    ended = await concludedBy(asked, { turn, next: () => decide(run, asked, { known, turns: after(turn) }) })
    return ended?.record ?? null
  }
  const care = careFor(run, asked, { usedMs: known?.usedMs ?? 0, onPaused: (on) => asking.pause(on), conclude })
  for (;;) {
    const next = await decide(run, asked, { known, turns })
    if (next.do === 'wait') await tellWait(run, turns.at(-1), next.until)
    if (next.do === 'value' || next.do === 'fail' || next.do === 'wait') return next
    if (next.do === 'send' && next.follow?.kind === 'invalid') await tellInvalid(run, asked, turns.at(-1), next.follow.failure.error)
    const settled = await run.turnPlace(async (pause) => {
      asking.pause = pause
      // Asked again here: it may have waited long for its place.
      if (next.do === 'send' && journal.resting) return null
      return next.do === 'resume' ? resumeTurn(driving, next.turn, care) : send(run, asked, { next, care })
    })
    if (settled === null) return { do: 'rest' }
    if (ended) return { do: 'ended', turned: (ended as Ended<T>).turned }
    turns = after(settled)
    assertPolicy(run, asked, settled)
  }
}
/** A pause: the next turn is sent when it is over. */
type Resting = { readonly do: 'rest' }
type Waiting = Extract<NextTurn<unknown>, { do: 'wait' }>
/** Recorded already, in the batch that settled its last turn. */
interface Concluded<T> {
  readonly do: 'ended'
  readonly turned: Turned<T>
}

const decide = async <T>(
  { plugin, driving, ticket, requests, journal }: RunContext,
  { name, output, look }: Asked<T>,
  { known, turns }: { known: PromptRecord | null; turns: readonly TurnRecord[] },
): Promise<NextTurn<T>> =>
  nextTurn<T>({
    name,
    turns,
    output,
    look,
    rules: plugin.retry,
    continues: known?.continues ?? 0,
    now: driving.clock.now(),
    usageWaitMs: ticket.settings['limits.usageWaitMs'],
    declined: turns.at(-1)?.stopping === 'declined' ? await requests.declined(journal.at) : 0,
  })

/** The turn's end as the prompt's, when nothing has to be looked at or sent after it. */
async function concludedBy<T>(
  asked: Asked<T>,
  { turn, next }: { turn: TurnRecord; next: () => Promise<NextTurn<T>> },
): Promise<Ended<T> | null> {
  if (touchesNothing(asked.tools) || toolsViolated(asked, turn).length > 0) return null
  const end = await next()
  return end.do === 'value' || end.do === 'fail' ? endedBy(asked, end) : null
}

interface CareOptions {
  /** Of its budget, before. */
  readonly usedMs: number
  readonly onPaused: (on: boolean) => void
  readonly conclude: TurnCare['conclude']
}

function careFor<T>(run: RunContext, asked: Asked<T>, { usedMs, onPaused, conclude }: CareOptions): TurnCare {
  const { driving, journal, requests, ticket } = run
  const budget = createBudget(driving.clock, { limitMs: asked.limitMs, usedMs, onPaused })
  return {
    budget,
    requests,
    conclude,
    effects: run.effects,
    limits: { retries: ticket.settings['limits.providerRetries'], waitMs: ticket.settings['limits.providerWaitMs'] },
    spend: () => driving.store.spendBudget(driving.fence, { ...journal.at, name: asked.name, usedMs: budget.usedMs() }),
  }
}

/** Beside the making of the session; a model without tools changes nothing. */
function markEffects<T>({ driving, journal, effects }: RunContext, { tools }: Asked<T>): Promise<void> {
  if (tools === 'disabled') return Promise.resolve()
  const open = async (): Promise<boolean> => {
    const turns = await driving.store.turns(driving.fence.ticketId, journal.at)
    return turns.some((turn) => turn.receipt !== 'settled')
  }
  const marked = effects.begin(open)
  marked.catch(() => undefined) // thrown by the turn's text, which waits for it
  return marked
}

async function send<T>(
  run: RunContext,
  asked: Asked<T>,
  { next, care }: { next: Extract<NextTurn<T>, { do: 'send' }>; care: TurnCare },
): Promise<TurnRecord> {
  // Only before something new is sent: a turn under way is finished, whatever it costs and whether or not models can be listed.
  await run.assertMaySpend()
  await run.assertModel(asked.model)
  const { driving, journal, workspace } = run
  const { slot, name, inputHash } = asked
  const own = {
    slot,
    prompt: { name, inputHash },
    directory: workspace.path,
    model: asked.model,
    rules: rulesFor(asked.tools, { questions: asked.questions && asked.answered }),
  }
  const letter = letterOf(run, asked, next.follow)
  const marked = markEffects(run, asked)
  const { turn } = await runOpenCodePrompt(
    driving,
    { ...own, meanwhile: letter.prepare },
    {
      ...journal.at,
      prompt: asked.name,
      ordinal: next.ordinal,
      reason: next.reason,
      text: async (fresh) => (await marked, letter.text(fresh)),
      sources: letter.sources,
      model: asked.model,
      care,
    },
  )
  return turn
}

async function tellWait({ driving }: RunContext, turn: TurnRecord | undefined, until: number): Promise<void> {
  if (turn) await driving.store.appendEvents(driving.fence, { events: [providerNotice(turn, until)], at: driving.clock.now() })
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
