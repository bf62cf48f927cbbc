/** What is wrong with a configuration is said at once and in full: each mistake with its plugin and field. */
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { phases, pipelines } from '../../phases/index.ts'
import type { LoopTroopConfig, PhasePlugin, Pipeline } from '../../plugins/contract.ts'
import { definePhase } from '../../plugins/define.ts'
import { isConfigurationError } from '../../plugins/errors.ts'
import { loadPlugins } from '../../plugins/loader.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const builtIn = { phases, pipelines }
const settingNames = ['qa.manual', 'limits.turns']
const plugin = (patch: object = {}): PhasePlugin => ({ ...definePhase({ id: 'PROBING', label: 'Probing' }), ...patch })
const table = (rows: readonly object[], name = 'own'): Pipeline => ({ name, label: 'Own', rows: rows as Pipeline['rows'] })

async function problemsOf(config: LoopTroopConfig | string): Promise<readonly string[]> {
  await using folder = await tempFolder('config')
  if (typeof config === 'string') await writeFile(path.join(folder.path, 'looptroop.config.ts'), config)
  const given = typeof config === 'string' ? {} : { config }
  try {
    await loadPlugins({ folder: folder.path, builtIn, settingNames, ...given })
  } catch (error) {
    if (isConfigurationError(error)) return error.problems
    throw error
  }
  return []
}

describe('loadPlugins', (it) => {
  it('takes the built-ins as they are', async () => {
    assert.equal(await problemsOf({}), [])
  })

  it('names all three mistakes of a configuration file', async () => {
    const found = await problemsOf(`
      export default {
        plugins: ['looptroop-plugin-not-installed', { id: 'lower', label: 'x' }],
        pipelines: [{ name: 'own', label: 'Own', rows: [{ phase: 'CODING', group: 'g', next: { done: 'NOWHERE' } }] }],
      }`)
    assert.match(found[0] ?? '', /^\[phase looptroop-plugin-not-installed\] `module` cannot be loaded/)
    assert.ok(
      found.some((line) => line.startsWith('[phase lower] `id` must be upper case')),
      found.join('\n'),
    )
    assert.ok(found.includes('[phase pipeline own] `rows[0].next.done` leads to NOWHERE, which is not in this pipeline'))
  })

  it('names plugin and field of whatever a plugin declares wrongly', async () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ version: 0 }, 'version'],
      [{ label: ' ' }, 'label'],
      [{ prompt: {} }, 'prompt'],
      [{ context: { slices: [1] } }, 'context'],
      [{ tools: 'everything' }, 'tools'],
      [{ tools: [{ permission: 'edit', pattern: '*', action: 'maybe' }] }, 'tools'],
      [{ retry: { structured: 1, attempts: 0, delay: 1, on: [], keepWorking: 0 } }, 'retry'],
      [{ retry: { structured: 1, attempts: 1, delay: 1, on: ['bad_luck'], keepWorking: 0 } }, 'retry'],
      [{ output: { schema: {}, format: 'json', example: 1 } }, 'output'],
      [{ outcomes: [] }, 'outcomes'],
      [{ artifact: '' }, 'artifact'],
      [{ run: 'later' }, 'run'],
    ]
    for (const [patch, field] of wrong) {
      const found = await problemsOf({ plugins: [plugin(patch)] })
      assert.is(found.length, 1, found.join('\n'))
      assert.match(found[0] ?? '', new RegExp(`^\\[phase PROBING\\] \`${field}\``))
    }
    const several = await problemsOf({ plugins: [plugin({ version: 0, label: '', run: 1 })] })
    assert.is(several.length, 3)
  })

  it('names rows that cannot be walked: an unknown phase, outcome, target or setting, a phase twice, no row', async () => {
    const wrong: readonly (readonly [readonly object[], RegExp])[] = [
      [[{ phase: 'NOWHERE' }], /`rows\[0\]` names the phase NOWHERE, which is not loaded/],
      [[{ phase: 'CODING', next: { maybe: 'CODING' } }], /`rows\[0\]\.next` has the outcome maybe; CODING has done, exhausted/],
      [[{ phase: 'CODING', next: { done: 'PLANNING_BEADS' } }], /`rows\[0\]\.next\.done` leads to PLANNING_BEADS/],
      [[{ phase: 'CODING', when: { setting: 'qa.magic' } }], /`rows\[0\]\.when` names the setting qa\.magic/],
      [[{ phase: 'CODING' }, { phase: 'CODING' }], /`rows\[1\]` names CODING a second time/],
      [[], /`rows` must be a list with at least one row/],
    ]
    for (const [rows, words] of wrong) {
      const found = await problemsOf({ pipelines: [table(rows)] })
      assert.is(found.length, 1, found.join('\n'))
      assert.match(found[0] ?? '', words)
      assert.match(found[0] ?? '', /^\[phase pipeline own\]/)
    }
    assert.equal(await problemsOf({ pipelines: [table([{ phase: 'CODING', when: { setting: 'qa.manual' }, next: { done: 'end' } }])] }), [])
  })

  it('names a phase that is there twice, and a plugin that is none', async () => {
    assert.match((await problemsOf({ plugins: [plugin(), plugin()] }))[0] ?? '', /^\[phase PROBING\] `id` is taken by another phase/)
    assert.match((await problemsOf({ plugins: [plugin({ id: 'CODING' })] }))[0] ?? '', /^\[phase CODING\] `id` is taken/)
    assert.match((await problemsOf({ plugins: [null as never] }))[0] ?? '', /`default` must be a phase/)
  })

  it('says which file cannot be read, and that a file must hold a configuration', async () => {
    assert.match((await problemsOf('export default {'))[0] ?? '', /looptroop\.config\.ts\] `module` cannot be loaded/)
    assert.match((await problemsOf('export const config = {}'))[0] ?? '', /`default` is missing|`config` does not exist/)
    assert.match((await problemsOf('export default 7'))[0] ?? '', /^\[phase configuration\] `default` must be defineConfig/)
  })

  it('names fields of the configuration that do not exist or have the wrong form', async () => {
    const found = await problemsOf({ plugin: [], plugins: 'x', pipelines: [null], settings: { 'qa.magic': 1 } } as never)
    assert.equal(
      found.map((line) => /`(.*?)`/.exec(line)?.[1]),
      ['plugin', 'plugins', 'pipelines', 'settings.qa.magic'],
    )
    const rows = [{ phase: 'CODING' }]
    assert.match((await problemsOf({ pipelines: [table(rows), table(rows)] }))[0] ?? '', /`pipelines` has own twice/)
    // A built-in pipeline may be replaced by the configuration's own.
    assert.equal(await problemsOf({ pipelines: [table(rows, 'quick')] }), [])
  })

  it('reads TypeScript: the configuration, a plugin by path, and a package that exports several', async () => {
    await using folder = await tempFolder('config')
    const at = (...parts: string[]): string => path.join(folder.path, ...parts)
    const phase = (id: string): string => `definePhase({ id: '${id}', label: 'Own' as string })`
    const root = path.resolve(import.meta.dirname, '../..')
    await mkdir(at('node_modules/two-phases'), { recursive: true })
    await symlink(path.join(root, 'plugins'), at('plugins'))
    const door = `import { definePhase } from '${at('plugins/index.ts')}'\n`
    await writeFile(at('own.ts'), `${door}export default ${phase('OWN')}`)
    await writeFile(
      at('node_modules/two-phases/package.json'),
      JSON.stringify({ name: 'two-phases', type: 'module', exports: './index.mjs' }),
    )
    await writeFile(
      at('node_modules/two-phases/index.mjs'),
      `${door}export default [${phase('ONE')}, ${phase('TWO')}]`.replaceAll(' as string', ''),
    )
    const config = `export default { plugins: ['./own.ts', 'two-phases'] as string[], settings: { 'limits.turns': 2 } }`
    await writeFile(at('looptroop.config.ts'), config)
    const loaded = await loadPlugins({ folder: folder.path, builtIn, settingNames })
    assert.equal(
      ['OWN', 'ONE', 'TWO', 'CODING'].map((id) => loaded.phases.has(id)),
      [true, true, true, true],
    )
    assert.equal([loaded.settings, loaded.file], [{ 'limits.turns': 2 }, at('looptroop.config.ts')])
  })
})
