/** Tickets that are over: deleted by a person, or cleared away by age; at whichever verb of the store it is killed. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as assert from 'uvu/assert'
import type { AllBatch, Kernel } from '../../core/kernel-api.ts'
import type { Store } from '../../core/store/store.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import type { Kill } from '../crash/killing-store.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { refusal } from './person.ts'

/** Canceled at the gate: with a session at OpenCode, a worktree and a branch. */
async function canceled(world: World): Promise<string> {
  const { id } = await world.start()
  await world.drive()
  await world.kernel.tickets.cancel({ ticketId: id })
  return id
}
const worktreeOf = (world: World, id: string): string => path.join(world.repo.path, '.looptroop/worktrees', id)
const branchesOf = (world: World): Promise<string> => world.repo.git('branch', '--list', '--format=%(refname:short)', 'looptroop/*')

async function remoteSessions(world: World): Promise<readonly string[]> {
  return ((await world.fake?.adapter.listSessions({ limit: 100 })) ?? []).map((s) => s.id)
}

async function collect(
  kernel: Kernel,
  lastEventId: string | undefined,
  enough: (seen: AllBatch['events']) => boolean,
): Promise<AllBatch[]> {
  const stop = new AbortController()
  const batches: AllBatch[] = []
  for await (const batch of kernel.events.followAll({ lastEventId, signal: stop.signal })) {
    batches.push(batch)
    if (enough(batches.flatMap((b) => b.events))) break
  }
  stop.abort()
  return batches
}

describe('tickets.delete', (it) => {
  it('takes everything of a ticket away, and keeps the number', async () => {
    await using world = await startWorld()
    const { kernel } = world
    const id = await canceled(world)
    assert.ok(existsSync(worktreeOf(world, id)) && (await remoteSessions(world)).length > 0)
    assert.equal(await kernel.tickets.delete({ ticketId: id, actionId: 'd' }), { ticketId: id, deleted: true, branch: 'deleted', left: [] })
    assert.equal([existsSync(worktreeOf(world, id)), await branchesOf(world), await remoteSessions(world)], [false, '', []])
    assert.equal((await kernel.tickets.list({})).items, [])
    for (const call of [
      () => kernel.tickets.get(id),
      () => kernel.tickets.delete({ ticketId: id }),
      () => kernel.tickets.start({ ticketId: id }),
    ])
      assert.is((await refusal(call)).code, 'TICKET_UNKNOWN')
    assert.equal((await kernel.tickets.delete({ ticketId: id, actionId: 'd' })).deleted, true)
    const next = await kernel.tickets.create({ projectId: world.projectId, title: 'Another' })
    assert.is(next.id, 'SPEC-2')
  })

  it('refuses a ticket at work, and takes a draft', async () => {
    await using world = await startWorld()
    const { kernel } = world
    const { id } = await world.start()
    await world.drive()
    const { code, error } = await refusal(() => kernel.tickets.delete({ ticketId: id }))
    assert.equal([code, error.kind], ['TICKET_AT_WORK', 'conflict'])
    const draft = await kernel.tickets.create({ projectId: world.projectId, title: 'Not yet', actionId: 'made' })
    assert.equal(await kernel.tickets.delete({ ticketId: draft.id }), { ticketId: draft.id, deleted: true, branch: 'none', left: [] })
    const again = await refusal(() => kernel.tickets.create({ projectId: world.projectId, title: 'Not yet', actionId: 'made' }))
    assert.is(again.code, 'ACTION_CONSUMED')
  })

  it('keeps a branch with work that is not merged, unless it is asked for', async () => {
    await using world = await startWorld()
    const ids = [await canceled(world), await canceled(world)]
    for (const id of ids) {
      await writeFile(path.join(worktreeOf(world, id), 'new.txt'), 'work\n')
      await world.repo.git('-C', worktreeOf(world, id), 'add', '.')
      await world.repo.git('-C', worktreeOf(world, id), 'commit', '-qm', 'work')
    }
    const [first = '', second = ''] = ids
    assert.is((await world.kernel.tickets.delete({ ticketId: first })).branch, 'kept')
    assert.is((await world.kernel.tickets.delete({ ticketId: second, branch: true })).branch, 'deleted')
    assert.is(await branchesOf(world), `looptroop/${first}`)
  })

  it('changes nothing while OpenCode is away', async () => {
    await using world = await startWorld()
    const id = await canceled(world)
    world.fake?.server.crash()
    assert.is((await refusal(() => world.kernel.tickets.delete({ ticketId: id }))).code, 'OPENCODE_UNREACHABLE')
    assert.ok(existsSync(worktreeOf(world, id)) && (await world.kernel.tickets.sessions(id)).length > 0)
  })

  it('leaves the positions of clients of all tickets true: the deletion once, and what comes after it', async () => {
    await using world = await startWorld()
    const { kernel } = world
    const keep = await kernel.tickets.create({ projectId: world.projectId, title: 'Kept' })
    const id = await canceled(world)
    const before = (await collect(kernel, undefined, (seen) => seen.at(-1)?.type === 'ticket.status' && seen.at(-1)?.ticketId === id)).at(
      -1,
    )
    await kernel.tickets.delete({ ticketId: id })
    await kernel.tickets.update({ ticketId: keep.id, title: 'Kept still' })
    const batches = await collect(kernel, before?.id, (seen) => seen.at(-1)?.type === 'ticket.updated')
    assert.equal(
      batches.flatMap((b) => b.events.map((e) => [e.ticketId, e.type])),
      [
        [id, 'ticket.deleted'],
        [keep.id, 'ticket.updated'],
      ],
    )
    assert.equal(
      batches.flatMap((b) => b.gaps),
      [],
    )
    const fresh = await collect(kernel, undefined, (seen) => seen.at(-1)?.type === 'ticket.updated')
    assert.equal(
      fresh.flatMap((b) => b.events.filter((e) => e.ticketId === id).map((e) => e.type)),
      ['ticket.deleted'],
    )
  })

  it('tells who follows the ticket', async () => {
    await using world = await startWorld()
    const id = await canceled(world)
    const stop = new AbortController()
    const types: string[] = []
    const following = (async () => {
      for await (const batch of world.kernel.events.follow({ ticketId: id, signal: stop.signal }))
        types.push(...batch.events.map((event) => event.type))
    })()
    await until(() => types.length > 0)
    await world.kernel.tickets.delete({ ticketId: id })
    await until(() => types.at(-1) === 'ticket.deleted')
    stop.abort()
    await following
  })
})

const DAY = 24 * 3_600_000

describe('clearing away by age', (it) => {
  it('takes worktree, sessions and merged branch of a ticket that is over for long; its record stays', async () => {
    await using world = await startWorld()
    const id = await canceled(world)
    const open = (await world.start('Under way')).id
    await world.drive()
    assert.equal(await world.kernel.tidy(), { tidied: [], left: [] })
    await world.kernel.stop()
    const later = await world.reopen(15 * DAY)
    const mine = new Set((await later.tickets.sessions(open)).map((s) => s.sessionId))
    assert.equal(await later.tidy(), { tidied: [id], left: [] })
    assert.equal(
      (await remoteSessions(world)).filter((session) => !mine.has(session)),
      [],
    )
    assert.equal([existsSync(worktreeOf(world, id)), existsSync(worktreeOf(world, open))], [false, true])
    assert.is(await branchesOf(world), `looptroop/${open}`)
    assert.equal((await later.events.history({ ticketId: id, limit: 1_000 })).items.at(-1)?.data, { branch: 'deleted', sessions: 2 })
    assert.equal(await later.tidy(), { tidied: [], left: [] })
  })

  it('does nothing when it is switched off', async () => {
    await using world = await startWorld()
    const id = await canceled(world)
    await world.kernel.settings.update({ scope: 'app', patch: { 'cleanup.finishedMs': null } })
    await world.kernel.stop()
    assert.equal(await (await world.reopen(99 * DAY)).tidy(), { tidied: [], left: [] })
    assert.ok(existsSync(worktreeOf(world, id)))
  })

  it('passes over one that cannot be cleared now, and comes back to it', async () => {
    await using world = await startWorld()
    const ids = [await canceled(world), await canceled(world)]
    await world.kernel.stop()
    const later = await world.reopen(15 * DAY)
    // Its sessions cannot be deleted while OpenCode is away.
    world.fake?.server.crash()
    assert.equal(
      (await later.tidy()).left.map((l) => l.ticketId),
      ids,
    )
    world.fake?.server.restart()
    assert.equal((await later.tidy()).tidied, ids)
  })
})

// ------------------------------------------------------------------------------------------------------------- killed

/** A world whose first kernel dies at `kill`; the second one has a sound store. */
async function killedWorld(kill: Kill): Promise<World & { arm(): void }> {
  let armed: Kill | null = null
  const world = await startWorld({
    stores: (opener) => ({
      openApp: (url) => opener.openApp(url),
      openProject: async (url, identity) => {
        const store = await opener.openProject(url, identity)
        const lazy = new Proxy(store, {
          get: (of, name, receiver): unknown =>
            armed?.verb === name ? Reflect.get(dying, name, receiver) : Reflect.get(of, name, receiver),
        })
        const dying: Store = killingStore(store, kill).store
        return lazy
      },
    }),
  })
  return Object.assign(world, { arm: () => void (armed = armed ? null : kill) })
}

const MOMENTS = ['before', 'after'] as const

describe('house-keeping, killed', (it) => {
  for (const when of MOMENTS) {
    it(`${when} deleteTicket: the same call goes on`, async () => {
      await using world = await killedWorld({ verb: 'deleteTicket', when, nth: 1 })
      const id = await canceled(world)
      world.arm()
      const call = { ticketId: id, actionId: 'd' }
      assert.ok(isCrash(await world.kernel.tickets.delete(call).catch((error: unknown) => error)))
      world.arm()
      await world.kernel.stop()
      const kernel = await world.reopen(60_000)
      const { deleted, branch } = await kernel.tickets.delete(call)
      assert.equal([deleted, branch], [true, when === 'after' ? 'deleted' : 'none'])
      assert.equal([(await kernel.tickets.list({})).items, await branchesOf(world), await remoteSessions(world)], [[], '', []])
    })
    it(`${when} markTidied: the next round goes on`, async () => {
      await using world = await killedWorld({ verb: 'markTidied', when, nth: 1 })
      const id = await canceled(world)
      await world.kernel.stop()
      const first = await world.reopen(15 * DAY)
      world.arm()
      assert.is((await first.tidy()).left.length, 1)
      world.arm()
      await first.stop()
      const second = await world.reopen(15 * DAY + 60_000)
      assert.equal((await second.tidy()).tidied, when === 'before' ? [id] : [])
      const told = (await second.events.history({ ticketId: id, limit: 1_000 })).items.filter((e) => e.type === 'ticket.tidied')
      assert.is(told.length, 1)
    })
  }
})
