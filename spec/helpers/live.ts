/** A kernel that loops on a real OpenCode, and phases small enough to follow one turn through it. */
import * as assert from 'uvu/assert'
import * as v from 'valibot'
import type { Kernel, QuestionView, TicketView, TurnView } from '../../core/kernel-api.ts'
import { definePhase, definePipeline } from '../../plugins/index.ts'
import type { PhaseDefinition, PhasePlugin, Pipeline } from '../../plugins/index.ts'
import type { Answer, Script, ScriptedRequest } from '../../scripts/scripted-model.ts'
import { eventually, SCRIPTED_MODEL, type RealOpencode } from './opencode.ts'
import { startWorld, type World, type WorldOptions } from './world.ts'

const Said = v.object({ said: v.string() })
export type Said = v.InferOutput<typeof Said>

/** One prompt, one answer `<SAID>{"said": …}</SAID>`. It may ask and may use every tool; a fresh attempt follows at once. */
export const talk = (more: Partial<PhaseDefinition<Said>> = {}): PhasePlugin<Said> =>
  definePhase<Said>({
    id: 'TALKING',
    label: 'Talking',
    tools: 'default',
    questions: true,
    artifact: 'said',
    output: { schema: Said, format: 'json', tag: 'SAID', example: { said: 'something' } },
    ...more,
    retry: { delay: 50, ...more.retry },
  })

/** The phases one after the other, as the pipeline `spec`. */
export const pipelineOf = (...phases: readonly PhasePlugin[]): Pipeline =>
  definePipeline({ name: 'spec', label: 'For specs', rows: phases.map(({ id }) => ({ phase: id, group: 'spec' })) })

/** The text of a valid answer. */
export const said = (words: string): string => `<SAID>${JSON.stringify({ said: words })}</SAID>`

/** One step after the other within a turn: a tool call, or the last words. */
export const stepwise =
  (...steps: readonly Answer[]): Script =>
  ({ toolResults }) =>
    steps[toolResults.length] ?? { text: 'I have nothing to add.' }
export { calls, COLOUR } from '../../scripts/scenarios/talks.ts'

export interface Live extends AsyncDisposable {
  readonly world: World
  readonly kernel: Kernel
  /** Requests that the model got since this world began. */
  requests(): readonly ScriptedRequest[]
  start(): Promise<TicketView>
  /** The ticket as soon as it fits. Fails at once when it blocks though that is not what is waited for. */
  until(ticketId: string, fits: (ticket: TicketView) => boolean, ms?: number): Promise<TicketView>
  question(ticketId: string): Promise<QuestionView>
  turns(ticketId: string): Promise<readonly TurnView[]>
  /** Sessions of the ticket that OpenCode still shows as busy, in its worktree. */
  busy(ticketId: string): Promise<readonly string[]>
}

export interface LiveOptions extends Pick<WorldOptions, 'stores' | 'files'> {
  readonly script: Script
  readonly phases?: readonly PhasePlugin[]
  readonly adapter?: RealOpencode['adapter']
}

/** On an OpenCode that the spec shares between its tests. */
export async function startLive(oc: RealOpencode, { script, phases = [talk()], adapter, ...more }: LiveOptions): Promise<Live> {
  const before = oc.model.requests.length
  oc.model.use(script)
  const opencode = {
    adapter: adapter ?? oc.adapter,
    hub: oc.hub,
    get startedAt() {
      return oc.startedAt
    },
  }
  const world = await startWorld({ ...more, opencode, model: SCRIPTED_MODEL, phases, pipelines: [pipelineOf(...phases)] })
  const { kernel } = world
  const loop = kernel.loop()
  return {
    world,
    kernel,
    requests: () => oc.model.requests.slice(before),
    start: () => world.start('Talk', 'spec'),
    until: (ticketId, fits, ms = 60_000) => untilTicket(kernel, ticketId, { fits, ms }),
    question: (ticketId) => eventually(async () => (await kernel.questions.list({ ticketId })).items[0], 60_000),
    turns: (ticketId) => kernel.tickets.turns(ticketId),
    busy: async (ticketId) => {
      const sessions = await kernel.tickets.sessions(ticketId)
      const directories = [...new Set(sessions.map((s) => s.directory))]
      const statuses = await Promise.all(directories.map((directory) => oc.adapter.sessionStatuses(directory)))
      return statuses.flatMap((found) => Object.keys(found))
    },
    [Symbol.asyncDispose]: async () => {
      await kernel.stop()
      await loop
      await world[Symbol.asyncDispose]()
    },
  }
}

interface Wanted {
  readonly fits: (ticket: TicketView) => boolean
  readonly ms: number
}
export function untilTicket(kernel: Kernel, ticketId: string, { fits, ms }: Wanted): Promise<TicketView> {
  return eventually(async () => {
    const ticket = await kernel.tickets.get(ticketId)
    if (fits(ticket)) return ticket
    assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
    return null
  }, ms)
}

/** Numbered from 1 without a gap. */
export async function assertGapless(kernel: Kernel, ticketId: string): Promise<void> {
  const { items, next } = await kernel.events.history({ ticketId, limit: 1_000 })
  assert.is(next, undefined, 'more events than one page')
  assert.equal(
    items.map((e) => e.seq),
    items.map((_, i) => i + 1),
  )
}

/** Stops and continues the server's process; an OpenCode that was frozen is running again when the test is over. */
export function freeze(oc: RealOpencode): Disposable & { thaw(): void } {
  const { pid } = oc.managed
  process.kill(pid, 'SIGSTOP')
  const thaw = (): void => void process.kill(pid, 'SIGCONT')
  return { thaw, [Symbol.dispose]: thaw }
}
