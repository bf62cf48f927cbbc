/** A whole `full` ticket on a real OpenCode: three models, gates, a failing bead, a question, a failed check, a pull request. */
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { addForge } from '../../scripts/demo/full-stage.ts'
import { shownScript } from '../../scripts/demo/full-script.ts'
import { SAMPLE_FILES, SAMPLE_TICKET } from '../../scripts/demo/sample.ts'
import { describe } from '../helpers/suite.ts'
import { SCRIPTED_MODEL, eventually, startRealOpencode } from '../helpers/opencode.ts'
import { gitIn } from '../helpers/repository.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { startWorld } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'
import type { Decide } from '../phases/person.ts'

const members = ['m2', 'm3'].map((model) => ({ provider: 'scripted', model }))
const BETTER = { result: 'improvement', title: 'Shorter slugs', observation: 'Long titles give long slugs.' }
/** Two questions are left to us; the first check by hand fails, the second could be better. */
const ANSWERS: Readonly<Record<string, object>> = {
  Q01: { text: 'Readers' },
  Q02: { selected: ['plain'] },
  FU1: { text: 'Yes' },
  final: { text: 'No' },
}
const decide: Decide = (phase, time, form) => {
  if (phase === 'WAITING_INTERVIEW_ANSWERS') {
    const ids = (form.questions ?? []).map((q) => (q as { id: string }).id)
    const answers = Object.fromEntries(ids.map((id) => [id, ANSWERS[id] ?? { skipped: true }]))
    return { action: 'complete', payload: { answers: answers as never } }
  }
  if (phase === 'WAITING_MANUAL_QA' && time === 1)
    return { action: 'complete', payload: { results: { 'qa-1': { result: 'fail', observation: 'Not a word.' }, 'qa-2': BETTER } } }
  return undefined
}

/** A whole ticket, on a machine that does other things as well. */
const SLOW = { timeoutMs: 360_000 }

describe('the full pipeline on a real OpenCode', (it) => {
  it(
    'ends in a merged pull request; every member is asked once, a failing bead is begun anew, a failed check is mended',
    async () => {
      await using folder = await tempFolder('full-live')
      await using oc = await startRealOpencode({ model: shownScript })
      await using world = await startWorld({ opencode: oc, model: SCRIPTED_MODEL, files: SAMPLE_FILES })
      const forge = await addForge(world.repo.path, folder.path)
      const { kernel } = world
      await kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'qa.manual': true } })
      const loop = kernel.loop()
      try {
        const { id } = await kernel.tickets.create({ projectId: world.projectId, ...SAMPLE_TICKET, pipeline: 'full', models: { members } })
        await kernel.tickets.start({ ticketId: id })
        const person = new Person(kernel, decide)
        await eventually(async () => {
          const ticket = await kernel.tickets.get(id)
          assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
          for (const question of (await kernel.questions.list({ ticketId: id })).items)
            await kernel.questions.reply({ ticketId: id, requestId: question.requestId, answers: [['Yes']] })
          await person.decideOne(ticket)
          return ticket.status === 'completed'
        }, 300_000)
        const turns = await kernel.tickets.turns(id)
        assert.ok(turns.every((t) => t.posts === 1))
        for (const phase of ['DRAFTING_INTERVIEW', 'DRAFTING_PRD', 'DRAFTING_BEADS'])
          for (const word of ['draft', 'vote'])
            assert.is(turns.filter((t) => t.slot?.phase === phase && t.prompt.startsWith(`${word}:`)).length, 3)
        assert.is(turns.filter((t) => t.prompt.startsWith('full_answers:')).length, 3)
        const interview = parse((await kernel.tickets.artifact({ ticketId: id, kind: 'interview' })).content) as {
          questions: { id: string; source: string; answer: { text: string } }[]
        }
        assert.equal(
          interview.questions.map((q) => [q.id, q.source, q.answer.text]),
          [
            ...[
              ['Q01', 'compiled', 'Readers'],
              ['Q02', 'compiled', ''],
              ['Q03', 'compiled', ''],
            ],
            ...[
              ['FU1', 'follow_up', 'Yes'],
              ['Q04', 'compiled', ''],
              ['final', 'final', 'No'],
            ],
          ],
        )
        const bead = (await kernel.tickets.beads(id)).find((b) => b.id === 'clean-slugs')
        assert.equal([bead?.state, bead?.iteration, bead?.notes.length], ['done', 2, 1])
        const coverage = parse((await kernel.tickets.artifact({ ticketId: id, kind: 'prd_coverage' })).content) as {
          status: string
          history: unknown[]
        }
        assert.equal([coverage.status, coverage.history.length], ['clean', 3])
        const { items: tickets } = await kernel.tickets.list({})
        assert.equal(
          tickets.map((t) => [t.title, t.status]),
          [
            [SAMPLE_TICKET.title, 'completed'],
            [BETTER.title, 'draft'],
          ],
        )
        assert.match(await gitIn(forge.remote, 'show', 'main:src/slugify.js'), 'Diacritic')
        assert.match(await gitIn(forge.remote, 'show', 'main:README.md'), 'accents')
      } finally {
        forge.undo()
        await kernel.stop()
        await loop
      }
    },
    SLOW,
  )
})
