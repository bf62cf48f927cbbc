/** Work that dies at any step is taken up where it was: nothing finished is done anew, nothing is committed twice. */
import * as fc from 'fast-check'
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import { slices, work } from '../../plugins/index.ts'
import type { ItemSeed, Json, PhasePlugin, PhaseRun } from '../../plugins/index.ts'
import { RunJournal } from '../../plugins/testing/journal.ts'
import type { Recorded, Recording } from '../../plugins/testing/journal.ts'
import { createTestRun } from '../../plugins/testing/phase-run.ts'
import { createSchedule } from '../../plugins/testing/schedule.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import type { PhaseScript, SeenPrompt } from '../../plugins/testing/index.ts'
import { TestWorld } from '../../plugins/testing/world.ts'
import { describe } from '../helpers/suite.ts'

const Report = v.object({ said: v.string() })
const working = (seeds: readonly ItemSeed[], fails: { finalise: boolean } = { finalise: false }) =>
  work({
    ...{ id: 'WORKING', label: 'Working', context: slices('bead_data'), prompt: { task: 'Do it.' } },
    output: { schema: Report, format: 'json', tag: 'REPORT', example: { said: 'done' } },
    items: () => Promise.resolve(seeds),
    verify: async (phase, { item, name }) => {
      const { exitCode } = await phase.workspace.exec(`${name}:test`, { command: `test ${item.id}:${item.iteration}` })
      return exitCode === 0 ? { ok: true } : { ok: false, feedback: `${item.id} fails` }
    },
    finalise: async (phase, { item, name }) => {
      if (fails.finalise) throw new Error('the disk is full')
      return { commit: await phase.workspace.commit(`${name}:commit`, { message: item.id }) }
    },
    repairs: 0,
  })

class Crash extends Error {}
interface Kill {
  /** The n-th verb that does something. */
  readonly nth: number
  readonly when: 'before' | 'after'
}
/** As a process that is killed: the verb has had its effect or not, and nothing is recorded of it. */
class DyingJournal extends RunJournal {
  readonly kill: Kill | null
  effects = 0
  constructor(entries: Map<string, Recorded>, kill: Kill | null) {
    super(
      createSchedule(() => 0),
      { entries, complete: false },
    )
    this.kill = kill
  }
  override record<T extends Json>(verb: Recording<T>): Promise<T> {
    const effect: Recording<T>['effect'] = async (key, again) => {
      this.effects += 1
      const here = this.effects === this.kill?.nth
      if (here && this.kill?.when === 'before') throw new Crash('killed before')
      const value = await verb.effect(key, again)
      if (here) throw new Crash('killed after')
      return value
    }
    return super.record({ ...verb, effect })
  }
}

interface Life {
  readonly end: 'done' | 'killed'
  readonly effects: number
  readonly violations: readonly unknown[]
}
async function live(
  plugin: PhasePlugin,
  world: TestWorld,
  { script, entries, kill, prompts }: { script: PhaseScript; entries: Map<string, Recorded>; kill: Kill | null; prompts: SeenPrompt[] },
): Promise<Life> {
  const journal = new DyingJournal(entries, kill)
  const run: PhaseRun = createTestRun({ plugin, script, world, journal, prompts, asked: [] })
  const end = await plugin.run?.(run).then(
    () => 'done' as const,
    (error: unknown) => {
      if (error instanceof Crash) return 'killed' as const
      throw error
    },
  )
  await journal.schedule.whenIdle()
  return { end: end ?? 'done', effects: journal.effects, violations: journal.violations }
}

interface Plan {
  readonly seeds: readonly ItemSeed[]
  /** How many iterations of an item fail before one holds. */
  readonly failing: readonly number[]
}
const plan: fc.Arbitrary<Plan> = fc.integer({ min: 1, max: 4 }).chain((size) =>
  fc.record({
    failing: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: size, maxLength: size }),
    seeds: fc
      .tuple(...Array.from({ length: size }, (_, i) => fc.subarray(Array.from({ length: i }, (_x, j) => `i${j}`))))
      .map((blockers) =>
        blockers.map((blockedBy, i): ItemSeed => ({ id: `i${i}`, title: `I${i}`, priority: size - i, blockedBy, data: { n: i } })),
      ),
  }),
)
const scriptOf = ({ failing }: Plan): PhaseScript => ({
  exec: (command) => {
    const [, id, iteration] = /i(\d):(\d)/.exec(command) ?? []
    return { exitCode: Number(iteration) > (failing[Number(id)] ?? 0) ? 0 : 1 }
  },
})

describe('work', (it) => {
  it('killed at every step ends as if it had not been: in order, with one commit each, and nobody asked twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        plan,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom<Kill['when']>('before', 'after'),
        async (given, where, when) => {
          const plugin = working(given.seeds) as PhasePlugin
          const script = scriptOf(given)
          const whole = new TestWorld(script)
          const once: SeenPrompt[] = []
          const { effects } = await live(plugin, whole, { script, entries: new Map(), kill: null, prompts: once })

          const world = new TestWorld(script)
          const entries = new Map<string, Recorded>()
          const prompts: SeenPrompt[] = []
          const nth = 1 + Math.floor(where * (effects - 1))
          const first = await live(plugin, world, { script, entries, kill: { nth, when }, prompts })
          assert.is(first.end, 'killed')
          const killed = [...entries.values()].find((entry) => !entry.done)?.name
          const second = await live(plugin, world, { script, entries, kill: null, prompts })
          assert.equal([second.end, second.violations], ['done', []])
          const end = (of: TestWorld) =>
            of.left().items.map((item) => [item.id, item.state, item.iteration, item.notes.length, item.commit])
          assert.equal(end(world), end(whole), `killed ${when} ${killed}`)
          assert.equal(world.commits, whole.commits)
          const names = (all: readonly SeenPrompt[]) => all.map((p) => p.name)
          assert.equal([...new Set(names(prompts))], names(once))
          assert.ok(
            names(prompts).every((name, i, all) => all.indexOf(name) === i || name === killed),
            'only what was killed is asked again',
          )
        },
      ),
      { numRuns: 150 },
    )
  })
  it('goes by dependency, then by priority, whatever fails on the way', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        const report = await testPhase(working(given.seeds), scriptOf(given))
        assert.equal([report.outcome?.outcome, report.violations], ['done', []])
        const order = [...new Set(report.prompts.map((p) => p.slot?.beadId ?? ''))]
        for (const [at, id] of order.entries()) {
          const before = order.slice(0, at)
          const ready = given.seeds.filter((s) => !before.includes(s.id) && s.blockedBy.every((b) => before.includes(b)))
          assert.is(id, ready.toSorted((a, b) => a.priority - b.priority)[0]?.id)
        }
        const tries = given.failing.map((fails, i) => [`i${i}`, fails + 1])
        assert.equal(
          given.seeds.map(({ id }) => [id, report.prompts.filter((p) => p.slot?.beadId === id).length]),
          tries,
        )
      }),
      { numRuns: 60 },
    )
  })
  it('that was verified and could not be finished is not done anew: the next attempt runs what proves it, and asks nobody', async () => {
    const seeds: readonly ItemSeed[] = [{ id: 'i0', title: 'I', priority: 1, blockedBy: [], data: null }]
    const failed = await testPhase(working(seeds, { finalise: true }))
    assert.match(String(failed.error), /the disk is full/)
    const kept = failed.artifacts.find((a) => a.kind === 'work_verified')?.content ?? ''
    const items = failed.items.map((item) => ({ ...item, state: 'pending' as const }))
    const again = await testPhase(working(seeds), { attempt: 2, items, artifacts: { work_verified: kept } })
    assert.equal([again.outcome?.outcome, again.prompts, again.commits.length, again.violations], ['done', [], 1, []])
    const broken = await testPhase(working(seeds), {
      ...{ attempt: 2, items, artifacts: { work_verified: kept }, settings: { 'limits.iterations': 1 } },
      exec: () => ({ exitCode: 1 }),
    })
    assert.is(broken.prompts.length, 1, 'what does not hold any more is done anew')
    const other = await testPhase(working(seeds), {
      ...{ attempt: 2, items: items.map((item) => ({ ...item, iteration: 2 })), artifacts: { work_verified: kept } },
    })
    assert.is(other.prompts.length, 1, 'another iteration is another work')
  })
})
