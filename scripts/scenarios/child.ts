/**
 * LoopTroop as a process of its own for the scenarios: a kernel on an OpenCode behind the proxy. It tells its parent when
 * it stands at the named verb of the store, and what became of the ticket; the parent kills it when it likes.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createFileStores, createKernel, createOpencode, messageOf, SETTING_NAMES, systemChance, systemClock } from '#core'
import type { ArtifactView, DurableEvent, InboxView, Kernel, TicketCalls, TicketView, TurnView } from '#core'
import { loadPlugins } from '#plugins'
import type { Form } from '#plugins/contract'
import { PLAYS } from './plays.ts'
import type { Played, PlayName } from './plays.ts'
import type { StorePoint } from './points.ts'
import { standing } from './standing.ts'

export interface ChildConfig {
  readonly dataDir: string
  readonly repo: string
  readonly baseUrl: string
  readonly password: string
  /** Holds the time at which OpenCode's process started, as a managed server's is known. */
  readonly startedAtFile: string
  readonly play: PlayName
  readonly cell: Played
  readonly standAt: StorePoint | null
}
export type FromChild =
  { readonly type: 'standing' } | { readonly type: 'failed'; readonly problem: string } | ({ readonly type: 'ended' } & Ended)
export interface Ended {
  readonly ticket: TicketView
  readonly turns: readonly TurnView[]
  readonly events: readonly DurableEvent[]
  readonly artifacts: readonly ArtifactView[]
  readonly sessions: Awaited<ReturnType<TicketCalls['sessions']>>
  readonly waiting: number
}

const LOOK_MS = 50

async function main(config: ChildConfig): Promise<void> {
  const kernel = await open(config)
  const loop = kernel.loop()
  const ticketId = await begin(kernel, config)
  const ended = await untilOver(kernel, { ticketId, play: config.play })
  await kernel.stop()
  await loop
  await tell({ type: 'ended', ...ended })
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
  const { cell, standAt } = config
  const { phases, pipelines, place } = PLAYS[config.play]
  const builtIn = { phases: phases(cell), pipelines }
  const { label, prompt = '' } = place(cell) ?? {}
  const aim = label === undefined ? null : { phase: builtIn.phases.find((phase) => phase.label === label)?.id ?? '', prompt }
  return createKernel({
    version: 'scenarios',
    databaseUrl: `file:${path.join(dataDir, 'app.db')}`,
    stores: standing(createFileStores({ clock: systemClock, chance: systemChance }), standAt, aim),
    registry: await loadPlugins({ folder: dataDir, config: {}, builtIn, settingNames: SETTING_NAMES }),
    configSettings: { 'models.main': { provider: 'scripted', model: 'm1' } },
    opencode,
  })
}

/** The same calls after every start: what was done before is not done again. */
async function begin(kernel: Kernel, { repo, play }: ChildConfig): Promise<string> {
  const { settings, ticket: asked } = PLAYS[play]
  const project = await kernel.projects.attach({ path: repo, key: 'CELL' })
  if (Object.keys(settings).length > 0) await kernel.settings.update({ scope: 'project', id: project.id, patch: settings })
  const ticket = await kernel.tickets.create({ ...asked, projectId: project.id, actionId: 'create' })
  if (ticket.phase === null) await kernel.tickets.start({ ticketId: ticket.id, actionId: 'start' })
  return ticket.id
}

async function untilOver(kernel: Kernel, { ticketId, play }: { ticketId: string; play: PlayName }): Promise<Ended> {
  for (;;) {
    const ticket = await kernel.tickets.get(ticketId)
    if (ticket.status === 'completed' || ticket.status === 'blocked' || ticket.status === 'canceled') return look(kernel, ticket)
    for (const entry of (await kernel.inbox.list({ ticketId })).items) await decide(kernel, entry, play).catch(laterPerhaps)
    await systemClock.sleep(LOOK_MS)
  }
}

/** The person: takes the first answer, allows what is asked, decides at gates. */
async function decide(kernel: Kernel, entry: InboxView, play: PlayName): Promise<void> {
  const { id: requestId, kind, ticketId } = entry
  if (kind === 'gate') await submit(kernel, entry, play)
  if (kind === 'permission') await kernel.questions.replyPermission({ ticketId, requestId, reply: 'once' })
  if (kind !== 'question') return
  const asked = (await kernel.questions.list({ ticketId })).items.find((item) => item.requestId === requestId)
  if (!asked) return // answered meanwhile
  await kernel.questions.reply({ ticketId, requestId, answers: asked.questions.map((one) => [one.options[0]?.label ?? 'Yes']) })
}

async function submit(kernel: Kernel, { id, ticketId, payload }: InboxView, play: PlayName): Promise<void> {
  const { form, artifact } = payload as unknown as { form: Form; artifact: { sha256: string } | null }
  const content = async (kind: string): Promise<string> => (await kernel.tickets.artifact({ ticketId, kind })).content
  const decided = await PLAYS[play].decide?.({ form }, content)
  if (!decided) return
  await kernel.tickets.submitGate({
    ...{ ticketId, gateId: id, ...decided, actionId: `decide:${id}` },
    ...(artifact ? { expectedContentSha256: artifact.sha256 } : {}),
  })
}

/** It was answered meanwhile, or OpenCode is away: the entry is looked at again. */
const laterPerhaps = (error: unknown): void => {
  if (!(error instanceof Error && 'code' in error)) throw error
}

async function look(kernel: Kernel, ticket: TicketView): Promise<Ended> {
  const ticketId = ticket.id
  const kinds = await kernel.tickets.artifacts(ticketId)
  const [turns, events, artifacts, sessions, inbox] = await Promise.all([
    kernel.tickets.turns(ticketId),
    historyOf(kernel, ticketId),
    Promise.all(kinds.map(({ kind, revision }) => kernel.tickets.artifact({ ticketId, kind, revision }))),
    kernel.tickets.sessions(ticketId),
    kernel.inbox.list({ ticketId }),
  ])
  return { ticket, turns, events, artifacts, sessions, waiting: inbox.items.length }
}

async function historyOf(kernel: Kernel, ticketId: string): Promise<readonly DurableEvent[]> {
  const events: DurableEvent[] = []
  for (let after: string | undefined; ;) {
    const page = await kernel.events.history({ ticketId, limit: 1_000, ...(after === undefined ? {} : { after }) })
    events.push(...page.items)
    after = page.next
    if (after === undefined) return events
  }
}

/** Resolves when it is on its way whole: a process that ends before cuts it off. */
const tell = (message: FromChild): Promise<void> =>
  new Promise((resolve) => {
    process.send?.(message, () => resolve())
  })

main(JSON.parse(process.argv[2] ?? '{}') as ChildConfig)
  .catch((error: unknown) => tell({ type: 'failed', problem: error instanceof Error ? (error.stack ?? error.message) : messageOf(error) }))
  .finally(() => process.exit())
