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
import { makeRepository, openWorld } from './world.ts'
import type { BenchWorld } from './world.ts'

export interface PromptOverhead {
  readonly rounds: number
  readonly rawMs: number
  readonly rawCreateMs: number
  readonly ownedMs: number
  /** Paired: the median of (owned − raw) of each round, and of owned ÷ raw. */
  readonly extraMs: number
  readonly ratio: number
  readonly whereMs: Readonly<Record<string, number>>
}

const Said = v.object({ said: v.string() })
type Said = v.InferOutput<typeof Said>
const ANSWER = '<SAID>{"said": "something"}</SAID>'
const WARM_UP = 10
const CALM_MS = 150

export async function benchPrompt(rounds = 100): Promise<PromptOverhead> {
  await using world = await openWorld(ANSWER)
  const timeline = createTimeline()
  const raw = rawPrompts(world)
  const measured: Round[] = []
  const phase = benchPhase(async (run) => {
    for (let n = 0; n < rounds + WARM_UP; n += 1) {
      const owned = (): Promise<number> => timed(() => run.prompt<Said>(`p${n}`, { slot: { step: `p${n}` } }))
      const other = async (): Promise<Raw> => {
        await calm()
        return raw(run)
      }
      const rawFirst = n % 2 === 0 ? await other() : null
      await calm()
      timeline.begin()
      const ownedMs = await owned()
      const spans = timeline.end(ownedMs)
      const { createMs, totalMs } = rawFirst ?? (await other())
      if (n >= WARM_UP) measured.push({ raw: totalMs, rawCreate: createMs, owned: ownedMs, spans })
    }
  })
  await runTicket(world, { phase, timeline })
  return report(measured)
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

interface Round {
  readonly raw: number
  readonly rawCreate: number
  readonly owned: number
  readonly spans: Spans
}
interface Raw {
  readonly createMs: number
  readonly totalMs: number
}

/** In the ticket's worktree, which OpenCode has opened. */
function rawPrompts({ opencode, folder, password }: BenchWorld): (run: PhaseRun<Said>) => Promise<Raw> {
  const authorization = `Basic ${Buffer.from(`opencode:${password}`).toString('base64')}`
  const client = createOpencodeClient({ baseUrl: opencode.adapter.baseUrl, headers: { authorization } })
  const model = { providerID: 'scripted', modelID: 'm1' }
  return async (run) => {
    const directory = path.join(folder, 'repo', '.looptroop', 'worktrees', run.ticket.id)
    const from = performance.now()
    const created = await client.session.create({ directory, title: 'raw' }, { throwOnError: true })
    const createMs = performance.now() - from
    const parts = [{ type: 'text' as const, text: 'Say something.' }]
    await client.session.prompt({ sessionID: created.data.id, directory, model, parts }, { throwOnError: true })
    return { createMs, totalMs: performance.now() - from }
  }
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

// ------------------------------------------------------------------------------------------- where it goes

/** Milliseconds by what was waited for. */
type Spans = Readonly<Record<string, number>>
interface Timeline {
  watch<T extends object>(kind: 'store' | 'opencode', target: T): T
  begin(): void
  end(totalMs: number): Spans
}
interface Call {
  readonly name: string
  readonly from: number
  readonly to: number
}

function createTimeline(): Timeline {
  let calls: Call[] = []
  return {
    watch: (kind, target) =>
      new Proxy(target, {
        get: (of, name, receiver) => {
          const value: unknown = Reflect.get(of, name, receiver)
          if (typeof value !== 'function' || typeof name !== 'string') return value
          return (...args: unknown[]): unknown => {
            const from = performance.now()
            const result: unknown = Reflect.apply(value, of, args)
            if (result instanceof Promise)
              result.then(
                () => calls.push({ name: `${kind}.${name}`, from, to: performance.now() }),
                () => undefined,
              )
            return result
          }
        },
      }),
    begin: () => void (calls = []),
    end: (totalMs) => spansOf(calls, totalMs),
  }
}

const TURN = 'OpenCode answers (POST to the final event)'

/** The stretch from the POST to the settlement is one span, whatever is written meanwhile; the rest call by call. */
function spansOf(calls: readonly Call[], totalMs: number): Spans {
  const posted = calls.find((call) => call.name === 'opencode.promptSession')?.from ?? 0
  const settled = calls.find((call) => call.name === 'store.settleTurn')?.from ?? posted
  const spans: Record<string, number> = { [TURN]: settled - posted }
  for (const { name, from, to } of calls) if (from < posted || from >= settled) spans[name] = (spans[name] ?? 0) + (to - from)
  const known = Object.values(spans).reduce((sum, ms) => sum + ms, 0)
  return { ...spans, 'everything else in LoopTroop': Math.max(0, totalMs - known) }
}

function report(measured: readonly Round[]): PromptOverhead {
  const of = (pick: (one: Round) => number): readonly number[] => measured.map(pick)
  const extra = of((m) => m.owned - m.raw)
  const names = [...new Set(measured.flatMap((m) => Object.keys(m.spans)))]
  const where = names.map((name) => [name, round(median(of((m) => m.spans[name] ?? 0)), 2)] as const).toSorted((a, b) => b[1] - a[1])
  const result = {
    rounds: measured.length,
    rawMs: round(median(of((m) => m.raw))),
    rawCreateMs: round(median(of((m) => m.rawCreate))),
    ownedMs: round(median(of((m) => m.owned))),
    extraMs: round(median(extra)),
    ratio: round(median(of((m) => m.owned / m.raw)), 3),
  }
  console.log(`\nOne prompt, ${result.rounds} interleaved rounds (median ms)`)
  printRows(
    ['', 'ms'],
    [
      ['raw SDK, create + prompt', result.rawMs],
      ['… of which create', result.rawCreateMs],
      ['owned by LoopTroop', result.ownedMs],
      ['extra, paired', `${result.extraMs} (${round(quantile(extra, 0.25))} to ${round(quantile(extra, 0.75))})`],
      ['owned ÷ raw, paired', result.ratio],
    ],
  )
  console.log('\nWhere an owned prompt goes (median ms)')
  printRows(['', 'ms'], where)
  return { ...result, whereMs: Object.fromEntries(where) }
}
