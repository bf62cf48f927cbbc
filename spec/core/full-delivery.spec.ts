/** The end of the `full` pipeline on the mock, with a bare remote and a stand-in for `gh`: manual test, a base that moved, pull request. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { startDelivery } from '../helpers/delivery.ts'
import { gitIn } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import type { World } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'
import type { Decide } from '../phases/person.ts'

/** Until a phase waits for a person, or the ticket is over. */
async function until(world: World, { id, person }: { id: string; person: Person }, phase: string | null): Promise<void> {
  for (;;) {
    await world.drive()
    const ticket = await world.kernel.tickets.get(id)
    assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
    if (ticket.status === 'completed' || ticket.phase === phase) return
    assert.ok(await person.decideOne(ticket), `${ticket.phase} waits for nothing`)
  }
}

async function begin(world: World, decide: Decide = () => undefined) {
  const { kernel } = world
  const { id } = await kernel.tickets.create({ projectId: world.projectId, title: 'Do it', pipeline: 'full' })
  await kernel.tickets.start({ ticketId: id })
  return { id, person: new Person(kernel, decide) }
}

/** A whole ticket, on a machine that does other things as well. */
const SLOW = { timeoutMs: 120_000 }

describe('the delivery of a full ticket', (it) => {
  it(
    'mends what a person saw fail, has it tested again when the base moved meanwhile, and merges the pull request',
    async () => {
      await using set = await startDelivery()
      const { world, remote } = set
      const { kernel } = world
      await kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'qa.manual': true } })
      const elsewhere = async (): Promise<void> => {
        await writeFile(join(world.repo.path, 'elsewhere.txt'), 'x\n')
        await gitIn(world.repo.path, 'add', 'elsewhere.txt')
        await gitIn(world.repo.path, '-c', 'user.name=P', '-c', 'user.email=p@localhost', 'commit', '-qm', 'elsewhere')
        await gitIn(world.repo.path, 'push', '--quiet', 'origin', 'main')
      }
      const playing = await begin(world, async (phase, time) => {
        if (phase !== 'WAITING_MANUAL_QA') return undefined
        if (time === 1) return { action: 'complete', payload: { results: { 'qa-1': { result: 'fail', observation: 'It blinks.' } } } }
        return time === 2 ? (await elsewhere(), undefined) : undefined
      })
      await until(world, playing, null)
      const { id, person } = playing
      assert.equal(person.decisions.slice(-4), [
        ...Array.from({ length: 3 }, () => 'WAITING_MANUAL_QA complete'),
        'WAITING_PR_REVIEW merge',
      ])
      const beads = await kernel.tickets.beads(id)
      assert.equal(
        beads.map((b) => [b.id, b.state]),
        ['@set-up', 'first-step', '@final-test', 'qa1-1', '@final-test-2', '@final-test-3'].map((name) => [name, 'done']),
      )
      assert.is((await kernel.tickets.turns(id)).filter((t) => t.prompt === 'first-step:1').length, 1)
      const files = (await gitIn(remote, 'ls-tree', '--name-only', 'main')).split('\n')
      for (const name of ['first-step.txt', 'qa1-1.txt', 'elsewhere.txt']) assert.ok(files.includes(name), name)
      assert.is((await gitIn(remote, 'rev-list', '--count', '--no-merges', 'main')).trim(), '3')
      const log = (await promisify(execFile)('cat', [join(remote, 'gh.log')])).stdout
      assert.equal([log.match(/pr create/g)?.length, log.match(/pr merge/g)?.length], [1, 1])
    },
    SLOW,
  )
  it(
    'sees that somebody merged or closed it at the forge',
    async () => {
      await using set = await startDelivery()
      const { world, remote } = set
      for (const [act, state, laterMs] of [
        // In this order: what is merged already is nothing to deliver for the next one, which changes the same.
        [['close'], 'closed', 120_000],
        [['ready', 'merge'], 'merged', 360_000],
      ] as const) {
        const playing = await begin(world)
        await until(world, playing, 'WAITING_PR_REVIEW')
        const { kernel } = world
        const waiting = await kernel.tickets.get(playing.id)
        assert.equal([waiting.waitingFor, (waiting.until ?? 0) > 0], ['person', true])
        const report = await kernel.tickets.artifact({ ticketId: playing.id, kind: 'pull_request_report' })
        const number = /number: (\d+)/.exec(report.content)?.[1] ?? ''
        const head = (await gitIn(remote, 'rev-parse', waiting.branch ?? '')).trim()
        for (const word of act) await promisify(execFile)('gh', ['pr', word, number, '--match-head-commit', head], { cwd: world.repo.path })
        await kernel.stop()
        const later = await world.reopen(laterMs)
        await world.drive()
        const end = await later.tickets.get(playing.id)
        assert.is(end.status, 'completed', JSON.stringify(end))
        const merge = await later.tickets.artifact({ ticketId: playing.id, kind: 'merge_report' })
        assert.match(merge.content, new RegExp(`state: ${state}[^]*elsewhere: true`))
      }
    },
    SLOW,
  )
})
