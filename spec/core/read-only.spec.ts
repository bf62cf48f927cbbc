/** A phase that may only look leaves the tree byte for byte as it was, whatever its model does with tools that it should not have. */
import { execFileSync } from 'node:child_process'
import { chmod, lstat, mkdir, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as fc from 'fast-check'
import * as v from 'valibot'
import * as assert from 'uvu/assert'
import type { FakeAction } from '../../core/opencode/fake/brain.ts'
import { definePhase, definePipeline, slices } from '../../plugins/index.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'

const output = { schema: v.object({ said: v.string() }), format: 'json', tag: 'ANSWER', example: { said: 'x' } } as const
type Looking = 'read_only' | 'disabled'
const looking = (tools: Looking) =>
  definePhase<unknown>({ id: `LOOKING_${tools.toUpperCase()}`, label: 'Looking', tools, context: slices('ticket_details'), output })
const phases = [looking('read_only'), looking('disabled')]
/** What an earlier phase left uncommitted is part of the tree as well. */
const beginning = definePhase({
  ...{ id: 'BEGINNING', label: 'Beginning', tools: 'disabled' },
  run: async (phase) => {
    await phase.workspace.exec('left', { command: 'echo left > left.txt && echo more >> README.md' })
    return phase.done()
  },
})
const pipelines = phases.map(({ id }) =>
  definePipeline({ name: id.toLowerCase(), label: id, rows: ['BEGINNING', id].map((phase) => ({ phase, group: 'g' })) }),
)

type Act = (folder: string) => Promise<unknown>
const git = (folder: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-C', folder, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { encoding: 'utf8' })
const ACTS: Readonly<Record<string, Act>> = {
  nothing: async () => undefined,
  'a new file': (folder) => writeFile(join(folder, 'new.txt'), 'new'),
  'a new folder': (folder) => mkdir(join(folder, 'deep/er'), { recursive: true }).then(() => writeFile(join(folder, 'deep/er/x'), 'x')),
  'a changed file': (folder) => writeFile(join(folder, 'README.md'), 'other\n'),
  'a removed file': (folder) => rm(join(folder, 'README.md'), { force: true }),
  'another mode': (folder) => chmod(join(folder, 'src/a.js'), 0o755),
  'a link': (folder) => symlink('/etc/passwd', join(folder, 'link')),
  'a commit': async (folder) => {
    await writeFile(join(folder, 'committed.txt'), 'x')
    git(folder, 'add', 'committed.txt')
    git(folder, 'commit', '-q', '-m', 'mine')
  },
  'another branch': async (folder) => git(folder, 'checkout', '-q', '-b', `mine-${process.hrtime.bigint()}`),
  'a hidden change': async (folder) => {
    git(folder, 'update-index', '--assume-unchanged', 'src/a.js')
    await writeFile(join(folder, 'src/a.js'), 'hidden\n')
  },
}

/** Every path with its kind, mode and bytes; and what is checked out. */
async function pictureOf(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name !== '.git').toSorted()
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const found = await lstat(path)
      if (found.isDirectory()) return `${name}/`
      const bytes = found.isSymbolicLink() ? await readlink(path) : (await readFile(path)).toString('base64')
      return `${name} ${(found.mode & 0o111) === 0 ? '' : 'x'} ${bytes}`
    }),
  )
  return [git(folder, 'rev-parse', 'HEAD').trim(), git(folder, 'symbolic-ref', 'HEAD').trim(), ...entries]
}

describe('a phase that may only look', (it) => {
  it(
    'leaves the tree byte for byte, and a change blocks the ticket with what it was',
    async () => {
      let acts: readonly string[] = []
      let tool = 'read'
      let before: readonly string[] = []
      let folder = ''
      await using world = await startWorld({
        ...{ phases: [beginning, ...phases], pipelines, files: { 'README.md': 'A\n', 'src/a.js': 'a\n' } },
        brain: (turn): FakeAction[] => {
          const run = async (directory: string): Promise<string> => {
            folder = directory
            before = await pictureOf(directory)
            for (const act of acts) await ACTS[act]?.(directory)
            return 'done'
          }
          if (turn.toolResults.length === 0) return [{ type: 'tool', tool, input: {}, run }]
          return [{ type: 'text', text: '<ANSWER>{"said": "I only looked."}</ANSWER>' }]
        },
      })
      await fc.assert(
        fc.asyncProperty(
          fc.subarray(Object.keys(ACTS), { maxLength: 3 }),
          fc.constantFrom<Looking>('read_only', 'disabled'),
          fc.constantFrom('read', 'write'),
          async (chosen, tools, used) => {
            acts = chosen
            tool = used
            const { id } = await world.start('Look at it', `looking_${tools}`)
            await world.drive()
            const { status, blocked } = await world.kernel.tickets.get(id)
            const harmless = acts.every((act) => act === 'nothing')
            const denied = tools === 'disabled' || used === 'write' ? 'TOOLS_VIOLATED' : 'READ_ONLY_VIOLATED'
            if (harmless && denied === 'READ_ONLY_VIOLATED') assert.equal([status, blocked], ['completed', undefined])
            else assert.equal([status, blocked?.code], ['blocked', denied], `${acts.join(', ')}: ${blocked?.message}`)
            assert.equal(await pictureOf(folder), before, acts.join(', '))
            if (status === 'blocked') await world.kernel.tickets.cancel({ ticketId: id })
          },
        ),
        { numRuns: 15, examples: [[['another branch'], 'read_only', 'read']] },
      )
    },
    { timeoutMs: 90_000 },
  )
})
