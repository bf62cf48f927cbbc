/** A server on a real database and the kernel's own event calls; everything else of a kernel is not there. */
import { eventCalls } from '../../../core/calls/events.ts'
import { createEventFeed, type EventFeed } from '../../../core/events/feed.ts'
import type { Kernel } from '../../../core/kernel-api.ts'
import type { NewEvent } from '../../../core/events/events.ts'
import { systemClock } from '../../../core/ports.ts'
import type { Projects } from '../../../core/projects.ts'
import type { Store } from '../../../core/store/store.ts'
import { fakeKernel } from '../../router/fake-kernel.ts'
import { serve, type Served } from '../../router/wire.ts'
import { openFileHome } from '../../store/file-home.ts'
import { IDENTITY, startedWorld, type World } from '../store/home.ts'

export class Source implements AsyncDisposable {
  readonly world: World
  store: Store
  feed: EventFeed
  server: Served
  kernel: Kernel
  #counted = 0

  static async open(): Promise<Source> {
    const world = await startedWorld(openFileHome)
    return new Source(world, await started(world.store))
  }
  constructor(world: World, parts: Started) {
    this.world = world
    this.store = world.store
    this.feed = parts.feed
    this.server = parts.server
    this.kernel = parts.kernel
  }
  get ticketId(): string {
    return this.world.ticketId
  }

  async append(count: number, chars = 0): Promise<void> {
    const events = Array.from({ length: count }, (): NewEvent => ({
      type: 'file.edited',
      data: { file: `${++this.#counted} ${'x'.repeat(chars)}` },
    }))
    await this.store.appendEvents(this.world.fence, { events, at: 1 })
  }
  async appendOne(event: NewEvent): Promise<void> {
    await this.store.appendEvents(this.world.fence, { events: [event], at: 1 })
  }
  lastSeq(): Promise<number> {
    return this.store.lastSeq(this.ticketId)
  }

  /** Server and database are closed and opened again, at the same address. */
  async restart(): Promise<void> {
    await this.server.close()
    this.feed.close()
    await this.store.close()
    this.store = await this.world.home.opener.openProject(this.world.home.projectUrl, { ...IDENTITY, baseDir: this.world.home.baseDir })
    Object.assign(this, await started(this.store, this.server.port))
  }
  /** At the same address, the ticket of another database. */
  async replaceBy(other: Source): Promise<void> {
    await this.server.close()
    Object.assign(this, await started(other.store, this.server.port))
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close()
    this.feed.close()
    await this.store.close()
    await this.world[Symbol.asyncDispose]()
  }
}

interface Started {
  readonly feed: EventFeed
  readonly kernel: Kernel
  readonly server: Served
}
export async function started(store: Store, port = 0): Promise<Started> {
  const feed = createEventFeed(store, systemClock)
  const project = { record: { id: store.projectId, key: store.projectKey }, store, feed }
  const projects = {
    ofTicket: () => project,
    get: () => project,
    open: () => [project],
    onOpen: (listener: (opened: unknown) => void) => (listener(project), () => {}),
  }
  const kernel = fakeKernel({ events: eventCalls(projects as unknown as Projects) })
  return { feed, kernel, server: await serve({ kernel, port }) }
}
