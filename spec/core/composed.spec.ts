/** Pipelines that a person composes in `looptroop.config.ts` of the built-in phases and of their own: each runs to its end. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { TicketView } from '../../core/kernel-api.ts'
import { SETTING_NAMES } from '../../core/settings.ts'
import { phases, pipelines } from '../../phases/index.ts'
import { loadPlugins } from '../../plugins/loader.ts'
import { describe } from '../helpers/suite.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'

const SLOW = { timeoutMs: 90_000 }
const door = path.resolve(import.meta.dirname, '../../plugins/index.ts')
const BETWEEN = `
import { definePhase, slices } from '${door}'
export default definePhase({
  id: 'COUNTING_BEADS',
  label: 'Counting the beads',
  artifact: 'count',
  context: slices('beads'),
  tools: 'disabled',
  run: async (phase) => phase.done((await phase.read('beads'))?.content.split('- id:').length),
})
`
const CONFIG = `
import { defineConfig, definePipeline } from '${door}'
const rows = (...phases: readonly string[]) => phases.map((phase) => ({ phase, group: 'all' }))
const deliver = rows('CODING', 'RUNNING_FINAL_TEST', 'INTEGRATING_CHANGES').map((row) => ({ ...row, exclusive: true }))
const end = rows('CLEANING_ENV')
const specify = rows('DRAFTING_PRD', 'VERIFYING_PRD_COVERAGE', 'WAITING_PRD_APPROVAL')
const plan = rows('DRAFTING_BEADS', 'VERIFYING_BEADS_COVERAGE', 'EXPANDING_BEADS', 'WAITING_BEADS_APPROVAL')
const [coding, ...tested] = deliver
export default defineConfig({
  plugins: ['./counting.ts'],
  pipelines: [
    definePipeline({ name: 'no-interview', label: '1', rows: [...rows('SCANNING_RELEVANT_FILES'), ...specify, ...plan, ...deliver, ...end] }),
    definePipeline({
      name: 'no-council',
      label: '2',
      rows: [
        ...rows('SCANNING_RELEVANT_FILES', 'PLANNING_BEADS', 'WAITING_BEADS_APPROVAL', 'PRE_FLIGHT_CHECK', 'PLANNING_EXECUTION_SETUP'),
        ...rows('WAITING_EXECUTION_SETUP_APPROVAL', 'PREPARING_EXECUTION_ENV'),
        ...deliver,
        ...rows('GENERATING_QA_CHECKLIST', 'WAITING_MANUAL_QA'),
        ...end,
      ],
    }),
    definePipeline({
      name: 'between',
      label: 'With a phase of our own between two built-ins, and without a manual test',
      rows: [...rows('DRAFTING_INTERVIEW', 'WAITING_INTERVIEW_ANSWERS'), ...rows('PLANNING_BEADS'), coding, ...rows('COUNTING_BEADS'), ...tested, ...end],
    }),
    definePipeline({
      name: 'fallback',
      label: 'Where a council has no quorum, one model plans',
      rows: [...plan.slice(0, 1).map((row) => ({ ...row, next: { done: 'EXPANDING_BEADS', no_quorum: 'PLANNING_BEADS' } })), ...rows('EXPANDING_BEADS'), { ...rows('PLANNING_BEADS')[0], next: {} }, ...rows('WAITING_BEADS_APPROVAL'), ...end],
    }),
  ],
})
`

async function composed(brain: FakeBrain = exampleBrain) {
  const folder = await tempFolder('composed')
  await writeFile(path.join(folder.path, 'counting.ts'), BETWEEN)
  await writeFile(path.join(folder.path, 'looptroop.config.ts'), CONFIG)
  const loaded = await loadPlugins({ folder: folder.path, builtIn: { phases, pipelines }, settingNames: SETTING_NAMES })
  const mine = [...loaded.pipelines.values()].filter((p) => !pipelines.includes(p))
  const own = [...loaded.phases.values()].filter((p) => !phases.includes(p))
  const world = await startWorld({ brain, phases: own, pipelines: mine })
  return {
    world,
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

const MEMBERS = ['m2', 'm3'].map((model) => ({ provider: 'fake', model }))
async function play(world: World, pipeline: string, members: typeof MEMBERS = []) {
  const { kernel, projectId } = world
  const { id } = await kernel.tickets.create({ projectId, title: 'Do it', pipeline, models: { members } })
  await kernel.tickets.start({ ticketId: id })
  const person = new Person(kernel)
  let ticket: TicketView
  do {
    await world.drive()
    ticket = await kernel.tickets.get(id)
  } while (await person.decideOne(ticket))
  const passed = (await kernel.tickets.attempts(id)).map((a) => `${a.phase} ${a.outcome}`)
  return { ticket, passed, decisions: person.decisions }
}

describe('a pipeline of one’s own', (it) => {
  it(
    'does without an interview: the specification is written from the ticket',
    async () => {
      await using set = await composed()
      const { ticket, decisions } = await play(set.world, 'no-interview')
      assert.is(ticket.status, 'completed', JSON.stringify(ticket.blocked))
      assert.equal(decisions, ['WAITING_PRD_APPROVAL approve', 'WAITING_BEADS_APPROVAL approve'])
    },
    SLOW,
  )
  it(
    'does without a council, and has its manual test whatever comes after it',
    async () => {
      await using set = await composed()
      const { ticket, decisions } = await play(set.world, 'no-council')
      assert.is(ticket.status, 'completed', JSON.stringify(ticket.blocked))
      assert.equal(decisions, ['WAITING_BEADS_APPROVAL approve', 'WAITING_EXECUTION_SETUP_APPROVAL approve', 'WAITING_MANUAL_QA complete'])
      assert.not((await set.world.kernel.tickets.turns(ticket.id)).some((t) => t.prompt.startsWith('draft:')))
    },
    SLOW,
  )
  it(
    'runs a phase from outside between two built-ins, without a manual test and without a gate for the plan',
    async () => {
      await using set = await composed()
      const { ticket, passed, decisions } = await play(set.world, 'between')
      assert.is(ticket.status, 'completed', JSON.stringify(ticket.blocked))
      assert.equal(decisions, ['WAITING_INTERVIEW_ANSWERS complete', 'WAITING_INTERVIEW_ANSWERS complete'])
      const at = passed.indexOf('COUNTING_BEADS done')
      assert.equal(passed.slice(at - 1, at + 2), ['CODING done', 'COUNTING_BEADS done', 'RUNNING_FINAL_TEST done'])
      const count = await set.world.kernel.tickets.artifact({ ticketId: ticket.id, kind: 'count' })
      const beads = await set.world.kernel.tickets.artifact({ ticketId: ticket.id, kind: 'beads' })
      assert.equal([count.content.trim(), count.derivedFrom], ['2', [beads.contentSha256]])
    },
    SLOW,
  )
  it(
    'says where a council without a quorum leads; where none says so the ticket is blocked, and a retry asks all again',
    async () => {
      let broken = true
      await using set = await composed((turn) =>
        broken && turn.model.modelID !== 'm1' ? [{ type: 'text', text: 'I would rather not.' }] : exampleBrain(turn),
      )
      const { world } = set
      const other = await play(world, 'fallback', MEMBERS)
      assert.is(other.ticket.status, 'completed', JSON.stringify(other.ticket.blocked))
      assert.equal(other.passed.slice(0, 2), ['DRAFTING_BEADS no_quorum', 'PLANNING_BEADS done'])
      const { ticket } = await play(world, 'no-interview', MEMBERS)
      assert.equal([ticket.phase, ticket.blocked?.code, ticket.blocked?.actions], ['DRAFTING_PRD', 'PLUGIN_GAVE_UP', ['retry', 'cancel']])
      assert.match(ticket.blocked?.message ?? '', /has 1 drafts and needs 2: fake\/m2: invalid/)
      broken = false
      await world.kernel.tickets.retry({ ticketId: ticket.id })
      await world.drive()
      assert.is((await world.kernel.tickets.get(ticket.id)).phase, 'WAITING_PRD_APPROVAL')
    },
    SLOW,
  )
})
