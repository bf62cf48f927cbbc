/**
 * LoopTroop as a process of its own for the scenarios: a kernel on an OpenCode behind the proxy. It tells its parent when
 * it stands at the named verb of the store, and what became of the ticket; the parent kills it when it likes.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createFileStores, createKernel, createOpencode, messageOf, SETTING_NAMES, systemChance, systemClock } from '#core'
import type { DurableEvent, Kernel, KernelOptions, TicketView, TurnView } from '#core'
import { loadPlugins } from '#plugins'
import type { Point, StorePoint } from './points.ts'
import { PIPELINE, pipeline, talking } from './talking.ts'

export interface ChildConfig {
  readonly dataDir: string
  readonly repo: string
  readonly baseUrl: string
  readonly password: string
  /** Holds the time at which OpenCode's process started, as a managed server's is known. */
  readonly startedAtFile: string
  readonly talk: Point['talk']
  readonly standAt: StorePoint | null
}
export type FromChild =
  { readonly type: 'standing' } | { readonly type: 'failed'; readonly problem: string } | ({ readonly type: 'ended' } & Ended)
export interface Ended {
  readonly ticket: TicketView
  readonly turns: readonly TurnView[]
  readonly events: readonly DurableEvent[]
  readonly said: string | null
  readonly waiting: number
}

type Stores = KernelOptions['stores']

const LOOK_MS = 50

async function main(config: ChildConfig): Promise<void> {
  const kernel = await open(config)
  const loop = kernel.loop()
  const ticketId = await begin(kernel, config)
  const ended = await untilOver(kernel, ticketId)
  await kernel.stop()
  await loop
  tell({ type: 'ended', ...ended })
}

async function open(config: ChildConfig): Promise<Kernel> {
  const { baseUrl, password, dataDir } = config
  const env = { LOOPTROOP_OPENCODE_BASE_URL: baseUrl, OPENCODE_SERVER_PASSWORD: password }
  const { adapter, hub } = await createOpencode({ env, clock: systemClock, chance: systemChance, dataDir })
  const opencode = {
    adapter,
    hub,
    get startedAt() {
      return Number(readFileSync(config.startedAtFile, 'utf8'))
    },
  }
  const builtIn = { phases: [talking(config.talk)], pipelines: [pipeline] }
  return createKernel({
    version: 'scenarios',
    databaseUrl: `file:${path.join(dataDir, 'app.db')}`,
    stores: standing(createFileStores({ clock: systemClock, chance: systemChance }), config.standAt),
    registry: await loadPlugins({ folder: dataDir, config: {}, builtIn, settingNames: SETTING_NAMES }),
    configSettings: { 'models.main': { provider: 'scripted', model: 'm1' } },
    opencode,
  })
}

/** The first use of the verb tells the parent, and waits to be killed or to be let go. */
function standing(stores: Stores, at: StorePoint | null): Stores {
  if (at === null) return stores
  let stood = false
  const stand = (when: StorePoint['when']): Promise<void> => {
    if (stood || when !== at.when) return Promise.resolve()
    stood = true
    tell({ type: 'standing' })
    return new Promise((resolve) => process.once('message', () => resolve()))
  }
  return {
    ...stores,
    openProject: async (url, identity) =>
      new Proxy(await stores.openProject(url, identity), {
        get: (store, name, receiver) => {
          const value: unknown = Reflect.get(store, name, receiver)
          if (name !== at.verb || typeof value !== 'function') return value
          return async (...args: unknown[]): Promise<unknown> => {
            await stand('before')
            const result: unknown = await Reflect.apply(value, store, args)
            await stand('after')
            return result
          }
        },
      }),
  }
}

/** The same calls after every start: what was done before is not done again. */
async function begin(kernel: Kernel, { repo }: ChildConfig): Promise<string> {
  const project = await kernel.projects.attach({ path: repo, key: 'CELL' })
  const ticket = await kernel.tickets.create({ projectId: project.id, title: 'Talk', pipeline: PIPELINE, actionId: 'create' })
  if (ticket.phase === null) await kernel.tickets.start({ ticketId: ticket.id, actionId: 'start' })
  return ticket.id
}

async function untilOver(kernel: Kernel, ticketId: string): Promise<Ended> {
  for (;;) {
    const ticket = await kernel.tickets.get(ticketId)
    if (ticket.status === 'completed' || ticket.status === 'blocked' || ticket.status === 'canceled') return look(kernel, ticket)
    await decide(kernel, ticketId)
    await systemClock.sleep(LOOK_MS)
  }
}

/** The person: takes the first answer, allows what is asked. */
async function decide(kernel: Kernel, ticketId: string): Promise<void> {
  for (const { id: requestId, kind } of (await kernel.inbox.list({ ticketId })).items) {
    if (kind === 'question') await kernel.questions.reply({ ticketId, requestId, answers: [['Red']] }).catch(laterPerhaps)
    if (kind === 'permission') await kernel.questions.replyPermission({ ticketId, requestId, reply: 'once' }).catch(laterPerhaps)
  }
}

/** It was answered meanwhile, or OpenCode is away: the entry is looked at again. */
const laterPerhaps = (error: unknown): void => {
  if (!(error instanceof Error && 'code' in error)) throw error
}

async function look(kernel: Kernel, ticket: TicketView): Promise<Ended> {
  const ticketId = ticket.id
  const [turns, { items: events }, said, inbox] = await Promise.all([
    kernel.tickets.turns(ticketId),
    kernel.events.history({ ticketId, limit: 1_000 }),
    kernel.tickets.artifact({ ticketId, kind: 'said' }).then(
      ({ content }) => content,
      () => null, // there is none when it did not complete
    ),
    kernel.inbox.list({ ticketId }),
  ])
  return { ticket, turns, events, said, waiting: inbox.items.length }
}

const tell = (message: FromChild): void => void process.send?.(message)

main(JSON.parse(process.argv[2] ?? '{}') as ChildConfig).then(
  () => process.exit(0),
  (error: unknown) =>
    process.send?.({ type: 'failed', problem: error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error) }, () =>
      process.exit(1),
    ),
)
