/** Everything of several projects on one stream. */
import * as assert from 'uvu/assert'
import type { AllBatch } from '../../core/index.ts'
import { describe } from '../helpers/suite.ts'
import { testRepository } from '../helpers/repository.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld, type World } from '../helpers/world.ts'

type Input = Omit<Parameters<World['kernel']['events']['followAll']>[0], 'signal'>

class Reader implements AsyncDisposable {
  readonly batches: AllBatch[] = []
  readonly #stop = new AbortController()
  readonly #ended: Promise<void>

  constructor(world: World, input: Input) {
    this.#ended = this.#read(world, input)
  }
  async #read(world: World, input: Input): Promise<void> {
    for await (const batch of world.kernel.events.followAll({ ...input, signal: this.#stop.signal })) this.batches.push(batch)
  }
  get told(): readonly string[] {
    return this.batches.flatMap((batch) => batch.events.map((event) => `${event.ticketId} ${event.seq} ${event.type}`))
  }
  get id(): string {
    return this.batches.at(-1)?.id ?? ''
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#ended
  }
}

describe('events.onAll', (it) => {
  it('tells of all projects or of the given ones, of one that is attached later, and goes on from a vector', async () => {
    await using world = await startWorld()
    await using other = await testRepository()
    const create = (projectId: string, title: string) => world.kernel.tickets.create({ projectId, title, pipeline: 'quick' })
    await create(world.projectId, 'one')
    await using all = new Reader(world, {})
    await using now = new Reader(world, { from: 'now' })
    await until(() => all.told.length === 1 && now.batches.length === 1, 'both follow')
    const second = await world.kernel.projects.attach({ path: other.path, key: 'OTHER' })
    await create(second.id, 'two')
    await create(world.projectId, 'three')
    await until(() => all.told.length === 3 && now.told.length === 2, 'both have all')
    assert.equal(all.told.toSorted(), ['OTHER-1 1 ticket.created', 'SPEC-1 1 ticket.created', 'SPEC-2 1 ticket.created'])
    assert.equal(
      all.batches.flatMap((batch) => batch.gaps),
      [],
    )
    await using resumed = new Reader(world, { lastEventId: all.id })
    await using one = new Reader(world, { projectIds: [second.id] })
    await create(second.id, 'four')
    await until(() => resumed.told.length === 1 && one.told.length === 2, 'what is new, and what is asked for')
    assert.equal([resumed.told, one.told], [['OTHER-2 1 ticket.created'], ['OTHER-1 1 ticket.created', 'OTHER-2 1 ticket.created']])
  })
  it('says which projects are other ones than the id knew, and tells them anew', async () => {
    await using world = await startWorld()
    await world.kernel.tickets.create({ projectId: world.projectId, title: 'one', pipeline: 'quick' })
    await using reader = new Reader(world, { lastEventId: 'another-epoch.17' })
    await until(() => reader.told.length === 1, 'it is told')
    assert.equal(
      reader.batches.flatMap((batch) => batch.gaps),
      [world.projectId],
    )
  })
  it('refuses an id that is none and a project that is none', async () => {
    await using world = await startWorld()
    const codeOf = async (input: Input): Promise<unknown> => {
      const source = world.kernel.events.followAll({ ...input, signal: new AbortController().signal })
      return source[Symbol.asyncIterator]()
        .next()
        .catch((error: { code: string }) => error.code)
    }
    assert.equal([await codeOf({ lastEventId: 'x' }), await codeOf({ projectIds: ['nope'] })], ['INVALID_INPUT', 'PROJECT_UNKNOWN'])
  })
})
