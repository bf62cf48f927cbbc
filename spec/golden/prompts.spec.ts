/**
 * The exact prompts of the `full` pipeline for a sample ticket, one file per phase: a change to a prompt is a visible diff.
 * `UPDATE_GOLDEN=1` writes them anew.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { coder, startDelivery } from '../helpers/delivery.ts'
import { describe } from '../helpers/suite.ts'
import { Person } from '../phases/person.ts'
import type { Decide } from '../phases/person.ts'

/** A way that leads through every prompt: something skipped, a comment, a failed check. */
const decide: Decide = (phase, time) => {
  if (phase === 'WAITING_INTERVIEW_ANSWERS')
    return { action: 'complete', payload: { answers: time === 1 ? { Q1: { text: 'Readers.' } } : {} } }
  if (phase === 'WAITING_PRD_APPROVAL' && time === 1) return { action: 'request_changes', payload: { comment: 'Say more about errors.' } }
  if (phase === 'WAITING_MANUAL_QA' && time === 1)
    return { action: 'complete', payload: { results: { 'qa-1': { result: 'fail', observation: 'It blinks.' } } } }
  return undefined
}
/** More than one batch. */
const questions = [1, 2, 3, 4].map((n) => ({ id: `Q${n}`, phase: 'foundation', question: `What is ${n}?`, answer_type: 'free_text' }))
const MEMBERS = ['m2', 'm3'].map((model) => ({ provider: 'fake', model }))

async function promptsOfFull(): Promise<ReadonlyMap<string, string>> {
  const sent = new Map<string, string>()
  await using delivery = await startDelivery({
    brain: async (turn) => {
      sent.set(turn.messageId, turn.text)
      if (turn.text.includes('<BEAD_STATUS>')) await plantOdd(turn.directory)
      return turn.text.includes('<INTERVIEW_QUESTIONS>')
        ? [{ type: 'text', text: `<INTERVIEW_QUESTIONS>${JSON.stringify({ questions })}</INTERVIEW_QUESTIONS>` }]
        : coder(turn)
    },
  })
  const { world } = delivery
  const { kernel } = world
  await kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'qa.manual': true } })
  const sample = { title: 'Clean slugs', description: 'Slugs of titles with accents are broken.' }
  const { id } = await kernel.tickets.create({ projectId: world.projectId, ...sample, pipeline: 'full', models: { members: MEMBERS } })
  await kernel.tickets.start({ ticketId: id })
  const person = new Person(kernel, decide)
  for (;;) {
    await world.drive()
    const ticket = await kernel.tickets.get(id)
    assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
    if (ticket.status === 'completed') break
    await person.decideOne(ticket)
  }
  const files = new Map<string, string[]>()
  for (const { slot, prompt, turnId } of await kernel.tickets.turns(id)) {
    if (slot === null || slot.phaseAttempt > 2 || /fake\/m[23]/.test(prompt)) continue
    const heading = `================ ${prompt}${slot.phaseAttempt > 1 ? ` (attempt ${slot.phaseAttempt})` : ''}`
    files.set(slot.phase, [...(files.get(slot.phase) ?? []), `${heading}\n\n${steady(sent.get(turnId) ?? '')}\n`])
  }
  return new Map([...files].map(([phase, texts]) => [phase, texts.join('\n')]))
}

/** A file that a model is asked about before the change is one commit. */
async function plantOdd(directory: string): Promise<void> {
  await mkdir(join(directory, 'dist'), { recursive: true })
  await writeFile(join(directory, 'dist/app.js'), 'built\n')
}

/** Without what differs from run to run. */
const steady = (text: string): string =>
  text
    .replaceAll(/(duration_?Ms"?: )\d+/gi, '$10')
    .replaceAll(/\b[0-9a-f]{40}\b/g, 'COMMIT')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'SHA256')

/** A whole ticket, on a machine that does other things as well. */
const SLOW = { timeoutMs: 90_000 }

describe('the prompts of the full pipeline', (it) => {
  it(
    'are those of the golden files',
    async () => {
      const prompts = await promptsOfFull()
      assert.ok(prompts.size >= 15, [...prompts.keys()].join())
      for (const [phase, text] of prompts) {
        const file = join(import.meta.dirname, `${phase}.txt`)
        if (process.env['UPDATE_GOLDEN']) await writeFile(file, text)
        const golden = await readFile(file, 'utf8').catch(() => '')
        assert.fixture(text, golden, `${phase}: run with UPDATE_GOLDEN=1 when the change is meant`)
      }
    },
    SLOW,
  )
})
