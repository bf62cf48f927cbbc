/** What a phase run has recorded: steps and prompts, each in two halves, so that a replay finds the first one undone. */
import type { Json } from '#plugins/contract'
import { event } from '../../events/events.ts'
import type { PhaseAt, StepRecord } from '../records.ts'
import type { Fence, JournalVerbs, PromptEnd } from '../store.ts'
import { fencedBatch, guardLive, type Batch, type Context } from './batch.ts'
import { encode, toPhaseNote, toPrompt, toStep } from './decode.ts'
import { endSession } from './sessions.ts'

type Verbs = Omit<JournalVerbs, 'items' | 'putItem'>
type Input<K extends 'beginStep' | 'completeStep' | 'completePrompt' | 'spendBudget' | 'addPhaseNote'> = Parameters<Verbs[K]>[1]

const HERE = 'ticket_id = :ticketId AND phase = :phase AND attempt = :attempt'
const NAMED = `${HERE} AND name = :name`

export const journalVerbs = (context: Context): Verbs => ({
  journal: async (ticketId, { phase, attempt }) => {
    const of = (table: 'steps' | 'prompts') =>
      context.database.all(`SELECT * FROM ${table} WHERE ${HERE} ORDER BY rowid`, { ticketId, phase, attempt })
    return { steps: (await of('steps')).map(toStep), prompts: (await of('prompts')).map(toPrompt) }
  },
  beginStep: (fence, input) => beginStep(context, fence, input),
  completeStep: (fence, input) => completeStep(context, fence, input),
  completePrompt: (fence, input) => completePrompt(context, fence, input),
  spendBudget: async (fence, input) => {
    const batch = fencedBatch(context, 'spendBudget', { fence, args: names(input) })
    await batch.run(`UPDATE prompts SET used_ms = :usedMs WHERE ${NAMED}`, { usedMs: input.usedMs }).commit()
  },
  addPhaseNote: (fence, input) => addPhaseNote(context, fence, input),
  phaseNotes: async (ticketId, phase) => {
    const rows = await context.database.all('SELECT * FROM phase_notes WHERE ticket_id = :ticketId AND phase = :phase ORDER BY rowid', {
      ticketId,
      phase,
    })
    return rows.map(toPhaseNote)
  },
})

const names = ({
  phase,
  attempt,
  name,
}: {
  phase: string
  attempt: number
  name: string
}): Record<'phase' | 'attempt' | 'name', string | number> => ({ phase, attempt, name })

async function beginStep(context: Context, fence: Fence, input: Input<'beginStep'>): Promise<StepRecord> {
  const batch = guardLive(fencedBatch(context, 'beginStep', { fence, args: { ...names(input), at: input.at } }))
  batch.run(
    `INSERT INTO steps (ticket_id, phase, attempt, name, verb, input_hash, state, started_at)
     VALUES (:ticketId, :phase, :attempt, :name, :verb, :inputHash, 'open', :at) ON CONFLICT DO NOTHING`,
    { verb: input.verb, inputHash: input.inputHash },
  )
  return toStep(await batch.run(`SELECT * FROM steps WHERE ${NAMED}`).commitRow('step'))
}

async function completeStep(context: Context, fence: Fence, input: Input<'completeStep'>): Promise<void> {
  const batch = guardLive(fencedBatch(context, 'completeStep', { fence, args: { ...names(input), at: input.at } }))
  batch.guard('an open step', `SELECT state = 'open' FROM steps WHERE ${NAMED}`)
  batch.run(`UPDATE steps SET state = 'done', value = :value, ended_at = :at WHERE ${NAMED}`, { value: encode(input.value) })
  await batch.append(input.events ?? []).commit()
}

async function completePrompt(context: Context, fence: Fence, input: Input<'completePrompt'>): Promise<void> {
  const { at, phase, attempt } = input
  await endPrompt(guardLive(fencedBatch(context, 'completePrompt', { fence, args: { at, phase, attempt } })), input).commit()
}

/** Of the phase and attempt given. */
export function endPrompt(batch: Batch, { phase, attempt, name, result, session, repairs }: PhaseAt & PromptEnd): Batch {
  const which = { phase, attempt, name }
  batch.guard('an open prompt', `SELECT state = 'open' FROM prompts WHERE ${NAMED}`, which)
  batch.run(`UPDATE prompts SET state = 'done', result = :result, ended_at = :at WHERE ${NAMED}`, { ...which, result: encode(result) })
  batch.append([event('prompt.recorded', { phase, attempt, prompt: name, ...verdictOf(result), repairs })])
  return session === null ? batch : endSession(batch, session)
}

/** `{ok, why}` of a recorded `Turned`. */
function verdictOf(result: Json): { ok: boolean; why: string | null } {
  const { ok, why } = (result ?? {}) as { ok?: Json; why?: Json }
  return { ok: ok === true, why: typeof why === 'string' ? why : null }
}

async function addPhaseNote(context: Context, fence: Fence, { at, phase, note }: Input<'addPhaseNote'>): Promise<void> {
  await fencedBatch(context, 'addPhaseNote', { fence, args: { at, phase } })
    .run(
      'INSERT INTO phase_notes (ticket_id, phase, kind, at, iteration, text) VALUES (:ticketId, :phase, :kind, :noteAt, :iteration, :text)',
      {
        kind: note.kind,
        noteAt: note.at,
        iteration: note.iteration,
        text: note.text,
      },
    )
    .commit()
}
