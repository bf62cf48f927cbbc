/**
 * One owned prompt (receipts and event log on) against the raw SDK's create + prompt, on the same server, interleaved round
 * by round; and where the time of an owned prompt goes.
 */
import path from 'node:path'
import { createOpencodeClient } from '@opencode-ai/sdk/v2'
import * as v from 'valibot'
import { createFileStores, createKernel, SETTING_NAMES, systemChance, systemClock } from '#core'
import type { KernelOptions } from '#core'
import { definePhase, definePipeline, loadPlugins } from '#plugins'
import type { PhasePlugin, PhaseRun } from '#plugins'
import { median, printRows, quantile, round } from './numbers.ts'
import { createTimeline } from './timeline.ts'
import type { Sent, Spans, Timeline } from './timeline.ts'
import { makeRepository, openWorld } from './world.ts'
import type { BenchWorld } from './world.ts'

export interface PromptOverhead {
  readonly rounds: number
  /** The raw SDK with the same session (title, metadata, tool rules) and the same message. */
  readonly rawMs: number
  readonly rawCreateMs: number
  /** The raw SDK with a bare session and four words. */
  readonly bareMs: number
  readonly ownedMs: number
  /** Paired: the median of (owned − raw) of each round, and of owned ÷ raw. */
  readonly extraMs: number
  readonly ratio: number
  readonly bareExtraMs: number
  readonly bareRatio: number
  readonly whereMs: Readonly<Record<string, number>>
}

const Said = v.object({ said: v.string() })
type Said = v.InferOutput<typeof Said>
const ANSWER = '<SAID>{"said": "something"}</SAID>'
const WARM_UP = 10
const CALM_MS = 250

export async function benchPrompt(rounds = 100): Promise<PromptOverhead> {
  await using world = await openWorld(ANSWER)
  const timeline = createTimeline()
  const measured: Round[] = []
  const phase = benchPhase(async (run) => {
    const raw = rawPrompts(world, run)
    for (let n = 0; n < rounds + WARM_UP; n += 1) {
      const round = await playRound(n, {
        owned: async () => {
          timeline.begin()
          const ms = await timed(() => run.prompt<Said>(`p${n}`, { slot: { step: `p${n}` } }))
          return { ms, spans: timeline.end(ms) }
        },
        same: () => raw(timeline.sent()),
        bare: () => raw({ session: { title: 'raw', rules: [] }, text: 'Say something.' }),
      })
      if (n >= WARM_UP) measured.push(round)
    }
  })
  await runTicket(world, { phase, timeline })
  return report(measured)
}

interface Round {
  readonly owned: { readonly ms: number; readonly spans: Spans }
  readonly same: Raw
  readonly bare: Raw
}
interface Raw {
  readonly createMs: number
  readonly ms: number
}

/** Each before and after each other equally often; the very first round begins with the owned one, which the others repeat. */
const ORDERS = [
  [0, 1, 2],
  [2, 1, 0],
  [1, 0, 2],
  [2, 0, 1],
  [1, 2, 0],
  [0, 2, 1],
] as const

/** One of each. */
async function playRound(n: number, play: { readonly [K in keyof Round]: () => Promise<Round[K]> }): Promise<Round> {
  const done: { -readonly [K in keyof Round]?: Round[K] } = {}
  const parts = [
    async () => void (done.owned = await play.owned()),
    async () => void (done.same = await play.same()),
    async () => void (done.bare = await play.bare()),
  ]
  for (const which of ORDERS[n % ORDERS.length] ?? []) {
    await calm()
    await parts[which]?.()
  }
  return done as Round
}

/** OpenCode goes on for a while after the end of a turn (titles, diffs): neither side pays for the other's. */
const calm = (): Promise<void> => systemClock.sleep(CALM_MS)

function benchPhase(rounds: (run: PhaseRun<Said>) => Promise<void>): PhasePlugin<Said> {
  return definePhase<Said>({
    ...{
      id: 'BENCH',
      label: 'Bench',
      tools: 'default',
      output: { schema: Said, format: 'json', tag: 'SAID', example: { said: 'something' } },
    },
    run: async (run) => {
      await rounds(run)
      return run.done()
    },
  })
}

/** `create` and the blocking `prompt`, in the ticket's worktree, which OpenCode has opened. */
function rawPrompts({ opencode, folder, password }: BenchWorld, run: PhaseRun<Said>): (sent: RawInput) => Promise<Raw> {
  const authorization = `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`
  const client = createOpencodeClient({ baseUrl: opencode.adapter.baseUrl, headers: { authorization } })
  const model = { providerID: 'scripted', modelID: 'm1' }
  const directory = path.join(folder, 'repo', '.looptroop', 'worktrees', run.ticket.id)
  return async ({ session: { title, metadata, rules }, text }) => {
    const permission = rules.map((rule) => ({ ...rule }))
    const from = performance.now()
    const options = { directory, title, ...(metadata && { metadata }), ...(permission.length > 0 && { permission }) }
    const created = await client.session.create(options, { throwOnError: true })
    const createMs = performance.now() - from
    const parts = [{ type: 'text' as const, text }]
    await client.session.prompt({ sessionID: created.data.id, directory, model, parts }, { throwOnError: true })
    return { createMs, ms: performance.now() - from }
  }
}
interface RawInput {
  readonly session: Pick<Sent['session'], 'title' | 'rules'> & Partial<Pick<Sent['session'], 'metadata'>>
  readonly text: string
}

async function runTicket(world: BenchWorld, { phase, timeline }: { phase: PhasePlugin<Said>; timeline: Timeline }): Promise<void> {
  const repo = await makeRepository(path.join(world.folder, 'repo'))
  const stores = createFileStores({ clock: systemClock, chance: systemChance })
  const pipeline = definePipeline({ name: 'bench', label: 'Bench', rows: [{ phase: phase.id, group: 'all' }] })
  const builtIn = { phases: [phase as PhasePlugin], pipelines: [pipeline] }
  const { hub, startedAt, adapter } = world.opencode
  const kernel = await createKernel({
    version: 'bench',
    databaseUrl: `file:${path.join(world.folder, 'app.db')}`,
    stores: { ...stores, openProject: async (url, identity) => timeline.watch('store', await stores.openProject(url, identity)) },
    registry: await loadPlugins({ folder: world.folder, config: {}, builtIn, settingNames: SETTING_NAMES }),
    configSettings: { 'models.main': { provider: 'scripted', model: 'm1' } },
    opencode: { adapter: timeline.watch('opencode', adapter), hub, startedAt },
  } satisfies KernelOptions)
  const loop = kernel.loop()
  try {
    const project = await kernel.projects.attach({ path: repo, key: 'BENCH' })
    const { id: ticketId } = await kernel.tickets.create({ projectId: project.id, title: 'Bench', pipeline: 'bench' })
    await kernel.tickets.start({ ticketId })
    for (;;) {
      const { status, blocked } = await kernel.tickets.get(ticketId)
      if (status === 'completed') return
      if (status === 'blocked') throw new Error(blocked?.message)
      await systemClock.sleep(200)
    }
  } finally {
    await kernel.stop()
    await loop
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

function report(measured: readonly Round[]): PromptOverhead {
  const of = (pick: (one: Round) => number): readonly number[] => measured.map(pick)
  const extra = of((m) => m.owned.ms - m.same.ms)
  const overBare = of((m) => m.owned.ms - m.bare.ms)
  const names = [...new Set(measured.flatMap((m) => Object.keys(m.owned.spans)))]
  const where = names.map((name) => [name, round(median(of((m) => m.owned.spans[name] ?? 0)), 2)] as const).toSorted((a, b) => b[1] - a[1])
  const result = {
    rounds: measured.length,
    rawMs: round(median(of((m) => m.same.ms))),
    rawCreateMs: round(median(of((m) => m.same.createMs))),
    bareMs: round(median(of((m) => m.bare.ms))),
    ownedMs: round(median(of((m) => m.owned.ms))),
    extraMs: round(median(extra)),
    ratio: round(median(of((m) => m.owned.ms / m.same.ms)), 3),
    bareExtraMs: round(median(overBare)),
    bareRatio: round(median(of((m) => m.owned.ms / m.bare.ms)), 3),
  }
  console.log(`\nOne prompt, ${result.rounds} interleaved rounds (median ms)`)
  printRows(
    ['', 'ms'],
    [
      ['raw SDK, create + prompt, same session and message', result.rawMs],
      ['… of which create', result.rawCreateMs],
      ['raw SDK, a bare session and four words', result.bareMs],
      ['owned by LoopTroop', result.ownedMs],
      ['extra, paired', `${result.extraMs} (${round(quantile(extra, 0.25))} to ${round(quantile(extra, 0.75))})`],
      ['owned ÷ raw, paired', result.ratio],
      ['extra over the bare one', result.bareExtraMs],
      ['owned ÷ bare', result.bareRatio],
    ],
  )
  console.log('\nWhere an owned prompt goes (median ms)')
  printRows(['', 'ms'], where)
  return { ...result, whereMs: Object.fromEntries(where) }
}
