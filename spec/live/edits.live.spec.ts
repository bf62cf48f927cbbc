/** A person changes an approved document while a council on a real OpenCode is at work on what follows from it. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { shownScript } from '../../scripts/demo/full-script.ts'
import { SAMPLE_FILES, SAMPLE_TICKET } from '../../scripts/demo/sample.ts'
import type { Script } from '../../scripts/scripted-model.ts'
import { describe } from '../helpers/suite.ts'
import { SCRIPTED_MODEL, eventually, startRealOpencode } from '../helpers/opencode.ts'
import { startWorld } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'

const members = ['m2', 'm3'].map((model) => ({ provider: 'scripted', model }))
const BEFORE = 'An empty title gives an empty slug.'
const AFTER = 'An empty title is refused.'
const sorted = (words: readonly string[]): readonly string[] => words.toSorted((a, b) => a.localeCompare(b))

/** Two of the three members think about the plan until the specification has changed. */
const thinking: Script = (request) => {
  const drafts = request.lastUserText.includes('<BEADS>') && request.lastUserText.includes(BEFORE)
  return drafts && request.model !== 'm1' ? { hang: true } : shownScript(request)
}

describe('an edit of the specification while a real OpenCode drafts the plan', (it) => {
  it(
    'stops the turns there, drops what they would have said, and has every member asked once more from the edited document',
    async () => {
      await using oc = await startRealOpencode({ model: thinking })
      await using world = await startWorld({ opencode: oc, model: SCRIPTED_MODEL, files: SAMPLE_FILES })
      const { kernel } = world
      const loop = kernel.loop()
      try {
        const { id } = await kernel.tickets.create({ projectId: world.projectId, ...SAMPLE_TICKET, pipeline: 'full', models: { members } })
        await kernel.tickets.start({ ticketId: id })
        const person = new Person(kernel)
        const drafts = async () => (await kernel.tickets.turns(id)).filter((t) => t.slot?.phase === 'DRAFTING_BEADS')
        await eventually(async () => {
          const ticket = await kernel.tickets.get(id)
          assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
          await person.decideOne(ticket)
          return sorted((await drafts()).map((t) => t.receipt)).join() === 'admitted,admitted,settled'
        }, 180_000)
        const { content, contentSha256 } = await kernel.tickets.artifact({ ticketId: id, kind: 'prd' })
        assert.match(content, BEFORE)
        const edited = await kernel.tickets.editArtifact({
          ...{ ticketId: id, kind: 'prd', content: content.replace(BEFORE, AFTER), expectedContentSha256: contentSha256, actionId: 'edit' },
        })
        assert.equal([edited.phase, edited.attempt], ['DRAFTING_BEADS', 2])
        await eventually(async () => (await kernel.tickets.get(id)).phase === 'WAITING_BEADS_APPROVAL', 120_000)
        const turns = await drafts()
        const first = turns.filter((t) => t.slot?.phaseAttempt === 1)
        assert.equal(sorted(first.map((t) => `${t.prompt} ${t.how}`)), [
          'draft:scripted/m1 finished',
          'draft:scripted/m2 aborted',
          'draft:scripted/m3 aborted',
        ])
        const again = sorted(turns.filter((t) => t.slot?.phaseAttempt === 2).map((t) => t.prompt))
        const each = (word: string): readonly string[] => ['m1', 'm2', 'm3'].map((model) => `${word}:scripted/${model}`)
        assert.equal(again, [...each('draft'), 'refine', ...each('vote')])
        assert.ok(turns.every((t) => t.posts === 1))
        const asked = oc.model.requests.filter((r) => r.lastUserText.includes('<BEADS>') && r.lastUserText.includes(AFTER))
        assert.ok(asked.length >= 3, 'from the edited document')
        const record = (await kernel.tickets.artifacts(id)).filter((a) => a.kind === 'beads_council')
        assert.equal(
          record.map((a) => [a.revision, a.attempt]),
          [[1, 2]],
        )
        const worktree = join(world.repo.path, '.looptroop/worktrees', id)
        assert.equal(await oc.adapter.sessionStatuses(worktree), {}, 'nothing of the first council runs on')
      } finally {
        await kernel.stop()
        await loop
      }
    },
    { timeoutMs: 360_000 },
  )
})
