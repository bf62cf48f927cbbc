/** A person edits a document that was approved: what was made from it is void, what was not stays, late answers are dropped. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parse, stringify } from 'yaml'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import { eventually } from '../helpers/opencode.ts'
import { gitIn } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'
import { approvePlan } from './person.ts'
import { codeOf } from '../suites/store/home.ts'

const SLOW = { timeoutMs: 90_000 }
const MEMBERS = ['m2', 'm3'].map((model) => ({ provider: 'fake', model }))

interface Playing {
  readonly id: string
  readonly person: Person
}
async function begin(world: World, members: typeof MEMBERS = []): Promise<Playing> {
  const { kernel } = world
  const { id } = await kernel.tickets.create({ projectId: world.projectId, title: 'Do it', pipeline: 'full', models: { members } })
  await kernel.tickets.start({ ticketId: id })
  return { id, person: new Person(kernel) }
}
async function playTo(world: World, { id, person }: Playing, phase: string): Promise<void> {
  for (;;) {
    await world.drive()
    const ticket = await world.kernel.tickets.get(id)
    assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
    if (ticket.phase === phase || ticket.status === 'completed') return
    assert.ok(await person.decideOne(ticket), `${ticket.phase} waits for nothing`)
  }
}
const documentOf = (world: World, id: string, kind: string) => world.kernel.tickets.artifact({ ticketId: id, kind })
async function edit(world: World, id: string, { kind, change }: { kind: string; change: (content: string) => string }) {
  const { content, contentSha256 } = await documentOf(world, id, kind)
  return world.kernel.tickets.editArtifact({
    ...{ ticketId: id, kind, content: change(content), expectedContentSha256: contentSha256, actionId: `edit-${kind}` },
  })
}
async function told(world: World, id: string, type: string): Promise<readonly Record<string, unknown>[]> {
  const { items } = await world.kernel.events.history({ ticketId: id, limit: 1_000 })
  return items.filter((e) => e.type === type).map((e) => e.data as Record<string, unknown>)
}

describe('an edit of the interview after the specification was approved', (it) => {
  it(
    'is shown before it is done, voids the specification and what follows, and leaves what came before',
    async () => {
      await using world = await startWorld()
      const { kernel } = world
      const playing = await begin(world)
      const { id } = playing
      await playTo(world, playing, 'WAITING_BEADS_APPROVAL')
      const before = await kernel.tickets.artifacts(id)
      const preview = await kernel.tickets.previewEdit({ ticketId: id, kind: 'interview' })
      assert.equal([preview.changes, preview.back?.phase, preview.stops], [true, 'DRAFTING_PRD', 0])
      const voided = preview.voids.map((a) => `${a.kind}${a.approved ? ' approved' : ''}`)
      assert.equal(
        voided.toSorted((a, b) => a.localeCompare(b)),
        ['beads', 'beads_council', 'beads_draft', 'beads_draft_coverage', 'full_answers', 'prd approved', 'prd_council', 'prd_coverage'],
      )
      assert.equal(await kernel.tickets.artifacts(id), before, 'a preview changes nothing')

      const ticket = await edit(world, id, { kind: 'interview', change: (content) => content.replace('About Q', 'Rather about Q') })
      assert.equal([ticket.status, ticket.phase, ticket.attempt], ['running', 'DRAFTING_PRD', 2])
      const after = await kernel.tickets.artifacts(id)
      assert.ok(after.filter((a) => a.void).every((a) => preview.voids.some((b) => b.kind === a.kind && b.revision === a.revision)))
      assert.is(after.filter((a) => a.void).length, preview.voids.length)
      assert.equal(
        [(await documentOf(world, id, 'interview')).approved, (await documentOf(world, id, 'relevant_files')).void],
        [true, undefined],
      )
      assert.is(await codeOf(documentOf(world, id, 'beads')), 'ARTIFACT_MISSING')
      assert.equal((await kernel.inbox.list({ ticketId: id })).items, [])
      const [said] = await told(world, id, 'artifact.edited')
      assert.equal([said?.['kind'], said?.['back']], ['interview', 'DRAFTING_PRD'])
      assert.is((await told(world, id, 'artifact.voided')).length, voided.length)
      assert.is((await told(world, id, 'phase.entered')).at(-1)?.['visits'], 1)

      await playTo(world, playing, 'WAITING_BEADS_APPROVAL')
      assert.equal(playing.person.decisions.slice(-2), ['WAITING_PRD_APPROVAL approve', 'WAITING_PRD_APPROVAL approve'])
      const drafting = world.fake?.server.requests.filter((r) => r.text.includes('Rather about Q') && r.text.includes('<PRD>'))
      assert.ok((drafting?.length ?? 0) >= 1, 'the specification is written anew from the edited interview')
      const attempts = (await kernel.tickets.attempts(id)).filter((a) => a.phase === 'VERIFYING_PRD_COVERAGE')
      assert.equal(
        attempts.map((a) => [a.state, a.counted]),
        [
          ['archived', false],
          ['done', true],
        ],
      )
    },
    SLOW,
  )
  it(
    'does nothing when the content is the same, and is refused when it is stale, invalid, or of what nobody approved',
    async () => {
      await using world = await startWorld()
      const { kernel } = world
      const playing = await begin(world)
      const { id } = playing
      await playTo(world, playing, 'WAITING_PRD_APPROVAL')
      const seqs = (await kernel.events.history({ ticketId: id, limit: 1_000 })).items.length
      const { content, contentSha256: expectedContentSha256 } = await documentOf(world, id, 'interview')
      const same = await kernel.tickets.previewEdit({ ticketId: id, kind: 'interview', content })
      assert.equal([same.changes, same.voids, same.back], [false, [], null])
      const attempt = { ticketId: id, kind: 'interview', expectedContentSha256 }
      await kernel.tickets.editArtifact({ ...attempt, content })
      assert.is(
        await codeOf(kernel.tickets.editArtifact({ ...attempt, content: 'x', expectedContentSha256: '0'.repeat(64) })),
        'GATE_HASH_STALE',
      )
      assert.is(await codeOf(kernel.tickets.editArtifact({ ...attempt, content: 'questions: 3' })), 'INVALID_INPUT')
      const files = (await documentOf(world, id, 'relevant_files')).contentSha256
      const unapproved = kernel.tickets.editArtifact({ ticketId: id, kind: 'relevant_files', content: 'x', expectedContentSha256: files })
      assert.is(await codeOf(unapproved), 'ARTIFACT_NOT_APPROVED')
      assert.is(await codeOf(kernel.tickets.previewEdit({ ticketId: id, kind: 'nothing' })), 'ARTIFACT_MISSING')
      assert.is((await kernel.events.history({ ticketId: id, limit: 1_000 })).items.length, seqs)
      assert.is((await kernel.tickets.get(id)).phase, 'WAITING_PRD_APPROVAL')

      // At its own open gate an edit is that gate's decision: nothing runs again, and the gate asks about the new revision.
      await edit(world, id, { kind: 'prd', change: (text) => text.replace('What is done.', 'Done by hand.') })
      await world.drive()
      const { phase, attempt: nth } = await kernel.tickets.get(id)
      assert.equal([phase, nth], ['WAITING_PRD_APPROVAL', 1])
      assert.match((await documentOf(world, id, 'prd')).content, 'Done by hand.')
      // The same action again does nothing twice, whichever door the first one took.
      const { contentSha256 } = await kernel.tickets.artifact({ ticketId: id, kind: 'prd', revision: 1 })
      const text = (await documentOf(world, id, 'prd')).content
      await kernel.tickets.editArtifact({
        ticketId: id,
        kind: 'prd',
        content: text,
        expectedContentSha256: contentSha256,
        actionId: 'edit-prd',
      })
      assert.is((await kernel.inbox.list({ ticketId: id })).items.length, 1)
    },
    SLOW,
  )
})

describe('an edit of the specification while a council drafts the plan', (it) => {
  it(
    'aborts its turns, drops their late results, and has all members asked anew from the edited document',
    async () => {
      let release = (): void => {}
      const held = new Promise<void>((resolve) => (release = resolve))
      const slow: FakeBrain = (turn) => {
        const waits = turn.model.modelID !== 'm1' && turn.text.includes('<BEADS>') && !turn.text.includes('Done by hand.')
        return waits ? [{ type: 'wait', until: held }, ...(exampleBrain(turn) as Iterable<FakeAction>)] : exampleBrain(turn)
      }
      await using world = await startWorld({ brain: slow })
      const { kernel } = world
      const playing = await begin(world, MEMBERS)
      const { id } = playing
      await playTo(world, playing, 'WAITING_PRD_APPROVAL')
      const loop = kernel.loop()
      await playing.person.decideOne(await kernel.tickets.get(id))
      const drafts = async () => (await kernel.tickets.turns(id)).filter((t) => t.slot?.phase === 'DRAFTING_BEADS')
      const receipts = async () => (await drafts()).map((t) => t.receipt).toSorted((a, b) => a.localeCompare(b))
      await eventually(async () => (await receipts()).join() === 'admitted,admitted,settled', 30_000)
      const preview = await kernel.tickets.previewEdit({ ticketId: id, kind: 'prd' })
      assert.equal([preview.back?.phase, preview.stops], ['DRAFTING_BEADS', 2])
      const ticket = await edit(world, id, { kind: 'prd', change: (text) => text.replace('What is done.', 'Done by hand.') })
      assert.equal([ticket.phase, ticket.attempt], ['DRAFTING_BEADS', 2])
      release()
      await eventually(async () => (await kernel.tickets.get(id)).phase === 'WAITING_BEADS_APPROVAL', 60_000)
      const turns = await drafts()
      const first = turns.filter((t) => t.slot?.phaseAttempt === 1)
      assert.equal(
        first.map((t) => [t.prompt, t.how]).toSorted(([a], [b]) => String(a).localeCompare(String(b))),
        [
          ['draft:fake/m1', 'finished'],
          ['draft:fake/m2', 'aborted'],
          ['draft:fake/m3', 'aborted'],
        ],
      )
      const asked = turns
        .filter((t) => t.slot?.phaseAttempt === 2)
        .map((t) => t.prompt)
        .toSorted((a, b) => a.localeCompare(b))
      assert.equal(asked, [
        ...['m1', 'm2', 'm3'].map((m) => `draft:fake/${m}`),
        'refine',
        ...['m1', 'm2', 'm3'].map((m) => `vote:fake/${m}`),
      ])
      const record = (await kernel.tickets.artifacts(id)).find((a) => a.kind === 'beads_council')
      assert.equal([record?.revision, record?.attempt, record?.void], [1, 2, undefined], 'the first council left no record')
      assert.ok((await kernel.tickets.sessions(id)).every((s) => s.state === 'ended' || s.state === 'abandoned'))
      await kernel.stop()
      await loop
    },
    SLOW,
  )
})

const plan = (...beads: readonly (readonly [id: string, description: string])[]) => ({
  beads: beads.map(([id, description]) => ({
    ...{ id, title: `Do ${id}`, description, acceptance_criteria: ['It is done.'] },
    test_commands: [`test -f ${id}.txt`],
  })),
})
/** Writes the file of its bead; the first time at `two` it holds until told. */
const coder =
  (held: Promise<void>): FakeBrain =>
  (turn) => {
    if (turn.text.includes('<BEADS>'))
      return [{ type: 'text', text: `<BEADS>${stringify(plan(['one', 'first'], ['two', 'first'], ['three', 'first']))}</BEADS>` }]
    const id = /## bead_data\s+id: (\S+)/.exec(turn.text)?.[1]
    if (!turn.text.includes('<BEAD_STATUS>') || id === undefined) return exampleBrain(turn)
    const second = turn.text.includes('second')
    const run = async (directory: string): Promise<string> => (
      await writeFile(join(directory, `${id}.txt`), second ? 'second\n' : 'first\n'),
      'written'
    )
    const report = { bead_id: id, status: 'done', checks: { tests: 'pass', lint: 'pass', typecheck: 'pass', qualitative: 'pass' } }
    return [
      ...(turn.toolResults.length === 0 ? [{ type: 'tool' as const, tool: 'write', input: {}, run }] : []),
      ...(id === 'two' && !second ? [{ type: 'wait' as const, until: held }] : []),
      { type: 'text', text: `<BEAD_STATUS>${JSON.stringify(report)}</BEAD_STATUS>` },
    ]
  }

describe('an edit of the plan after the work began', (it) => {
  it(
    'leaves finished beads whose plan is the same, and has the changed ones done anew on top',
    async () => {
      let release = (): void => {}
      await using world = await startWorld({ brain: coder(new Promise<void>((resolve) => (release = resolve))) })
      const { kernel } = world
      const { id } = await world.start()
      await world.drive()
      await approvePlan(world, id)
      const loop = kernel.loop()
      const beads = async () =>
        (await kernel.tickets.beads(id)).filter((b) => !b.id.startsWith('@')).map((b) => [b.id, b.state, b.iteration])
      const working = async () => (await kernel.tickets.turns(id)).some((t) => t.prompt === 'two:1' && t.receipt === 'admitted')
      await eventually(working, 30_000)
      const worktree = join(world.repo.path, '.looptroop/worktrees', id)
      await eventually(async () => (await gitIn(worktree, 'status', '--porcelain')).includes('two.txt'), 10_000)
      const change = (content: string): string => {
        const { beads: all } = parse(content) as { beads: { id: string; description: string }[] }
        const kept = all.filter((b) => b.id !== 'three')
        return stringify({ beads: kept.map((b) => (b.id === 'two' ? { ...b, description: 'second' } : b)) })
      }
      const ticket = await edit(world, id, { kind: 'beads', change })
      assert.equal([ticket.phase, ticket.attempt], ['CODING', 2])
      assert.is(await gitIn(worktree, 'status', '--porcelain'), '', 'what was not committed is gone')
      release()
      await eventually(async () => (await kernel.tickets.get(id)).status === 'completed', 60_000)
      assert.equal(await beads(), [
        ['one', 'done', 1],
        ['two', 'done', 2],
        ['three', 'pending', 1],
      ])
      const prompts = (await kernel.tickets.turns(id)).filter((t) => t.slot?.beadId === 'one' || t.slot?.beadId === 'two')
      assert.equal(
        prompts.map((t) => [t.prompt, t.how]),
        [
          ['one:1', 'finished'],
          ['two:1', 'aborted'],
          ['two:2', 'finished'],
        ],
      )
      const { branch } = await kernel.tickets.get(id)
      assert.equal(
        [await gitIn(world.repo.path, 'show', `${branch}:one.txt`), await gitIn(world.repo.path, 'show', `${branch}:two.txt`)],
        ['first', 'second'],
      )
      assert.is(await codeOf(kernel.tickets.previewEdit({ ticketId: id, kind: 'beads' })), 'TICKET_WRONG_STATUS')
      await kernel.stop()
      await loop
    },
    SLOW,
  )
})
