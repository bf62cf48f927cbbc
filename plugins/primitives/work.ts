/**
 * Items × iterations: prompt → verify → finalise; on failure a note, a reset to where the item began, and a fresh session.
 * What the model claims counts for nothing until `verify` ran. Finished items stay finished over attempts.
 */
import type { FailureKind, Item, ItemPatch, Json, Note, OutputSpec, PhasePlugin, PhaseRun, PromptOptions, Turned } from '../contract.ts'
import { parse } from 'yaml'
import { canonical } from '../canonical.ts'
import { definePhase } from '../define.ts'
import type { PhaseDefinition } from '../define.ts'
import { GiveUp, PromptFailed } from '../errors.ts'
import { CUT_OFF } from './again.ts'
import { nextItem } from './next-item.ts'
import { tell } from './tell.ts'

export interface ItemSeed {
  readonly id: string
  readonly title: string
  readonly priority: number
  readonly blockedBy: readonly string[]
  readonly data: Json
}
export type Verification = { readonly ok: true } | { readonly ok: false; readonly feedback: string }

export interface WorkPhase<Out> extends Omit<PhaseDefinition<Out>, 'outcomes' | 'primitive' | 'run'> {
  readonly output: OutputSpec<Out>
  /** What there is to do. An item whose `data` is another one than before is done anew; any other stays as far as it is. */
  items(phase: PhaseRun): Promise<readonly ItemSeed[]>
  /** Before each iteration, when the tree is back at where the item began. */
  prepare?(phase: PhaseRun, work: Pick<Worked<Out>, 'item' | 'name'>): Promise<void>
  /** Runs what proves the work; `name` is unique in the attempt and prefixes the names of its verbs. */
  verify(phase: PhaseRun, work: Worked<Out>): Promise<Verification>
  /** Makes it last: commit, report. Its result is kept as the item's commit. */
  finalise(phase: PhaseRun, work: Worked<Out>): Promise<{ readonly commit?: string | null }>
  /** Turns in the same session after a failed verification, per iteration. Default 2. */
  readonly repairs?: number
}
export interface Worked<Out> {
  readonly item: Item
  readonly value: Out
  readonly name: string
}

/** A person (or a later time) can cure these in the same session: the iteration is not used up. */
const NOT_AN_ITERATION: readonly FailureKind[] = ['provider', 'transport', 'rejected', 'internal']
/** Not the work failed: a fresh session follows, and the iteration is not counted, up to a bound. */
const MAX_CUT_OFF = 20
const MAX_NOTE = 600

export const work = <Out>(definition: WorkPhase<Out>): PhasePlugin<Out> =>
  definePhase<Out>({
    tools: 'default',
    ...definition,
    primitive: 'work',
    outcomes: ['done', 'exhausted'],
    async run(phase) {
      const seeds = await definition.items(phase)
      const ids = seeds.map((seed) => seed.id)
      await seedItems(phase, seeds)
      for (;;) {
        const items = (await phase.items.list()).filter((item) => ids.includes(item.id))
        const next = nextItem(items)
        if (next.do === 'finished') return phase.done()
        if (next.do === 'stuck')
          throw new GiveUp(`no item can run: ${next.why}`, { hint: 'Correct the dependencies of the named items, then Retry.' })
        await workItem(phase, definition, next.item)
      }
    },
  })

async function seedItems(phase: PhaseRun, seeds: readonly ItemSeed[]): Promise<void> {
  const known = new Map((await phase.items.list()).map((item) => [item.id, item]))
  for (const { id, ...seed } of seeds) {
    const before = known.get(id)
    if (!before) await phase.items.put(id, { ...seed, state: 'pending', iteration: 1, notes: [] })
    else if (canonical(before.data) !== canonical(seed.data)) {
      // On top of what was done for the old plan: the tree may hold later work by now.
      await phase.items.put(id, { ...seed, state: 'pending', iteration: before.iteration + 1, startCommit: null, notes: [] })
    } else if (!sameOrder(before, seed)) await phase.items.put(id, { priority: seed.priority, blockedBy: seed.blockedBy })
  }
}

const sameOrder = (a: Pick<ItemSeed, 'priority' | 'blockedBy'>, b: Pick<ItemSeed, 'priority' | 'blockedBy'>): boolean =>
  a.priority === b.priority && canonical(a.blockedBy) === canonical(b.blockedBy)

async function workItem<Out>(phase: PhaseRun, definition: WorkPhase<Out>, item: Item): Promise<void> {
  const limit = phase.settings['limits.iterations'] as number | null
  // Recorded before the item is shown as in progress: a reset needs it.
  const startCommit = item.startCommit ?? (await phase.workspace.head(`${item.id}:start`))
  let current: Item = { ...item, startCommit }
  const kept = item.startCommit === undefined ? null : await verifiedBefore<Out>(phase, item)
  let tries = 0
  for (let rounds = 1; ; rounds += 1) {
    current = await put(phase, current, { state: 'in_progress', startCommit })
    const name = `${item.id}:${current.iteration}`
    const again = rounds === 1 && kept ? await holdsStill(phase, definition, { item: current, name, value: kept.value }) : null
    const end = again ?? (await anew(phase, definition, { item: current, name, startCommit }))
    if (end.ok) {
      const { commit } = await finish(phase, definition, { item: current, value: end.value, name })
      await put(phase, current, { state: 'done', ...(commit ? { commit } : {}) })
      return
    }
    if (!end.cutOff || rounds > MAX_CUT_OFF) tries += 1
    await tell(phase, [`${current.id}, try ${current.iteration} ${end.cutOff ? 'was cut off' : 'failed'}: ${inShort(end.feedback)}`])
    const note: Note = {
      kind: 'failure',
      at: await phase.now(`${name}:failed-at`),
      iteration: current.iteration,
      text: end.feedback.slice(0, MAX_NOTE),
    }
    current = await put(phase, current, { iteration: current.iteration + 1, notes: [...current.notes, note] })
    if (limit !== null && tries >= limit) {
      await put(phase, current, { state: 'error' })
      throw new GiveUp(`${item.id} failed ${tries} times; the last time: ${note.text}`, {
        hint: 'Read the notes of the item, then Retry with a note for the model.',
      })
    }
  }
}

/** From where the item began, in a session of its own. */
async function anew<Out>(
  phase: PhaseRun,
  definition: WorkPhase<Out>,
  { item, name, startCommit }: { item: Item; name: string; startCommit: string },
): Promise<Iterated<Out>> {
  await phase.workspace.reset(`${name}:reset`, startCommit)
  await definition.prepare?.(phase, { item, name })
  return iterate(phase, definition, { item, name })
}

// What was verified and could not be made to last (a full disk, a locked repository) is not done anew: the next attempt looks first.
const VERIFIED = 'work_verified'

async function finish<Out>(phase: PhaseRun, definition: WorkPhase<Out>, work: Worked<Out>): ReturnType<WorkPhase<Out>['finalise']> {
  try {
    return await definition.finalise(phase, work)
  } catch (error) {
    const { item, value } = work
    await phase.save(VERIFIED, { item: item.id, iteration: item.iteration, start: item.startCommit ?? null, value: value as Json })
    throw error
  }
}

async function verifiedBefore<Out>(phase: PhaseRun, item: Item): Promise<{ readonly value: Out } | null> {
  const found = (parse((await phase.read(VERIFIED))?.content ?? '') ?? {}) as {
    item?: string
    iteration?: number
    start?: string
    value?: Out
  }
  const same = found.item === item.id && found.iteration === item.iteration && found.start === item.startCommit
  return same ? { value: found.value as Out } : null
}

async function holdsStill<Out>(phase: PhaseRun, definition: WorkPhase<Out>, work: Worked<Out>): Promise<Iterated<Out> | null> {
  const verified = await definition.verify(phase, { ...work, name: `${work.name}:again` })
  return verified.ok ? { ok: true, value: work.value } : null
}

/** What failed, and the line of its output that most likely says why. */
function inShort(text: string): string {
  const [first = '', ...more] = text.trim().split('\n')
  return [first, (more.find((line) => /\bnot ok\b|error|fail/i.test(line)) ?? more[0] ?? '').trim()].filter((line) => line !== '').join(' ')
}

async function put(phase: PhaseRun, item: Item, patch: ItemPatch & Partial<Item>): Promise<Item> {
  await phase.items.put(item.id, patch)
  return { ...item, ...patch }
}

type Iterated<Out> =
  { readonly ok: true; readonly value: Out } | { readonly ok: false; readonly feedback: string; readonly cutOff: boolean }

/** One session: the prompt, then verification; what fails goes back into the same session a few times. */
async function iterate<Out>(
  phase: PhaseRun,
  definition: WorkPhase<Out>,
  { item, name }: { item: Item; name: string },
): Promise<Iterated<Out>> {
  const options: PromptOptions<Out> = {
    slot: { beadId: item.id, iteration: item.iteration },
    item: item.id,
    keep: true,
    output: definition.output,
  }
  let turned = await phase.prompt<Out>(name, options)
  for (let repair = 1; ; repair += 1) {
    if (!turned.ok) return lost(turned)
    const verified = await definition.verify(phase, { item, value: turned.value, name: `${name}:verify${repair}` })
    if (verified.ok) return { ok: true, value: turned.value }
    if (repair > (definition.repairs ?? 2)) return { ...verified, cutOff: false }
    const text = `The server ran your work and it does not hold:\n\n${verified.feedback}\n\nMend it in the worktree, then answer in the same output format as before.`
    turned = await phase.prompt<Out>(`${name}:repair${repair}`, { ...options, text, context: () => [] })
  }
}

function lost<Out>(turned: Extract<Turned<Out>, { ok: false }>): Iterated<Out> {
  if (NOT_AN_ITERATION.includes(turned.error.kind)) throw new PromptFailed(turned)
  return { ok: false, feedback: turned.error.message, cutOff: CUT_OFF.includes(turned.error.kind) }
}
