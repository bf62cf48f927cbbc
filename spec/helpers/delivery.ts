/** A world that can deliver: a bare remote beside the repository, and a stand-in for `gh` on the path. */
import { writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { installFakeGh } from '../../scripts/demo/fake-gh.ts'
import { addRemote } from '../../scripts/demo/full-stage.ts'
import { tempFolder } from './temp-folder.ts'
import { startWorld } from './world.ts'
import type { World, WorldOptions } from './world.ts'

/** Each bead writes a file of its own name and reports on itself; everything else is the example. */
export const coder: FakeBrain = async (turn) => {
  const id = /## bead_data\s+id: (\S+)/.exec(turn.text)?.[1]
  if (!turn.text.includes('<BEAD_STATUS>') || id === undefined) return exampleBrain(turn)
  const run = async (directory: string): Promise<string> => (await writeFile(join(directory, `${id}.txt`), 'done\n'), 'written')
  const checks = { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' }
  const report = `<BEAD_STATUS>${JSON.stringify({ bead_id: id, status: 'done', checks })}</BEAD_STATUS>`
  return [
    ...(turn.toolResults.length === 0 ? [{ type: 'tool' as const, tool: 'write', input: {}, run }] : []),
    { type: 'text', text: report },
  ]
}

export interface Delivery extends AsyncDisposable {
  readonly world: World
  readonly remote: string
}

export async function startDelivery(options: WorldOptions = {}): Promise<Delivery> {
  const folder = await tempFolder('delivery')
  const world = await startWorld({ brain: coder, ...options })
  const remote = join(folder.path, 'remote.git')
  await addRemote(world.repo.path, remote)
  await installFakeGh(join(folder.path, 'bin'))
  const before = process.env['PATH']
  process.env['PATH'] = `${join(folder.path, 'bin')}${delimiter}${before}`
  return {
    ...{ world, remote },
    [Symbol.asyncDispose]: async () => {
      process.env['PATH'] = before
      await world[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
