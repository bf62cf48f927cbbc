/** A phase that comes as an npm package, named in a configuration, between two built-ins: it behaves as they do. */
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import type { TicketView } from '../../core/kernel-api.ts'
import { SETTING_NAMES } from '../../core/settings.ts'
import { phases, pipelines } from '../../phases/index.ts'
import { GiveUp } from '../../plugins/index.ts'
import { loadPlugins } from '../../plugins/loader.ts'
import type { Loaded } from '../../plugins/loader.ts'
import { testPhase } from '../../plugins/testing/index.ts'
import { approvePlan } from '../core/person.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { install, installLoopTroop } from './packed.ts'

const CONFIG = `
import { END, defineConfig, definePipeline } from 'looptroop/plugin'
import type { Pipeline } from 'looptroop/plugin'

const careful: Pipeline = definePipeline({
  name: 'careful',
  label: 'With a look at the licences',
  rows: [
    { phase: 'SCANNING_RELEVANT_FILES', group: 'planning' },
    { phase: 'PLANNING_BEADS', group: 'planning' },
    { phase: 'WAITING_BEADS_APPROVAL', group: 'planning', next: { request_changes: 'PLANNING_BEADS' } },
    { phase: 'CODING', group: 'execution', exclusive: true },
    { phase: 'CHECKING_LICENCES', group: 'execution', exclusive: true, next: { missing: END } },
    { phase: 'RUNNING_FINAL_TEST', group: 'execution', exclusive: true },
    { phase: 'INTEGRATING_CHANGES', group: 'delivery', exclusive: true },
    { phase: 'CLEANING_ENV', group: 'delivery' },
  ],
})
export default defineConfig({ plugins: ['looptroop-plugin-licences'], pipelines: [careful], settings: { 'limits.iterations': 2 } })
`

async function loadOutside(folder: string): Promise<Loaded> {
  const scratch = path.join(folder, 'scratch')
  const work = path.join(folder, 'work')
  await Promise.all([scratch, work].map((dir) => mkdir(dir, { recursive: true })))
  const example = path.resolve(import.meta.dirname, '../examples/outside-plugin')
  await Promise.all([installLoopTroop(scratch, work), install(example, { scratch, work, name: 'looptroop-plugin-licences' })])
  await writeFile(path.join(scratch, 'package.json'), JSON.stringify({ type: 'module' }))
  await writeFile(path.join(scratch, 'looptroop.config.ts'), CONFIG)
  return loadPlugins({ folder: scratch, builtIn: { phases, pipelines }, settingNames: SETTING_NAMES })
}

async function run(world: World, title: string): Promise<TicketView> {
  const { id } = await world.start(title, 'careful')
  await world.drive()
  await approvePlan(world, id)
  await world.drive()
  return world.kernel.tickets.get(id)
}

describe('a plugin from outside', (it) => {
  it(
    'packed, installed and named in a configuration, runs between two built-ins',
    async () => {
      await using folder = await tempFolder('outside')
      const loaded = await loadOutside(folder.path)
      assert.equal(loaded.settings, { 'limits.iterations': 2 })
      const plugin = loaded.phases.get('CHECKING_LICENCES')
      const careful = loaded.pipelines.get('careful')
      assert.ok(plugin && careful)
      await using world = await startWorld({ files: { LICENSE: 'MIT\n' }, phases: [plugin], pipelines: [careful] })
      const { kernel } = world

      const done = await run(world, 'Do it')
      assert.is(done.status, 'completed', JSON.stringify(done.blocked))
      const attempts = await kernel.tickets.attempts(done.id)
      assert.equal(attempts.map((a) => [a.phase, a.outcome]).slice(3, 6), [
        ['CODING', 'done'],
        ['CHECKING_LICENCES', 'done'],
        ['RUNNING_FINAL_TEST', 'done'],
      ])
      const kept = await kernel.tickets.artifact({ ticketId: done.id, kind: 'licences' })
      assert.equal([kept.phase, kept.content], ['CHECKING_LICENCES', 'fine: true\n'])
      const shown = kernel
        .phases()
        .find((p) => p.name === 'careful')
        ?.phases.find((p) => p.id === 'CHECKING_LICENCES')
      assert.equal([shown?.label, shown?.outcomes, shown?.context], ['Checking licences', ['done', 'missing'], ['ticket_details', 'beads']])

      // Its errors are of the other copy of the package: recognised all the same, and shown under its name.
      const gaveUp = await run(world, 'give up')
      assert.equal(
        [gaveUp.status, gaveUp.blocked?.code, gaveUp.blocked?.message, gaveUp.blocked?.hint],
        ['blocked', 'PLUGIN_GAVE_UP', '[phase CHECKING_LICENCES] no licence can be read', 'Add a LICENSE file.'],
      )
      await kernel.tickets.cancel({ ticketId: gaveUp.id })
      const cameBack = await run(world, 'come back')
      assert.is(cameBack.status, 'completed', JSON.stringify(cameBack.blocked))
      assert.equal(
        (await kernel.tickets.attempts(cameBack.id))
          .filter((a) => a.phase === 'CHECKING_LICENCES')
          .map((a) => [a.attempt, a.failure?.message]),
        [
          [1, '[phase CHECKING_LICENCES] the licence server sleeps'],
          [2, undefined],
        ],
      )
      const broken = await run(world, 'break')
      assert.equal([broken.blocked?.code, broken.blocked?.message], ['PLUGIN_FAILED', '[phase CHECKING_LICENCES] x is not a function'])

      // The packed harness tests it as its author would; so does this copy's.
      const door = createRequire(path.join(folder.path, 'scratch/package.json')).resolve('looptroop/plugin/testing')
      const packed = (await import(pathToFileURL(door).href)) as { testPhase: typeof testPhase }
      const read = await packed.testPhase(plugin, { files: { LICENSE: 'MIT' } })
      assert.equal([read.outcome, read.violations], [{ outcome: 'done', output: { fine: true } }, []])
      const report = await testPhase(plugin, { ticket: { title: 'give up' } })
      assert.not.ok(report.error instanceof GiveUp)
      assert.match(String(report.error), /GiveUp: no licence/)
      assert.equal([(await testPhase(plugin)).outcome?.outcome, report.violations], ['missing', []])
    },
    { timeoutMs: 120_000 },
  )
})
