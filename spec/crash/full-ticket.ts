/**
 * A whole `full` ticket on the fake: a council of three, skipped answers, a gap in the specification, a bead that fails and is
 * begun anew, a question, a failed check by hand, a pull request. It dies again and again: at each verb of the store and of
 * OpenCode, before and after its effect, and is taken up by a next kernel each time. At the end it must have made the same.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { InboxView, Kernel, TicketView } from '../../core/kernel-api.ts'
import type { Store } from '../../core/store/store.ts'
import type { Form } from '../../plugins/contract.ts'
import { auditForge } from '../../scripts/chaos/audit-forge.ts'
import { voteProblems } from '../../scripts/chaos/audit-council.ts'
import type { CouncilRecord } from '../../scripts/chaos/audit-council.ts'
import { differences, portrait } from '../../scripts/chaos/compare.ts'
import type { Portrait } from '../../scripts/chaos/compare.ts'
import { fullDecision } from '../../scripts/chaos/decisions.ts'
import { councilScript } from '../../scripts/chaos/full-script.ts'
import { SAMPLE_FILES } from '../../scripts/demo/sample.ts'
import { startDelivery } from '../helpers/delivery.ts'
import type { Delivery } from '../helpers/delivery.ts'
import { startFakeOpencode } from '../helpers/opencode.ts'
import { Dying } from './dying.ts'
import type { Deaths } from './dying.ts'
import { killingAdapter } from './killing-adapter.ts'
import type { KillingAdapter } from './killing-adapter.ts'
import { isCrash } from './killing-store.ts'

/** Longer than a lease: the next kernel takes over without waiting. */
const LATER_MS = 16_000
const LIMIT_MS = 1_100_000
const MEMBERS = ['m2', 'm3'].map((model) => ({ provider: 'fake', model }))
/** What is played here for the test run of the script: as telling, and much faster. */
const CHEAP_TEST = 'grep -q Diacritic src/slugify.js'

const brain: FakeBrain = async (turn) => {
  const toolResults = turn.toolResults.map(({ tool, output }, i) => ({ name: tool, callId: String(i), content: output }))
  const { index, sessionId, text: lastUserText, model } = turn
  const reply = await councilScript({ ...{ index, sessionId, lastUserText, toolResults, messages: [], tools: [] }, model: model.modelID })
  if (!('text' in reply || 'toolCalls' in reply)) return []
  const { text, toolCalls = [] } = reply
  return [
    ...(text === undefined ? [] : [{ type: 'text' as const, text: text.replaceAll('node --test', CHEAP_TEST) }]),
    ...toolCalls.map(({ name, args }) => acting(name, args)),
  ]
}

interface Edit {
  readonly filePath: string
  readonly oldString: string
  readonly newString: string
}
function acting(tool: string, input: unknown): FakeAction {
  if (tool === 'question') return { type: 'question', ...(input as { questions: [] }) }
  const run = async (directory: string): Promise<string> => {
    if (tool !== 'edit') return 'done'
    const { filePath, oldString, newString } = input as Edit
    const file = join(directory, filePath)
    await writeFile(
      file,
      (await readFile(file, 'utf8')).replace(oldString, () => newString),
    )
    return 'edited'
  }
  return { type: 'tool', tool, input, run }
}

export interface FullRun {
  /** In the order in which they happened. */
  readonly deaths: readonly string[]
  /** Empty: all holds. */
  readonly problems: readonly string[]
  readonly made: Made
}
interface Made {
  readonly portrait: Portrait
  /** Prompt and reason of each turn. */
  readonly turns: readonly string[]
  /** State and iteration of each item, and whether its commit is known. */
  readonly items: readonly string[]
}
/** `reference`: what a run without a death made. */
export async function runFull(kind: Deaths, reference: Made | null): Promise<FullRun> {
  await using fake = await startFakeOpencode(brain)
  const dying = new Dying(kind)
  const killing = killingAdapter(fake.adapter, dying.atOpencode, () => dying.stores.at(-1)?.end())
  await using delivery = await startDelivery({
    opencode: { adapter: killing.adapter, hub: fake.hub, startedAt: null },
    files: SAMPLE_FILES,
    stores: (opener) => dying.between(opener, killing),
  })
  const { world } = delivery
  const end = performance.now() + LIMIT_MS
  for (let life = 1; performance.now() < end; life += 1) {
    const over = await play(delivery, world.kernel).catch(deadOr)
    await world.kernel.stop().catch(deadOr)
    if (over) break
    killing.revive(dying.atOpencode)
    await world.reopen(LATER_MS * life)
  }
  dying.over = true
  await world.reopen(LATER_MS * (dying.stores.length + 1))
  const made = await madeBy(delivery)
  const problems = [...(await problemsOf(delivery, { fake, killing, store: dying.stores.at(-1)?.store })), ...differs(reference, made)]
  return { deaths: dying.deaths, problems, made }
}

const deadOr = (error: unknown): false => {
  if (isCrash(error)) return false
  throw error
}

// ------------------------------------------------------------------------------------------------------- playing

/** What a person and a server do until it is over; every step may have been done before. */
async function play({ world }: Delivery, kernel: Kernel): Promise<boolean> {
  await kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'qa.manual': true } })
  const asked = { projectId: world.projectId, title: 'Do it', pipeline: 'full', models: { members: MEMBERS }, actionId: 'create' }
  const { id: ticketId } = await kernel.tickets.create(asked)
  if ((await kernel.tickets.get(ticketId)).phase === null) await kernel.tickets.start({ ticketId, actionId: 'start' })
  for (;;) {
    await kernel.tick()
    const { status } = await kernel.tickets.get(ticketId)
    if (status === 'completed' || status === 'blocked') return true
    for (const entry of (await kernel.inbox.list({ ticketId })).items) await decide(kernel, entry).catch(ignoreDecided)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

async function decide(kernel: Kernel, { id, kind, ticketId, payload }: InboxView): Promise<void> {
  if (kind === 'question') await kernel.questions.reply({ ticketId, requestId: id, answers: [['Yes']] })
  if (kind !== 'gate') return
  const { form, artifact } = payload as unknown as { form: Form; artifact: { sha256: string } | null }
  const decided = await fullDecision({ form }, async (of) => (await kernel.tickets.artifact({ ticketId, kind: of })).content)
  await kernel.tickets.submitGate({
    ...{ ticketId, gateId: id, ...decided, actionId: `decide:${id}` },
    ...(artifact ? { expectedContentSha256: artifact.sha256 } : {}),
  })
}

function ignoreDecided(error: unknown): void {
  const code = (error as { code?: string }).code ?? ''
  if (!['QUESTION_ANSWERED', 'QUESTION_UNKNOWN', 'GATE_CLOSED', 'TICKET_WRONG_STATUS'].includes(code)) throw error
}

// ------------------------------------------------------------------------------------------------ what must hold

const ticketOf = async ({ world }: Delivery): Promise<TicketView> => (await world.kernel.tickets.list({})).items[0] as TicketView

async function madeBy(delivery: Delivery): Promise<Made> {
  const { world, remote } = delivery
  const { id: ticketId, branch } = await ticketOf(delivery)
  const all = await world.kernel.tickets.artifacts(ticketId)
  const artifacts = await Promise.all(all.map(({ kind, revision }) => world.kernel.tickets.artifact({ ticketId, kind, revision })))
  const turns = (await world.kernel.tickets.turns(ticketId)).map(
    ({ slot, prompt, reason, how }) => `${slot?.phase} ${prompt} ${reason} ${how}`,
  )
  const items = await world.kernel.tickets.beads(ticketId)
  return {
    portrait: await portrait({ ticketId, branch: branch ?? '', repo: world.repo.path, remote, artifacts }),
    turns: turns.toSorted((a, b) => a.localeCompare(b)),
    items: items.map(({ id, state, iteration, commit }) => `${id} ${state} ${iteration}${commit === undefined ? '' : ' committed'}`),
  }
}

function differs(reference: Made | null, made: Made): readonly string[] {
  if (!reference) return []
  const turns = (of: Made, other: Made): readonly string[] =>
    of.turns.filter((turn, i) => of.turns.indexOf(turn) === i && !other.turns.includes(turn))
  return [
    ...differences(reference.portrait, made.portrait),
    ...(reference.turns.join() === made.turns.join() ? [] : [`${made.turns.length} turns instead of ${reference.turns.length}`]),
    ...(reference.items.join() === made.items.join() ? [] : [`items ${made.items.join()} instead of ${reference.items.join()}`]),
    ...turns(reference, made).map((turn) => `missing turn ${turn}`),
    ...turns(made, reference).map((turn) => `another turn ${turn}`),
  ]
}

interface Outside {
  readonly fake: Awaited<ReturnType<typeof startFakeOpencode>>
  readonly killing: KillingAdapter
  readonly store: Store | undefined
}

async function problemsOf(delivery: Delivery, outside: Outside): Promise<readonly string[]> {
  const { kernel } = delivery.world
  const view = await ticketOf(delivery)
  const ticketId = view.id
  if (view.status !== 'completed') return [`it is ${view.status} in ${view.phase}: ${view.blocked?.message ?? ''}`]
  const findings = { lost: [], twice: [], gaps: [], orphans: [] }
  await auditForge(delivery.remote, [{ ticketId, view }], findings)
  const councils = (await kernel.tickets.artifacts(ticketId)).filter(({ kind }) => kind.endsWith('_council'))
  const votes = await Promise.all(councils.map(({ kind }) => kernel.tickets.artifact({ ticketId, kind })))
  return [
    ...Object.values(findings).flat(),
    ...votes.flatMap(({ content }) => voteProblems(parse(content) as CouncilRecord)),
    ...(await dispatchProblems(kernel, ticketId, outside)),
    ...(await leftOpen(kernel, ticketId)),
  ]
}

/** Asked of the model once a step; posted as often as recorded, always the same bytes. */
async function dispatchProblems(kernel: Kernel, ticketId: string, { fake, killing, store }: Outside): Promise<readonly string[]> {
  const steps = fake.server.requests.map((r) => `${r.messageId} step ${r.toolResults.length + 1}`)
  const stored = new Map((await store?.turns(ticketId))?.map((turn) => [turn.turnId, JSON.stringify(turn.request)]))
  const posts = new Map((await kernel.tickets.turns(ticketId)).map((turn) => [turn.turnId, turn.posts]))
  const sent = (id: string): number => killing.posted.filter((request) => request.messageId === id).length
  return [
    ...steps.filter((step, i) => steps.indexOf(step) !== i).map((step) => `the model was asked twice: ${step}`),
    ...[...posts].filter(([id, recorded]) => sent(id) > recorded).map(([id, recorded]) => `${id}: ${sent(id)} POSTs, ${recorded} recorded`),
    ...killing.posted
      .filter((request) => stored.get(request.messageId) !== JSON.stringify(request))
      .map((request) => `${request.messageId} was posted with other bytes than are stored`),
  ]
}

async function leftOpen(kernel: Kernel, ticketId: string): Promise<readonly string[]> {
  const items = []
  for (let after: string | undefined; ;) {
    const page = await kernel.events.history({ ticketId, limit: 1_000, ...(after === undefined ? {} : { after }) })
    items.push(...page.items)
    after = page.next
    if (after === undefined) break
  }
  const open = (await kernel.tickets.sessions(ticketId)).filter((s) => s.state === 'active' || s.state === 'creating')
  const waiting = (await kernel.inbox.list({ ticketId })).items
  return [
    ...(items.every((e, i) => e.seq === i + 1) ? [] : ['the log has a gap']),
    ...open.map((s) => `session ${s.sessionId} is ${s.state}`),
    ...waiting.map((entry) => `${entry.kind} ${entry.id} still waits`),
  ]
}
