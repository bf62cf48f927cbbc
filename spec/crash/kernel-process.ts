/**
 * A LoopTroop process to be killed: kernel and managed OpenCode on the given data, one `quick` ticket, its plan approved.
 * Says on stdout, one JSON per line, what happens; ends by itself when the ticket does. Started by live specs.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createOpencode } from '../../core/opencode/factory.ts'
import type { Kernel, TicketView, TurnView } from '../../core/kernel-api.ts'
import { createKernel } from '../../core/kernel.ts'
import { systemChance, systemClock } from '../../core/ports.ts'
import { SETTING_NAMES } from '../../core/settings.ts'
import { createFileStores } from '../../core/store/sql-store.ts'
import { phases, pipelines } from '../../phases/index.ts'
import { loadPlugins } from '../../plugins/loader.ts'
import { SAMPLE_TICKET } from '../../scripts/demo/sample.ts'
import { scriptedProvider } from '../../scripts/scripted-model.ts'

export interface ProcessPlan {
  readonly folder: string
  readonly repo: string
  readonly modelUrl: string
  /** Kills itself with SIGKILL when OpenCode has taken this many POSTs of this process. */
  readonly dieAfterPosts?: number
  /** Answers the model's question with its first option. */
  readonly answers?: boolean
}
export type ProcessLine =
  | { readonly say: 'opencode'; readonly pid: number; readonly opencodeId: string; readonly rejoined: boolean }
  | { readonly say: 'event'; readonly type: string; readonly phase: string | null }
  | { readonly say: 'delta'; readonly turnId: string; readonly text: string }
  | { readonly say: 'end'; readonly ticket: TicketView; readonly turns: readonly TurnView[]; readonly seqs: readonly number[] }

const say = (line: ProcessLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

async function main(plan: ProcessPlan): Promise<void> {
  const opencode = await createOpencode({
    env: process.env,
    clock: systemClock,
    chance: systemChance,
    dataDir: plan.folder,
    use: 'always_managed',
    managed: { isolateHome: `${plan.folder}/home`, extraConfig: scriptedProvider(plan.modelUrl) },
  })
  const { managed, adapter } = opencode
  say({ say: 'opencode', pid: managed?.pid ?? 0, opencodeId: adapter.opencodeId, rejoined: managed?.rejoined ?? false })
  await opencode.hub.ready()
  let posts = 0
  const promptSession: typeof adapter.promptSession = async (...args) => {
    await adapter.promptSession(...args)
    posts += 1
    if (posts === plan.dieAfterPosts) process.kill(process.pid, 'SIGKILL')
  }
  const builtIn = { phases, pipelines }
  const kernel = await createKernel({
    version: 'spec',
    databaseUrl: `file:${plan.folder}/app.db`,
    stores: createFileStores({ clock: systemClock, chance: systemChance }),
    registry: await loadPlugins({ folder: plan.folder, config: {}, builtIn, settingNames: SETTING_NAMES }),
    configSettings: { 'models.main': { provider: 'scripted', model: 'm1' } },
    opencode: Object.assign(Object.create(opencode) as typeof opencode, { adapter: { ...adapter, promptSession } }),
  })
  const loop = kernel.loop()
  const ticketId = await ticketOf(kernel, plan)
  const seen = new AbortController()
  const telling = tell(kernel, ticketId, seen.signal)
  const ticket = await driveToEnd(kernel, ticketId, plan.answers === true)
  seen.abort()
  await telling
  const { items } = await kernel.events.history({ ticketId, limit: 1_000 })
  say({ say: 'end', ticket, turns: await kernel.tickets.turns(ticketId), seqs: items.map((e) => e.seq) })
  await kernel.stop()
  await loop
  await opencode.stop()
}

async function ticketOf(kernel: Kernel, { repo }: ProcessPlan): Promise<string> {
  const project = await kernel.projects.attach({ path: repo, key: 'KILL' })
  const [known] = (await kernel.tickets.list({ projectId: project.id })).items
  if (known) return known.id
  const { id: ticketId } = await kernel.tickets.create({ projectId: project.id, ...SAMPLE_TICKET, pipeline: 'quick' })
  await kernel.tickets.start({ ticketId })
  return ticketId
}

async function tell(kernel: Kernel, ticketId: string, signal: AbortSignal): Promise<void> {
  for await (const { events, live } of kernel.events.follow({ ticketId, signal })) {
    for (const { type, data } of events) say({ say: 'event', type, phase: 'phase' in data ? data.phase : null })
    for (const e of live) if (e.type === 'delta') say({ say: 'delta', turnId: e.turnId, text: e.text })
  }
}

/** The decisions of a person, made as soon as they are asked for. */
async function driveToEnd(kernel: Kernel, ticketId: string, answers: boolean): Promise<TicketView> {
  for (;;) {
    const ticket = await kernel.tickets.get(ticketId)
    if (['completed', 'canceled', 'blocked'].includes(ticket.status)) return ticket
    for (const { id, kind } of (await kernel.inbox.list({ ticketId })).items) if (kind === 'gate') await approve(kernel, ticketId, id)
    const [question] = answers ? (await kernel.questions.list({ ticketId })).items : []
    if (question) {
      const { requestId, questions } = question
      await kernel.questions.reply({ ticketId, requestId, answers: questions.map((q) => [q.options[0]?.label ?? '']) })
    }
    await sleep(50)
  }
}

async function approve(kernel: Kernel, ticketId: string, gateId: string): Promise<void> {
  const { contentSha256 } = await kernel.tickets.artifact({ ticketId, kind: 'beads' })
  await kernel.tickets.submitGate({
    ticketId,
    gateId,
    action: 'approve',
    actionId: `approve-${gateId}`,
    expectedContentSha256: contentSha256,
  })
}

await main(JSON.parse(process.argv[2] ?? '{}') as ProcessPlan)
