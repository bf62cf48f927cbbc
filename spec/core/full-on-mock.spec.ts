/** The whole `full` pipeline on the mock: every phase answers with its own example. */
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { Kernel } from '../../core/kernel-api.ts'
import { eventually } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'
import type { Decide } from '../phases/person.ts'

const MEMBERS = ['m2', 'm3'].map((model) => ({ provider: 'fake', model }))

async function play(world: World, { members = [], decide }: { members?: typeof MEMBERS; decide?: Decide }) {
  const { kernel } = world
  const { id } = await kernel.tickets.create({ projectId: world.projectId, title: 'Do it', pipeline: 'full', models: { members } })
  await kernel.tickets.start({ ticketId: id })
  const person = new Person(kernel, decide)
  for (;;) {
    await world.drive()
    const ticket = await kernel.tickets.get(id)
    assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
    if (ticket.status === 'completed') return { ticket, person, turns: await kernel.tickets.turns(id) }
    assert.ok(await person.decideOne(ticket), `${ticket.phase} waits for nothing`)
  }
}

/** A whole ticket, on a machine that does other things as well. */
const SLOW = { timeoutMs: 90_000 }

describe('the full pipeline on the mock', (it) => {
  it(
    'goes from a ticket to a commit with one model, which is asked once per prompt',
    async () => {
      await using world = await startWorld()
      const { ticket, person, turns } = await play(world, {})
      assert.equal(person.decisions, [
        'WAITING_INTERVIEW_ANSWERS complete',
        'WAITING_INTERVIEW_ANSWERS complete',
        'WAITING_INTERVIEW_APPROVAL approve',
        'WAITING_PRD_APPROVAL approve',
        'WAITING_BEADS_APPROVAL approve',
        'WAITING_EXECUTION_SETUP_APPROVAL approve',
      ])
      assert.ok(turns.every((t) => t.posts === 1))
      assert.ok(!turns.some((t) => t.prompt.startsWith('vote:')))
      const kinds = new Set((await world.kernel.tickets.artifacts(ticket.id)).map((a) => a.kind))
      for (const kind of [
        'interview',
        'interview_coverage',
        'prd',
        'prd_coverage',
        'beads',
        'execution_setup_profile',
        'integration_report',
      ])
        assert.ok(kinds.has(kind), kind)
    },
    SLOW,
  )
  it(
    'seats three members, each asked once for a draft and once for a vote, and asks the winner again',
    async () => {
      await using world = await startWorld()
      const { ticket, turns } = await play(world, { members: MEMBERS })
      for (const phase of ['DRAFTING_INTERVIEW', 'DRAFTING_PRD', 'DRAFTING_BEADS']) {
        const asked = turns
          .filter((t) => t.slot?.phase === phase)
          .map((t) => t.prompt)
          .toSorted((a, b) => a.localeCompare(b))
        assert.equal(asked, [
          ...['m1', 'm2', 'm3'].map((m) => `draft:fake/${m}`),
          'refine',
          ...['m1', 'm2', 'm3'].map((m) => `vote:fake/${m}`),
        ])
      }
      const record = parse((await world.kernel.tickets.artifact({ ticketId: ticket.id, kind: 'prd_council' })).content) as {
        winner: { model: { model: string } }
      }
      const audit = turns.find((t) => t.slot?.phase === 'VERIFYING_PRD_COVERAGE')
      assert.is(audit?.model.model, record.winner.model.model)
    },
    SLOW,
  )
  it(
    'goes round at the gates: gaps closed, an edit, another set-up, all questions skipped',
    async () => {
      await using world = await startWorld()
      const decide: Decide = (phase, time) => {
        if (phase === 'WAITING_INTERVIEW_ANSWERS') return { action: 'skip_all' }
        if (phase === 'WAITING_PRD_APPROVAL' && time === 1)
          return { action: 'request_changes', payload: { comment: 'Say more about errors.' } }
        if (phase === 'WAITING_EXECUTION_SETUP_APPROVAL' && time === 1) return { action: 'regenerate', payload: { comment: 'Shorter.' } }
        return undefined
      }
      const { ticket, person, turns } = await play(world, { decide })
      assert.equal(person.decisions.slice(2), [
        'WAITING_PRD_APPROVAL request_changes',
        'WAITING_PRD_APPROVAL approve',
        'WAITING_BEADS_APPROVAL approve',
        'WAITING_EXECUTION_SETUP_APPROVAL regenerate',
        'WAITING_EXECUTION_SETUP_APPROVAL approve',
      ])
      assert.ok(turns.some((t) => t.prompt === 'revise:0'))
      assert.ok(turns.some((t) => t.prompt.startsWith('full_answers:')))
      assert.ok(!turns.some((t) => t.slot?.phase === 'VERIFYING_INTERVIEW_COVERAGE'))
      assert.is(ticket.status, 'completed')
    },
    SLOW,
  )
  it(
    'takes an edit that satisfies the schema as a new revision that needs its own approval, and refuses any other',
    async () => {
      await using world = await startWorld()
      const { kernel } = world
      const { id } = await kernel.tickets.create({ projectId: world.projectId, title: 'Do it', pipeline: 'full' })
      await kernel.tickets.start({ ticketId: id })
      const person = new Person(kernel)
      for (;;) {
        await world.drive()
        const ticket = await kernel.tickets.get(id)
        if (ticket.phase === 'WAITING_PRD_APPROVAL') break
        await person.decideOne(ticket)
      }
      const [gate] = (await kernel.inbox.list({})).items
      const prd = await kernel.tickets.artifact({ ticketId: id, kind: 'prd' })
      const edit = (content: string, actionId: string) =>
        kernel.tickets.submitGate({
          ticketId: id,
          gateId: gate?.id ?? '',
          action: 'edit',
          actionId,
          expectedContentSha256: prd.contentSha256,
          payload: { content },
        })
      for (const [content, problem] of [
        ['epics: []', /payload.content.*product/],
        ['{', /neither YAML nor JSON/],
      ] as const) {
        const refused = await edit(content, 'bad').then(
          () => null,
          (error: unknown) => error,
        )
        assert.match(String(refused), problem)
      }
      await edit(prd.content.replace('What is done.', 'Done by hand.'), 'good')
      await world.drive()
      const stale = await kernel.tickets
        .submitGate({ ticketId: id, gateId: gate?.id ?? '', action: 'approve', actionId: 'late', expectedContentSha256: prd.contentSha256 })
        .then(
          () => null,
          (error: unknown) => (error as { code: string }).code,
        )
      assert.is(stale, 'GATE_CLOSED')
      const edited = await kernel.tickets.artifact({ ticketId: id, kind: 'prd' })
      assert.match(edited.content, 'Done by hand.')
      const [again] = (await kernel.inbox.list({})).items
      await kernel.tickets.submitGate({
        ticketId: id,
        gateId: again?.id ?? '',
        action: 'approve',
        actionId: 'ok',
        expectedContentSha256: edited.contentSha256,
      })
      assert.ok((await kernel.tickets.artifact({ ticketId: id, kind: 'prd' })).approved)
    },
    SLOW,
  )
  it(
    'asks only the unfinished member after a restart in the middle of a council',
    async () => {
      let release = (): void => {}
      const held = new Promise<void>((resolve) => (release = resolve))
      const slow: FakeBrain = (turn) =>
        turn.model.modelID === 'm3' ? [{ type: 'wait', until: held }, ...(exampleBrain(turn) as Iterable<FakeAction>)] : exampleBrain(turn)
      await using world = await startWorld({ brain: slow })
      const { id } = await world.kernel.tickets.create({
        projectId: world.projectId,
        title: 'Do it',
        pipeline: 'full',
        models: { members: MEMBERS },
      })
      await world.kernel.tickets.start({ ticketId: id })
      const loop = world.kernel.loop()
      const drafts = async (kernel: Kernel) => (await kernel.tickets.turns(id)).filter((t) => t.prompt.startsWith('draft:'))
      await eventually(async () => (await drafts(world.kernel)).filter((t) => t.receipt === 'settled').length === 2, 30_000)
      await world.kernel.stop()
      await loop
      release()
      const again = await world.reopen()
      await world.drive()
      assert.is((await again.tickets.get(id)).phase, 'WAITING_INTERVIEW_ANSWERS')
      assert.equal(
        (await drafts(again)).map((t) => [t.prompt, t.posts] as const).toSorted(([a], [b]) => a.localeCompare(b)),
        ['m1', 'm2', 'm3'].map((m) => [`draft:fake/${m}`, 1]),
      )
    },
    SLOW,
  )
})
