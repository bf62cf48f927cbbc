/** A pull request while it is open: looked at less and less, its plan edited, its base moved on. A bare remote and a stand-in for `gh`. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import type { Json, Pipeline } from '../../plugins/contract.ts'
import { quick } from '../../phases/index.ts'
import type { Kernel } from '../../core/kernel-api.ts'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import { coder, startDelivery } from '../helpers/delivery.ts'
import type { Delivery } from '../helpers/delivery.ts'
import type { WorldOptions } from '../helpers/world.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import { gitIn } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { Person } from '../phases/person.ts'

const SLOW = { timeoutMs: 90_000 }
/** The small pipeline, with a pull request at its end. */
const deliver: Pipeline = {
  ...{ name: 'deliver', label: 'Small, to a pull request' },
  rows: [
    ...quick.rows.slice(0, -1),
    { phase: 'CREATING_PULL_REQUEST', group: 'delivery', next: { local: 'CLEANING_ENV' } },
    { phase: 'WAITING_PR_REVIEW', group: 'delivery', next: { outdated: 'INTEGRATING_CHANGES' } },
    ...quick.rows.slice(-1),
  ],
}

/** As the coder; a bead of this name takes back what the first one made. */
const undoing: FakeBrain = async (turn) => {
  const answer = await coder(turn)
  if (!turn.text.includes('id: undo-step')) return answer
  const run = async (directory: string): Promise<string> => (await rm(join(directory, 'first-step.txt')), 'gone')
  return [...(answer as Iterable<FakeAction>)].map((action) => (action.type === 'tool' ? { ...action, run } : action))
}

/** Dies between what the step did and its record. */
const dyingAt = (step: string): { readonly stores: NonNullable<WorldOptions['stores']>; readonly died: () => boolean } => {
  let died = false
  const stores: NonNullable<WorldOptions['stores']> = (opener) => ({
    openApp: (url) => opener.openApp(url),
    openProject: async (url, identity) => {
      const choose = (verb: string, _: number, args: readonly unknown[]): 'before' | null => {
        if (died || verb !== 'completeStep' || (args[1] as { name: string }).name !== step) return null
        died = true
        return 'before'
      }
      return killingStore(await opener.openProject(url, identity), choose).store
    },
  })
  return { stores, died: () => died }
}

async function opened(patch: Readonly<Record<string, Json>> = {}, stores: WorldOptions['stores'] = (opener) => opener) {
  const set = await startDelivery({ pipelines: [deliver], brain: undoing, stores })
  const { world, remote } = set
  await world.kernel.settings.update({ scope: 'project', id: world.projectId, patch })
  const { id } = await world.start('Do it', 'deliver')
  const ticket = () => world.kernel.tickets.get(id)
  const until = async (phase: string | null): Promise<void> => {
    const person = new Person(world.kernel)
    for (;;) {
      await world.drive()
      const now = await ticket()
      assert.is.not(now.status, 'blocked', JSON.stringify(now.blocked))
      if (now.status === 'completed' || now.phase === phase) return
      assert.ok(await person.decideOne(now), `${now.phase} waits for nothing`)
    }
  }
  await until('WAITING_PR_REVIEW')
  const log = async (): Promise<readonly string[]> => (await readFile(join(remote, 'gh.log'), 'utf8')).trim().split('\n')
  const count = async (start: string): Promise<number> => (await log()).filter((line) => line.startsWith(start)).length
  const report = async (kind: string): Promise<Readonly<Record<string, unknown>>> =>
    parse((await world.kernel.tickets.artifact({ ticketId: id, kind })).content) as never
  return { ...{ set, world, remote, id, ticket, until, count, report }, [Symbol.asyncDispose]: () => set[Symbol.asyncDispose]() }
}

/** The first step is replaced by one that takes it back. */
async function undo(kernel: Kernel, ticketId: string): Promise<void> {
  const plan = await kernel.tickets.artifact({ ticketId, kind: 'beads' })
  await kernel.tickets.editArtifact({
    ...{ ticketId, kind: 'beads', content: plan.content.replaceAll('first-step', 'undo-step') },
    ...{ expectedContentSha256: plan.contentSha256, actionId: 'edit' },
  })
}

/** A second start so much later; then a round. Answers how long it is until the next look, by that start's clock. */
async function lookAt(world: Delivery['world'], id: string, laterMs: number): Promise<number> {
  await world.kernel.stop()
  await world.reopen(laterMs)
  await world.drive()
  return ((await world.kernel.tickets.get(id)).until ?? 0) - (Date.now() + laterMs)
}
const MINUTE = 60_000
const about = (ms: number, wanted: number): void => assert.ok(Math.abs(ms - wanted) < 15_000, `${ms} is not about ${wanted}`)

describe('a look at an open pull request', (it) => {
  it(
    'comes later and later while nothing happens there, soon again when something did, and when the forge allows it',
    async () => {
      await using pr = await opened()
      const { world, remote, id, count } = pr
      about(((await pr.ticket()).until ?? 0) - Date.now(), 30_000)
      const looks = await count('pr list')
      about(await lookAt(world, id, 0), 30_000) // a restart before its time does not look
      assert.is(await count('pr list'), looks)
      about(await lookAt(world, id, 20 * MINUTE), 2 * MINUTE)
      about(await lookAt(world, id, 180 * MINUTE), 5 * MINUTE)
      assert.is(await count('pr list'), looks + 2)
      const file = join(remote, 'gh.json')
      const changed = JSON.parse(await readFile(file, 'utf8')) as { updatedAt: string }[]
      for (const one of changed) one.updatedAt = new Date(Date.now() + 189 * MINUTE).toISOString()
      await writeFile(file, JSON.stringify(changed))
      about(await lookAt(world, id, 190 * MINUTE), 30_000)
      await writeFile(join(remote, 'gh-limit.json'), JSON.stringify({ reset: Math.ceil((Date.now() + 240 * MINUTE) / 1_000) }))
      about(await lookAt(world, id, 200 * MINUTE), 40 * MINUTE)
      await rm(join(remote, 'gh-limit.json'))
      assert.equal([(await pr.ticket()).status, (await pr.ticket()).waitingFor], ['waiting', 'person'])
    },
    SLOW,
  )
})

describe('an open pull request', (it) => {
  it(
    'is the same one after its plan was edited; after its base moved it is proven and shown again before it is merged',
    async () => {
      await using pr = await opened()
      const { world, remote, id, until, count } = pr
      const { kernel } = world
      const [gate] = (await kernel.inbox.list({ ticketId: id })).items
      const before = (await gitIn(remote, 'rev-parse', 'looptroop/SPEC-1')).trim()
      const seen = await kernel.tickets.artifact({ ticketId: id, kind: 'pull_request_report' })
      const plan = await kernel.tickets.artifact({ ticketId: id, kind: 'beads' })
      await kernel.tickets.editArtifact({
        ...{ ticketId: id, kind: 'beads', content: plan.content.replaceAll('first-step', 'other-step') },
        ...{ expectedContentSha256: plan.contentSha256, actionId: 'edit' },
      })
      await until('WAITING_PR_REVIEW')
      const head = (await gitIn(remote, 'rev-parse', 'looptroop/SPEC-1')).trim()
      assert.is.not(head, before)
      assert.equal([await count('pr create'), await count('pr edit')], [1, 1])
      assert.is(await gitIn(remote, 'rev-list', '--count', 'main..looptroop/SPEC-1'), '1')
      const stale = { gateId: gate?.id ?? '', action: 'merge', actionId: 'stale', expectedContentSha256: seen.contentSha256 }
      assert.match(
        String(await kernel.tickets.submitGate({ ticketId: id, ...stale }).catch((error: unknown) => error)),
        /already decided|no gate/,
      )

      const tree = (await gitIn(remote, 'rev-parse', 'main^{tree}')).trim()
      const tip = (await gitIn(remote, 'commit-tree', '-m', 'elsewhere', tree, '-p', 'main')).trim()
      await gitIn(remote, 'update-ref', 'refs/heads/main', tip)
      const person = new Person(kernel)
      assert.ok(await person.decideOne(await pr.ticket())) // merges what is not up to date any more
      await until('WAITING_PR_REVIEW')
      const { items } = await kernel.events.history({ ticketId: id, limit: 1_000 })
      const left = items.flatMap((e) => (e.type === 'phase.left' && e.data.phase === 'WAITING_PR_REVIEW' ? [e.data.outcome] : []))
      assert.equal(left, ['outdated'])
      assert.ok(items.some((e) => e.type === 'command.finished' && e.data.name.startsWith('again:')))
      assert.is((await gitIn(remote, 'merge-base', tip, 'looptroop/SPEC-1')).trim(), tip)
      assert.equal([await count('pr create'), await count('pr edit'), await count('pr merge')], [1, 2, 0])

      await writeFile(join(remote, 'gh-limit.json'), JSON.stringify({ reset: Math.ceil(Date.now() / 1_000) + 20 * 60 }))
      assert.ok(await person.decideOne(await pr.ticket()))
      await world.drive()
      const limited = await pr.ticket()
      assert.equal([limited.status, limited.waitingFor, limited.phase], ['waiting', 'time', 'WAITING_PR_REVIEW'])
      about((limited.until ?? 0) - Date.now(), 20 * MINUTE)
      await rm(join(remote, 'gh-limit.json'))
      await kernel.stop()
      await world.reopen(21 * MINUTE)
      await world.drive() // nobody is asked again
      assert.equal([(await pr.ticket()).status, await count('pr merge')], ['completed', 1])
      assert.ok((await gitIn(remote, 'ls-tree', '--name-only', 'main')).includes('other-step.txt'))
    },
    SLOW,
  )
  it(
    'is closed when rework leaves nothing to change, once',
    async () => {
      await using pr = await opened()
      const { world, remote, id, until, count } = pr
      await undo(world.kernel, id)
      await until(null)
      const [made] = JSON.parse(await readFile(join(remote, 'gh.json'), 'utf8')) as { state: string }[]
      assert.equal([made?.state, await count('pr close'), await count('pr merge'), await count('pr create')], ['CLOSED', 1, 0, 1])
      assert.equal(await pr.report('pull_request_report'), {
        opened: false,
        branch: 'looptroop/SPEC-1',
        reason: 'nothing was changed',
        closed: 1,
      })
    },
    SLOW,
  )
  for (const [step, edit] of [
    ['remote-branch', false],
    ['close-empty', true],
  ] as const)
    it(
      `ends as it should when the server dies at ${step}: what was done there is seen`,
      async () => {
        const dying = dyingAt(step)
        await using pr = await opened({ 'git.removeMergedBranch': true }, dying.stores)
        const { world, remote, id, until, count } = pr
        if (edit) await undo(world.kernel, id)
        await until(null).catch((error: unknown) => assert.ok(isCrash(error), String(error)))
        await world.kernel.stop().catch((error: unknown) => assert.ok(isCrash(error), String(error)))
        await world.reopen(MINUTE)
        await until(null)
        assert.ok(dying.died())
        if (edit) return assert.equal([await count('pr close'), (await pr.report('pull_request_report'))['closed']], [1, 1])
        assert.equal((await pr.report('merge_report'))['remote_branch'], { end: 'gone' })
        assert.not.match(await gitIn(remote, 'for-each-ref'), 'looptroop/SPEC-1')
      },
      SLOW,
    )
  for (const asked of [true, false])
    it(
      asked
        ? 'takes its branch along at the remote when it is merged, where that is asked for'
        : 'leaves its branch at the remote where it is not',
      async () => {
        await using pr = await opened({ 'git.removeMergedBranch': asked })
        await pr.until(null)
        const branches = (await gitIn(pr.remote, 'for-each-ref', '--format=%(refname:short)')).trim().split('\n')
        assert.equal(branches, asked ? ['main'] : ['looptroop/SPEC-1', 'main'])
        assert.equal((await pr.report('merge_report'))['remote_branch'], asked ? { end: 'removed' } : undefined)
      },
      SLOW,
    )
})
