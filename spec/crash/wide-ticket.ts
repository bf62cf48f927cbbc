/**
 * A ticket with all that a crash can hit: a phase with three prompts at once, a gate, a question, two beads with commits. It
 * is killed once, at a verb of the store or of OpenCode, taken up by a second kernel, and what must hold is checked.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { OpencodeAdapter } from '../../core/opencode/adapter.ts'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { Kernel } from '../../core/kernel-api.ts'
import type { StoreOpener } from '../../core/store/app-store.ts'
import type { Store } from '../../core/store/store.ts'
import { definePhase, definePipeline } from '../../plugins/index.ts'
import { startFakeOpencode } from '../helpers/opencode.ts'
import { gitIn } from '../helpers/repository.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { killingAdapter } from './killing-adapter.ts'
import type { KillingAdapter, RemoteKill } from './killing-adapter.ts'
import { isCrash, killingStore } from './killing-store.ts'
import type { Kill, KillingStore } from './killing-store.ts'

/** Longer than a lease: the second kernel takes over without waiting. */
const LATER_MS = 60_000
const MEMBERS = ['a', 'b', 'c']
const BEADS = ['bead-one', 'bead-two']

const Draft = v.object({ draft: v.string() })
export const drafting = definePhase<unknown>({
  id: 'DRAFTING_WIDE',
  label: 'Three drafts at once',
  tools: 'disabled',
  artifact: 'beads',
  run: async (phase) => {
    const output = { schema: Draft, format: 'json', tag: 'DRAFT', example: { draft: 'something' } } as const
    const drafts = await Promise.all(
      MEMBERS.map((memberId) => phase.prompt(`draft:${memberId}`, { slot: { memberId, step: 'draft' }, output })),
    )
    await phase.save('drafts', drafts.map((draft) => (draft.ok ? draft.value.draft : 'none')).join('\n'), { derivedFrom: [] })
    return phase.done({ beads: BEADS.map((id) => ({ id, title: `Write ${id}`, blocked_by: [], test_commands: [`test -f ${id}.txt`] })) })
  },
})
export const WIDE = definePipeline({
  name: 'wide',
  label: 'Wide',
  rows: ['DRAFTING_WIDE', 'WAITING_BEADS_APPROVAL', 'CODING', 'INTEGRATING_CHANGES', 'CLEANING_ENV'].map((phase) => ({
    phase,
    group: 'all',
    ...(phase === 'CODING' || phase === 'INTEGRATING_CHANGES' ? { exclusive: true } : {}),
  })),
})

const QUESTION = {
  header: 'Which',
  question: 'Which one?',
  options: ['A', 'B'].map((label) => ({ label, description: '' })),
}
const CHECKS = { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' }

/** The first bead's turn asks, then both write their file. */
export const wideBrain: FakeBrain = (turn) => {
  if (!turn.text.includes('<BEAD_STATUS>')) return exampleBrain(turn)
  const bead = BEADS.find((id) => turn.text.includes(id)) ?? 'no bead'
  const write = async (directory: string): Promise<string> => {
    await writeFile(join(directory, `${bead}.txt`), `${bead}\n`)
    return 'written'
  }
  const done = turn.toolResults.map((result) => result.tool)
  if (bead === 'bead-one' && !done.includes('question')) return [{ type: 'question', questions: [QUESTION] }]
  if (!done.includes('write')) return [{ type: 'tool', tool: 'write', input: { filePath: `${bead}.txt` }, run: write }]
  return [{ type: 'text', text: `<BEAD_STATUS>${JSON.stringify({ bead_id: bead, status: 'done', checks: CHECKS })}</BEAD_STATUS>` }]
}

export type AnyKill = Kill | RemoteKill
/** A fault planted in LoopTroop, for the specs that prove that the checks see it. `life`: 0 is the killed process, 1 the next. */
export interface Fault {
  readonly store?: (store: Store, life: number) => Store
  readonly adapter?: (adapter: OpencodeAdapter) => OpencodeAdapter
}
export interface WideRun {
  readonly storeUses: KillingStore['uses']
  readonly remoteUses: KillingAdapter['uses']
  readonly died: boolean
  /** Empty: all holds. */
  readonly problems: readonly string[]
}

export async function runWide(kill: AnyKill | null, fault: Fault = {}): Promise<WideRun> {
  await using fake = await startFakeOpencode(wideBrain)
  const stores: KillingStore[] = []
  const storeKill = kill && 'verb' in kill ? kill : null
  const remoteKill = kill && 'remote' in kill ? kill : null
  const killing = killingAdapter(fake.adapter, remoteKill, () => stores[0]?.end())
  const dying = (opener: StoreOpener): StoreOpener => ({
    openApp: (url) => opener.openApp(url),
    openProject: async (url, identity) => {
      const life = stores.length
      const one = killingStore(await opener.openProject(url, identity), life === 0 ? storeKill : null)
      void one.died.then(() => (life === 0 ? killing.end() : undefined))
      stores.push(one)
      return fault.store ? fault.store(one.store, life) : one.store
    },
  })
  const adapter = fault.adapter ? fault.adapter(killing.adapter) : killing.adapter
  const phases = [drafting]
  await using world = await startWorld({ opencode: { adapter, hub: fake.hub, startedAt: null }, stores: dying, phases, pipelines: [WIDE] })
  const first = world.kernel
  await orDead(() => play(world, first))
  const died = stores[0]?.dead === true
  await orDead(async () => void (await first.stop()))
  killing.revive()
  await world.reopen(LATER_MS)
  const ticketId = (await world.kernel.tickets.list({})).items[0]?.id ?? null
  const broke = await play(world, world.kernel, ticketId).then(
    () => [],
    (error: unknown) => [`the second process failed: ${String(error)}`],
  )
  const outside = { killing, requests: fake.server.requests, store: stores.at(-1)?.store }
  const problems = broke.length > 0 ? broke : await check(world, outside)
  return { storeUses: stores[0]?.uses ?? {}, remoteUses: killing.uses, died, problems }
}

async function orDead(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isCrash(error)) throw error
  }
}

/** What a person and a server do, again and again until it is over; every step may have been done before the crash. */
export async function play(world: World, kernel: Kernel, known: string | null = null): Promise<void> {
  const created = { projectId: world.projectId, title: 'Do it', pipeline: WIDE.name, actionId: 'create' }
  const ticketId = known ?? (await kernel.tickets.create(created)).id
  if ((await kernel.tickets.get(ticketId)).phase === null) await kernel.tickets.start({ ticketId, actionId: 'start' })
  for (let round = 0; round < 600; round += 1) {
    await kernel.tick()
    const { status } = await kernel.tickets.get(ticketId)
    if (status === 'completed' || status === 'blocked') return
    await decide(kernel, ticketId)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function decide(kernel: Kernel, ticketId: string): Promise<void> {
  for (const { id, kind } of (await kernel.inbox.list({ ticketId })).items) {
    const { contentSha256 } = kind === 'gate' ? await kernel.tickets.artifact({ ticketId, kind: 'beads' }) : { contentSha256: '' }
    const gate = { ticketId, gateId: id, action: 'approve', actionId: 'approve', expectedContentSha256: contentSha256 }
    if (kind === 'gate') await kernel.tickets.submitGate(gate).catch(ignoreDecided)
    if (kind === 'question') await kernel.questions.reply({ ticketId, requestId: id, answers: [['A']] }).catch(ignoreDecided)
  }
}
function ignoreDecided(error: unknown): void {
  const code = (error as { code?: string }).code ?? ''
  if (!['QUESTION_ANSWERED', 'QUESTION_UNKNOWN', 'GATE_CLOSED'].includes(code)) throw error
}

// ----------------------------------------------------------------------------------------------- what must hold

interface Outside {
  readonly killing: KillingAdapter
  readonly requests: readonly { readonly messageId: string; readonly toolResults: readonly unknown[] }[]
  /** Where the turns' requests are stored. */
  readonly store: Store | undefined
}

export async function check(world: World, outside: Outside): Promise<readonly string[]> {
  const { kernel } = world
  const [ticket] = (await kernel.tickets.list({})).items
  if (ticket?.status !== 'completed') return [`it is ${ticket?.status}: ${ticket?.blocked?.message ?? ''}`]
  const lists = await Promise.all([
    checkTurns(kernel, ticket.id, outside),
    checkLog(kernel, ticket.id),
    checkWork(world, ticket.id, ticket.branch ?? ''),
  ])
  return lists.flat()
}

const repeated = (names: readonly string[]): readonly string[] => names.filter((name, i) => names.indexOf(name) !== i)

/** One dispatch for each turn: asked of the model once a step, posted as often as recorded, always the same bytes. */
async function checkTurns(kernel: Kernel, ticketId: string, { killing, requests, store }: Outside): Promise<readonly string[]> {
  const turns = await kernel.tickets.turns(ticketId)
  const steps = requests.map((r) => `${r.messageId} step ${r.toolResults.length + 1}`)
  const stored = new Map((await store?.turns(ticketId))?.map((turn) => [turn.turnId, JSON.stringify(turn.request)]))
  return [
    ...(turns.length === MEMBERS.length + BEADS.length ? [] : [`${turns.length} turns`]),
    ...turns.filter((turn) => turn.receipt !== 'settled').map((turn) => `turn ${turn.turnId} is ${turn.receipt}`),
    ...repeated(steps).map((step) => `the model was asked twice: ${step}`),
    ...turns.flatMap(({ turnId, posts }) => {
      const sent = killing.posted.filter((request) => request.messageId === turnId).length
      return sent <= posts ? [] : [`${turnId} was posted ${sent} times, ${posts} are recorded`]
    }),
    ...killing.posted
      .filter((request) => stored.get(request.messageId) !== JSON.stringify(request))
      .map((request) => `${request.messageId} was posted with other bytes than are stored`),
  ]
}

async function checkLog(kernel: Kernel, ticketId: string): Promise<readonly string[]> {
  const { items } = await kernel.events.history({ ticketId, limit: 1_000 })
  const artifacts = (await kernel.tickets.artifacts(ticketId)).map((a) => `${a.kind} ${a.revision}`)
  const open = (await kernel.tickets.sessions(ticketId)).filter((s) => s.state === 'active' || s.state === 'creating')
  const waiting = (await kernel.inbox.list({ ticketId })).items
  return [
    ...(items.every((e, i) => e.seq === i + 1) ? [] : ['the log has a gap']),
    ...(['drafts 1', 'beads 1', 'integration_report 1'].every((one) => artifacts.includes(one))
      ? []
      : [`artifacts: ${artifacts.join(', ')}`]),
    ...artifacts.filter((one) => !one.endsWith(' 1')).map((one) => `a second revision: ${one}`),
    ...open.map((s) => `session ${s.sessionId} is ${s.state}`),
    ...waiting.map((entry) => `${entry.kind} ${entry.id} still waits`),
  ]
}

/** Both files, in one commit on the branch; each bead was committed once on the way. */
async function checkWork({ kernel, repo }: World, ticketId: string, branch: string): Promise<readonly string[]> {
  const files = await gitIn(repo.path, 'ls-tree', '--name-only', branch)
  const commits = await gitIn(repo.path, 'rev-list', '--count', `main..${branch}`)
  const heads = new Set((await gitIn(repo.path, 'reflog', '--format=%H %s', branch)).split('\n'))
  const beads = [...heads].filter((head) => head.includes(' bead('))
  const items = await kernel.tickets.beads(ticketId)
  return [
    ...BEADS.filter((id) => !files.includes(`${id}.txt`)).map((id) => `${id} is not in the change`),
    ...(commits === '1' ? [] : [`${commits} commits`]),
    ...(beads.length === BEADS.length ? [] : [`${beads.length} commits of beads`]),
    ...items
      .filter((item) => item.state !== 'done' || item.iteration !== 1)
      .map((item) => `${item.id} is ${item.state} in iteration ${item.iteration}`),
  ]
}
