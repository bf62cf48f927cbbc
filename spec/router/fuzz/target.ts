/** A whole kernel behind a server, with something in it to be called for, and an eye on what must not happen meanwhile. */
import { Agent } from 'node:http'
import * as assert from 'uvu/assert'
import { SETTING_NAMES } from '../../../core/settings.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'
import { startWorld, type World } from '../../helpers/world.ts'
import { serve, type Served } from '../wire.ts'
import type { Known } from './hostile.ts'
import { chosenSeed } from './random.ts'
import { faultOf, type Reply } from './transports.ts'

const NO_LIMIT = { reads: 1e9, readBurst: 1e9, writes: 1e9, writeBurst: 1e9 }

export interface Target extends AsyncDisposable {
  readonly world: World
  readonly server: Served
  readonly known: Known
  readonly agent: Agent
  readonly seed: number
  /** What must not have happened meanwhile. */
  readonly troubles: string[]
  readonly faults: string[]
}

export async function target(): Promise<Target> {
  const world = await startWorld()
  const folder = await tempFolder('fuzz')
  const [home, troubles] = [process.cwd(), [] as string[]]
  process.chdir(folder.path) // a path that is taken for one of files lands here
  const trouble = (problem: unknown): void => void troubles.push(String(problem))
  process.on('uncaughtException', trouble).on('unhandledRejection', trouble).on('warning', trouble)
  const ticket = await world.start()
  await world.drive()
  const draft = await world.kernel.tickets.create({ projectId: world.projectId, title: 'A draft' })
  const [inbox, turns, history] = await Promise.all([
    world.kernel.inbox.list({}),
    world.kernel.tickets.turns(ticket.id),
    world.kernel.events.history({ ticketId: ticket.id, limit: 2 }),
  ])
  const server = await serve({ kernel: world.kernel, limits: NO_LIMIT, onError: trouble })
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const ids = history.items.map((event) => event.id)
  return {
    ...{ world, server, agent, troubles, faults: [], seed: chosenSeed() },
    known: {
      ...{ ticketId: [ticket.id, draft.id], projectId: [world.projectId], id: [world.projectId, ticket.id], path: [world.repo.path] },
      ...{
        gateId: inbox.items.map((entry) => entry.id),
        requestId: inbox.items.map((entry) => entry.id),
        turnId: turns.map((turn) => turn.turnId),
        lastEventId: ids,
        after: ids,
      },
      ...{ kind: ['beads', 'relevant_files'], setting: SETTING_NAMES, expectedContentSha256: ['0'.repeat(64)], main: ['fake/m1'] },
    },
    [Symbol.asyncDispose]: async () => {
      process.off('uncaughtException', trouble).off('unhandledRejection', trouble).off('warning', trouble)
      agent.destroy()
      await server.close()
      await world[Symbol.asyncDispose]()
      process.chdir(home)
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** One call after the other, so that a trouble is known by its call. */
export async function judge({ troubles, faults }: Target, what: string, answered: Promise<Reply>): Promise<void> {
  const reply = await answered.catch((error: unknown): Reply => ({ status: 0, text: String(error) }))
  const fault = faultOf(reply) ?? troubles.splice(0)[0] ?? null
  if (fault !== null) faults.push(`${fault}\n  ${what.slice(0, SHOWN)}\n  → ${reply.status} ${reply.text.slice(0, SHOWN)}`)
}
const SHOWN = 400

export function noFaults({ seed, faults }: Target): void {
  const told = faults.slice(0, 12).join('\n')
  assert.is(faults.length, 0, `LOOPTROOP_FUZZ_SEED=${seed}: ${faults.length} faults, such as\n${told}`)
}
