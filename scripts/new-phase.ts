/** `npm run new-phase NAME [-- --after PHASE] [--pipeline quick]`: a phase's file from the template, its import, line and row. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { LoopTroopError, fail, messageOf } from '#core'
import { namesOf } from './new-phase/names.ts'
import type { PhaseNames } from './new-phase/names.ts'
import { addToTable } from './new-phase/table.ts'

const USAGE = 'npm run new-phase NAME [-- --after PHASE] [--pipeline quick] [--dir FOLDER]'

interface Options {
  readonly names: PhaseNames
  readonly after: PhaseNames | null
  readonly pipeline: string
  /** The tree that gets the phase. */
  readonly dir: string
}

function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parse(argv)
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0) throw fail('INVALID_INPUT', { field: 'NAME', problem: `must be one name: ${USAGE}` })
  return {
    names: namesOf(name),
    after: values.after === undefined ? null : namesOf(values.after, '--after'),
    pipeline: values.pipeline ?? 'quick',
    dir: path.resolve(values.dir ?? path.join(import.meta.dirname, '..')),
  }
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options: { after: text, pipeline: text, dir: text } })
  } catch (error) {
    throw fail('INVALID_INPUT', { field: 'arguments', problem: messageOf(error) }, error)
  }
}

/** Checked as a whole before the first byte is written. */
function addPhase({ names, after, pipeline, dir }: Options): string {
  const table = path.join(dir, 'phases/index.ts')
  const target = path.join(dir, 'phases', `${names.file}.ts`)
  if (existsSync(target)) throw fail('INVALID_INPUT', { field: 'NAME', problem: `is taken: phases/${names.file}.ts exists` })
  const { source, follows } = addToTable(readFileSync(table, 'utf8'), names, { pipeline, after })
  const template = readFileSync(path.join(dir, 'phases/_template.ts'), 'utf8')
  writeFileSync(target, fromTemplate(template, names), { flag: 'wx' })
  writeFileSync(table, source)
  return report(names, { pipeline, follows })
}

const fromTemplate = (template: string, { id, label, artifact }: PhaseNames): string =>
  template
    .replace(/^\/\*\*.*\*\/\n/, `/** ${label}: say here in one sentence what the phase is for. */\n`)
    .replaceAll(/\bTEMPLATE\b/g, id)
    .replaceAll(/\bTemplate\b/g, label)
    .replaceAll(/\btemplate\b/g, artifact)

const report = ({ id, file, label, artifact }: PhaseNames, { pipeline, follows }: { pipeline: string; follows: string }): string =>
  [
    `phases/${file}.ts   ${label}: one prompt, its answer kept as the document ${artifact}`,
    `phases/index.ts   ${id} runs after ${follows} in ${pipeline}`,
    '',
    'Next:',
    `  1. Say in phases/${file}.ts what is asked, what the model may see and do, and what a correct answer looks like.`,
    `  2. Test it alone with testPhase (plugins/testing), in spec/phases/${file}.spec.ts.`,
    '  3. npm test -- spec/layout spec/phases spec/core/quick-on-mock',
    'The id is stored with every ticket that runs it: rename it now or never.',
  ].join('\n')

/** What was made and what to do next; throws before anything is written. */
export const newPhase = (argv: readonly string[]): string => addPhase(readOptions(argv))

function main(argv: readonly string[]): void {
  try {
    console.log(newPhase(argv))
  } catch (error) {
    console.error(messageOf(error))
    if (error instanceof LoopTroopError) console.error(`→ ${error.hint}`)
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2))
