/** A `quick` ticket with a file written, a question asked and a plan approved, killed once at a named place of the store. */
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { Kernel } from '../../core/kernel-api.ts'
import type { StoreOpener } from '../../core/store/app-store.ts'
import type { Store } from '../../core/store/store.ts'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gitIn } from '../helpers/repository.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { isCrash, killingStore } from './killing-store.ts'
import type { Kill, KillingStore } from './killing-store.ts'

/** Longer than a lease: the second kernel takes over without waiting. */
const LATER_MS = 60_000
const QUESTION = {
  header: 'Which',
  question: 'Which one?',
  options: [
    { label: 'A', description: '' },
    { label: 'B', description: '' },
  ],
}

/** The coding turn is refused by its provider first, and goes on once it was `looked` at: its budget is stored by then. */
const brain =
  (looked: PromiseLike<void>): FakeBrain =>
  (turn) => {
    if (!turn.text.includes('<BEAD_STATUS>')) return exampleBrain(turn)
    const answer = exampleBrain(turn) as Iterable<{ type: 'text'; text: string }>
    const write = async (directory: string): Promise<string> => {
      await writeFile(join(directory, 'done.txt'), 'done\n')
      return 'written'
    }
    if (turn.toolResults.length === 0)
      return [
        { type: 'retry', message: 'busy', waitMs: 0 },
        { type: 'wait', until: looked },
        { type: 'question', questions: [QUESTION] },
      ]
    if (turn.toolResults.length === 1) return [{ type: 'tool', tool: 'write', input: { filePath: 'done.txt' }, run: write }]
    return answer
  }

export interface CrashRun {
  readonly uses: KillingStore['uses']
  readonly died: boolean
  readonly requests: number
}

/** Runs the ticket to its end, through at most one crash, and checks all that must hold. */
export async function runWithCrash(kill: Kill | null, expectedRequests: number | null): Promise<CrashRun> {
  const { uses, died, requests } = await runWithCrashes(kill ? [kill] : [], expectedRequests)
  return { uses: uses[0] ?? {}, died: died[0] === true, requests }
}

/** The n-th kernel is killed at the n-th place. */
export async function runWithCrashes(
  kills: readonly Kill[],
  expectedRequests: number | null,
): Promise<{ uses: readonly KillingStore['uses'][]; died: readonly boolean[]; requests: number }> {
  const killings: KillingStore[] = []
  let look = (): void => {}
  const looked = new Promise<void>((resolve) => {
    look = resolve
  })
  const dying = (opener: StoreOpener): StoreOpener => ({
    openApp: (url) => opener.openApp(url),
    openProject: async (url, identity) => {
      const killing = killingStore(await opener.openProject(url, identity), kills[killings.length] ?? null)
      killings.push(killing)
      return onUse(killing.store, 'spendBudget', look)
    },
  })
  await using world = await startWorld({ brain: brain(looked), stores: dying })
  let id: string | null = null
  for (const life of kills.keys()) {
    const known: string | null = id
    id = (await untilDeath(() => playTicket(world, known))) ?? known
    // Some verbs are used only by an orderly end.
    await world.kernel.stop().catch((error: unknown) => assert.ok(isCrash(error), String(error)))
    await world.reopen(LATER_MS * (life + 1))
    id ??= (await world.kernel.tickets.list({})).items[0]?.id ?? null
  }
  id = await playTicket(world, id)
  await checkEnd(world, id ?? '')
  const requests = world.fake?.server.requests.length ?? 0
  if (expectedRequests !== null) assert.is(requests, expectedRequests, 'each turn was asked of the model once')
  return { uses: killings.map((k) => k.uses), died: killings.slice(0, kills.length).map((k) => k.dead), requests }
}

/** Tells of a use when it is over, also of one that failed. */
const onUse = (store: Store, verb: 'spendBudget', tell: () => void): Store =>
  new Proxy(store, {
    get: (of, name, receiver) => {
      if (name !== verb) return Reflect.get(of, name, receiver) as unknown
      return (...args: Parameters<Store[typeof verb]>) => of[verb](...args).finally(tell)
    },
  })

async function untilDeath<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (isCrash(error)) return null
    throw error
  }
}

/** What a person and a server do, again and again until it is over; every step may have been done before the crash. */
async function playTicket(world: World, known: string | null): Promise<string | null> {
  const { kernel } = world
  const id = known ?? (await kernel.tickets.create({ projectId: world.projectId, title: 'Do it', actionId: 'create' })).id
  if ((await kernel.tickets.get(id)).status === 'draft') await kernel.tickets.start({ ticketId: id, actionId: 'start' })
  for (let round = 0; round < 400; round += 1) {
    await kernel.tick()
    const { status } = await kernel.tickets.get(id)
    if (status === 'completed' || status === 'blocked') return id
    await decideWhatWaits(kernel, id)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return id
}

async function decideWhatWaits(kernel: Kernel, ticketId: string): Promise<void> {
  for (const entry of (await kernel.inbox.list({ ticketId })).items) {
    if (entry.kind === 'gate') {
      const { contentSha256 } = await kernel.tickets.artifact({ ticketId, kind: 'beads' })
      await kernel.tickets.submitGate({
        ticketId,
        gateId: entry.id,
        action: 'approve',
        actionId: 'approve',
        expectedContentSha256: contentSha256,
      })
    }
    if (entry.kind === 'question') await kernel.questions.reply({ ticketId, requestId: entry.id, answers: [['A']] }).catch(ignoreAnswered)
  }
}
/** An answer that was claimed or sent before the crash. */
function ignoreAnswered(error: unknown): void {
  const code = (error as { code?: string }).code
  if (code !== 'QUESTION_ANSWERED' && code !== 'QUESTION_UNKNOWN') throw error
}

async function checkEnd(world: World, ticketId: string): Promise<void> {
  const { kernel, repo } = world
  const ticket = await kernel.tickets.get(ticketId)
  assert.is(ticket.status, 'completed', JSON.stringify(ticket))
  assert.is(await gitIn(repo.path, 'show', `${ticket.branch}:done.txt`), 'done')
  assert.is(await gitIn(repo.path, 'rev-list', '--count', `main..${ticket.branch}`), '1', 'one squashed commit')
  const turns = await kernel.tickets.turns(ticketId)
  for (const turn of turns) assert.is(turn.receipt, 'settled')
  const { items } = await kernel.events.history({ ticketId, limit: 1000 })
  assert.equal(
    items.map((e) => e.seq),
    items.map((_, i) => i + 1),
    'the log has no gap',
  )
  assert.equal((await kernel.inbox.list({ ticketId })).items, [], 'nothing waits')
  assert.equal(
    (await kernel.tickets.sessions(ticketId)).filter((s) => s.state === 'active' || s.state === 'creating'),
    [],
    'no session is left open',
  )
}

export type { Store }
