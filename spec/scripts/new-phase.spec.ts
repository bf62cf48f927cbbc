/** `npm run new-phase` on a copy of the tree: what it makes is accepted by the layout check, the loader and the pipeline. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import type { PhasePlugin, Pipeline } from '../../plugins/contract.ts'
import { newPhase } from '../../scripts/new-phase.ts'
import { checkLayout, describeViolation } from '../helpers/layout.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { startWorld } from '../helpers/world.ts'
import { approvePlan, refusal } from '../core/person.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const exec = promisify(execFile)

async function copyOfTree(folder: string): Promise<void> {
  await cp(path.join(ROOT, 'phases'), path.join(folder, 'phases'), { recursive: true })
  await mkdir(path.join(folder, 'node_modules'))
  await symlink(path.join(ROOT, 'plugins'), path.join(folder, 'plugins'))
  await symlink(path.join(ROOT, 'node_modules/valibot'), path.join(folder, 'node_modules/valibot'))
  await symlink(path.join(ROOT, 'node_modules/yaml'), path.join(folder, 'node_modules/yaml'))
  await writeFile(path.join(folder, 'package.json'), JSON.stringify({ type: 'module', imports: await doors() }))
}

const doors = async (): Promise<Readonly<Record<string, string>>> =>
  (JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as { imports: Readonly<Record<string, string>> }).imports

async function runNewPhase(folder: string, ...args: string[]): Promise<{ code: number; output: string }> {
  const command = ['--import', 'tsx', path.join(ROOT, 'scripts/new-phase.ts'), ...args, '--dir', folder]
  try {
    return { code: 0, output: (await exec(process.execPath, command, { cwd: ROOT })).stdout }
  } catch (error) {
    const { code, stderr } = error as { code: number; stderr: string }
    return { code, output: stderr }
  }
}

const listed = async (folder: string): Promise<readonly string[]> => (await readdir(path.join(folder, 'phases'))).toSorted()

describe('npm run new-phase', (it) => {
  it('makes a phase that the layout check, the loader and the pipeline accept', async () => {
    await using folder = await tempFolder('new-phase')
    await copyOfTree(folder.path)
    const made = await runNewPhase(folder.path, 'REVIEWING_CHANGES', '--after', 'CODING')
    assert.is(made.code, 0, made.output)
    assert.match(made.output, /REVIEWING_CHANGES runs after coding in quick/)
    const quiet = newPhase(['taking-a-breath', '--dir', folder.path])
    assert.match(quiet, /TAKING_A_BREATH runs after integratingChanges in quick/)

    const files = await listed(folder.path)
    const sources = await Promise.all(files.map(async (f) => [`phases/${f}`, await readFile(path.join(folder.path, 'phases', f), 'utf8')]))
    const violations = checkLayout({ files: Object.fromEntries(sources) as Record<string, string>, doors: await doors() })
    assert.equal(violations.map(describeViolation), [])
    await exec(path.join(ROOT, 'node_modules/.bin/prettier'), [
      '--config',
      path.join(ROOT, 'package.json'),
      '--check',
      `${folder.path}/phases`,
    ])

    const table = (await import(pathToFileURL(path.join(folder.path, 'phases/index.ts')).href)) as {
      phases: readonly PhasePlugin[]
      quick: Pipeline
    }
    assert.equal(
      table.quick.rows.find((row) => row.phase === 'REVIEWING_CHANGES'),
      { phase: 'REVIEWING_CHANGES', group: 'execution', exclusive: true },
    )
    const added = table.phases.filter((p) => ['REVIEWING_CHANGES', 'TAKING_A_BREATH'].includes(p.id))
    await using world = await startWorld({ phases: added, pipelines: [{ ...table.quick, name: 'extended' }] })
    const ticket = await world.start('Do it', 'extended')
    await world.drive()
    await approvePlan(world, ticket.id)
    await world.drive()
    const end = await world.kernel.tickets.get(ticket.id)
    assert.is(end.status, 'completed', JSON.stringify(end.blocked))
    const kept = await world.kernel.tickets.artifact({ ticketId: ticket.id, kind: 'reviewing_changes' })
    assert.match(kept.content, /What matters most/)
  })

  it('refuses a taken or malformed name, an unknown place, and writes nothing then', async () => {
    await using folder = await tempFolder('new-phase')
    await copyOfTree(folder.path)
    const before = [await listed(folder.path), await readFile(path.join(folder.path, 'phases/index.ts'), 'utf8')]
    const refused: readonly (readonly [args: string[], words: RegExp])[] = [
      [['CODING'], /`NAME` is taken/],
      [['Reviewing'], /`NAME` must be like REVIEWING_CHANGES or reviewing-changes/],
      [['a b'], /`NAME` must be like/],
      [['delete'], /cannot be the name of a constant/],
      [[], /`NAME` must be one name/],
      [['REVIEWING', '--after', 'NOWHERE'], /`--after` must be a phase of quick: scanningRelevantFiles/],
      [['REVIEWING', '--pipeline', 'slow'], /no pipeline slow[^]*quick/],
      [['REVIEWING', '--wrong'], /`arguments`/],
    ]
    for (const [args, words] of refused) {
      const { error } = await refusal(() => newPhase([...args, '--dir', folder.path]))
      assert.match(`${error.message} ${error.hint}`, words)
    }
    const { code, output } = await runNewPhase(folder.path, 'CODING')
    assert.equal([code, /→ /.test(output)], [1, true])
    assert.equal([await listed(folder.path), await readFile(path.join(folder.path, 'phases/index.ts'), 'utf8')], before)
  })
})
