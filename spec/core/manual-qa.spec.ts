/** The manual test on a whole kernel: evidence, what is no fault, and a tree that moved while somebody tested. */
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { definePhase, definePipeline } from '../../plugins/index.ts'
import { worktreePath } from '../../core/projects.ts'
import type { TicketView } from '../../core/kernel-api.ts'
import { createLoopTroopClient } from '../../router/index.ts'
import { isCrash, killingStore } from '../crash/killing-store.ts'
import type { Kill, KillingStore } from '../crash/killing-store.ts'
import { coder } from '../helpers/delivery.ts'
import { gitIn } from '../helpers/repository.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'
import type { Decide } from '../phases/person.ts'
import { ask, serve, TOKEN } from '../router/wire.ts'

const rows = [
  ...['PLANNING_BEADS', 'WAITING_BEADS_APPROVAL', 'CODING', 'RUNNING_FINAL_TEST', 'GENERATING_QA_CHECKLIST'].map((phase) => ({
    phase,
    group: 'g',
  })),
  { phase: 'WAITING_MANUAL_QA', group: 'g', next: { fixes: 'CODING' } },
  { phase: 'INTEGRATING_CHANGES', group: 'g', next: { reverify: 'RUNNING_FINAL_TEST' } },
]
const tested = definePipeline({ name: 'tested', label: 'Tested by hand', rows })
const SLOW = { timeoutMs: 90_000 }

async function begun(decide: Decide = () => undefined) {
  const seen: string[] = []
  const world = await startWorld({ pipelines: [tested], brain: (turn) => (seen.push(turn.text), coder(turn)) })
  const { id } = await world.start('Do it', 'tested')
  const person = new Person(world.kernel, decide)
  return { world, id, person, seen, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}
/** Until it waits in the phase (null: to its end). */
async function until({ world, id, person }: { world: World; id: string; person: Person }, phase: string | null): Promise<TicketView> {
  for (;;) {
    await world.drive()
    const ticket = await world.kernel.tickets.get(id)
    assert.is.not(ticket.status, 'blocked', JSON.stringify(ticket.blocked))
    if (ticket.status === 'completed' || ticket.phase === phase) return ticket
    assert.ok(await person.decideOne(ticket), `${ticket.phase} waits for nothing`)
  }
}
const treeOf = async (world: World, id: string): Promise<string> => {
  const [project] = await world.kernel.projects.list()
  return worktreePath({ ...project, databaseUrl: '' } as never, id)
}
const contentOf = async (world: World, ticketId: string, kind: string): Promise<Record<string, unknown>> =>
  parse((await world.kernel.tickets.artifact({ ticketId, kind })).content) as never

const proposing = definePhase({
  ...{ id: 'PROPOSING', label: 'Proposing', tools: 'disabled' },
  run: async (phase) => {
    await phase.propose('better', { origin: 'here', title: 'Better', description: '' })
    return phase.done()
  },
})
const alone = definePipeline({ name: 'alone', label: 'A', rows: [{ phase: 'PROPOSING', group: 'g' }] })

/** Killed once at the verb's first use of the run; a second server takes the ticket up, and a person retries nothing. */
async function killedWhileProposing(kill: Kill): Promise<{ died: boolean; drafts: readonly string[]; told: number }> {
  let armed: KillingStore | undefined
  await using world = await startWorld({
    ...{ phases: [proposing], pipelines: [alone] },
    stores: (opener) => ({
      openApp: (url) => opener.openApp(url),
      openProject: async (url, identity) => {
        const store = await opener.openProject(url, identity)
        // The ticket itself is made before its run: the kill waits for that.
        const one = killingStore(store, armed === undefined ? { ...kill, nth: kill.verb === 'createTicket' ? 2 : kill.nth } : null)
        armed ??= one
        return one.store
      },
    }),
  })
  const { id } = await world.start('Do it', 'alone')
  await world.drive().catch((error: unknown) => assert.ok(isCrash(error), String(error)))
  const died = armed?.dead === true
  await world.kernel.stop().catch((error: unknown) => assert.ok(isCrash(error), String(error)))
  await world.reopen(60_000)
  await world.drive()
  const { items } = await world.kernel.tickets.list({})
  const { items: events } = await world.kernel.events.history({ ticketId: id, limit: 100 })
  assert.is((await world.kernel.tickets.get(id)).status, 'completed')
  return {
    died,
    drafts: items.filter((t) => t.id !== id).map((t) => t.title),
    told: events.filter((e) => e.type === 'ticket.proposed').length,
  }
}

describe('the manual test', (it) => {
  it(
    'takes files beside the results; a failed check carries them into its bead, an improvement becomes one draft ticket',
    async () => {
      await using set = await begun()
      const { world, id, seen } = set
      const { kernel } = world
      await using server = await serve({ kernel })
      await using client = createLoopTroopClient({ url: server.url, token: TOKEN })
      await until(set, 'WAITING_BEADS_APPROVAL')
      const refused = await client.attachFile(id, { name: 'early.txt', content: 'x' }).catch((e: { data: object }) => e.data)
      assert.equal((refused as { looptroopCode?: string }).looptroopCode, 'EVIDENCE_CLOSED')
      await until(set, 'WAITING_MANUAL_QA')
      const log = await client.attachFile(id, { name: '../../what I saw.log', content: 'TypeError: slug is undefined' })
      const html = await client.attachFile(id, { name: 'page.html', content: '<script>alert(1)</script>' })
      assert.equal([log.name, (await client.evidence.list.query({ ticketId: id })).length], ['what I saw.log', 2])
      const got = await ask(server, `/api/tickets/${id}/evidence/${html.sha256}`)
      assert.equal([got.text, got.headers['content-type']], ['<script>alert(1)</script>', 'application/octet-stream'])
      assert.match(String(got.headers['content-disposition']), /^attachment; filename\*=UTF-8''page\.html$/)
      assert.is((await ask(server, `/api/tickets/${id}/evidence/${'0'.repeat(64)}`)).status, 404)
      assert.is((await ask(server, `/api/tickets/${id}/evidence`, { method: 'POST', body: 'x' })).status, 400, 'a file has a name')
      assert.not.match(await gitIn(await treeOf(world, id), 'status', '--porcelain', '--ignored'), /log|html/)

      const [gate] = (await kernel.inbox.list({ ticketId: id })).items
      const submit = (payload: object, actionId: string) =>
        kernel.tickets.submitGate({
          ...{ ticketId: id, gateId: gate?.id ?? '', action: 'complete', actionId, payload: payload as never },
          expectedContentSha256: (gate?.payload as { artifact: { sha256: string } } | undefined)?.artifact.sha256,
        })
      const fail = { result: 'fail', observation: 'The page is empty.', evidence: [log.sha256] }
      const wrong = await submit({ results: { 'qa-1': { ...fail, evidence: ['0'.repeat(64)] } } }, 'wrong').then(JSON.stringify, String)
      assert.match(wrong, /results\.qa-1\.evidence.*no attached file/)
      assert.match(await submit({ results: { 'qa-1': { result: 'improvement' } } }, 'nameless').then(JSON.stringify, String), /must name/)
      await submit({ results: { 'qa-1': fail } }, 'first')
      await until(set, 'WAITING_MANUAL_QA')
      const plan = (await contentOf(world, id, 'beads')) as {
        beads: { id: string; qa_origin?: { round: number; checks: { id: string; evidence: { name: string; text: string }[] }[] } }[]
      }
      assert.equal(
        plan.beads.at(-1)?.qa_origin?.checks[0]?.evidence.map((e) => [e.name, e.text]),
        [['what I saw.log', 'TypeError: slug is undefined']],
      )
      const list = (await contentOf(world, id, 'qa_checklist')) as { round: number; items: { lineage: object; previous: string[] }[] }
      const from = [{ round: 1, check: 'qa-1', result: 'fail', observation: 'The page is empty.', fixes: ['qa1-1'] }]
      assert.equal(
        [list.round, list.items.map((item) => [item.previous, item.lineage])],
        [2, [[['qa-1'], { id: '1/qa-1', recheck: 'pending', from }]]],
      )
      const planned = (await kernel.tickets.turns(id)).filter((turn) => turn.slot?.phase === 'WAITING_MANUAL_QA')
      assert.equal(
        planned.map((turn) => [turn.prompt, turn.reason]),
        [['fixes', 'first']],
        'the planner has looked first',
      )
      assert.ok(
        seen.some((text) => text.includes('bead_data') && text.includes('TypeError: slug is undefined')),
        'the coder sees it',
      )
      assert.is((await ask(server, `/api/tickets/${id}/evidence/${log.sha256}`)).text, 'TypeError: slug is undefined')

      const before = (await kernel.tickets.list({})).items.length
      const better = { result: 'improvement', title: 'A nicer page', observation: 'It is grey.', priority: 3 }
      const improving = new Person(kernel, (phase) =>
        phase === 'WAITING_MANUAL_QA' ? { action: 'complete', payload: { results: { 'qa-1': better } } } : undefined,
      )
      assert.is((await until({ ...set, person: improving }, null)).status, 'completed')
      const all = (await kernel.tickets.list({})).items
      const draft = all.at(-1)
      assert.equal(
        [all.length - before, draft?.status, draft?.title, draft?.priority, draft?.pipeline],
        [1, 'draft', 'A nicer page', 3, 'tested'],
      )
      assert.match(draft?.description ?? '', /It is grey\.[^]*Found in the manual test of SPEC-1 \(Do it\), check qa-1/)
      const told = (await kernel.events.history({ ticketId: id, limit: 1_000 })).items.filter((e) => e.type === 'ticket.proposed')
      assert.equal(
        told.map((e) => e.data.proposed),
        [draft?.id],
      )
      await kernel.tickets.delete({ ticketId: id })
      assert.is(
        await access(join(world.dataDir, 'evidence', world.projectId, id)).then(
          () => 'there',
          () => 'gone',
        ),
        'gone',
      )
    },
    SLOW,
  )
  it(
    'makes one draft ticket of an improvement, wherever the server is killed while it does',
    async () => {
      const kills = (['createTicket', 'completeStep'] as const).flatMap((verb) =>
        (['before', 'after'] as const).map((when) => ({ verb, when, nth: 1 })),
      )
      const ends = await Promise.all(kills.map(killedWhileProposing))
      for (const [i, { died, drafts, told }] of ends.entries())
        assert.equal([died, drafts, told], [true, ['Better'], 1], JSON.stringify(kills[i]))
    },
    SLOW,
  )
  it(
    'is void when the tester changed something: taken back, or taken in and tested anew',
    async () => {
      await using set = await begun((phase, time) =>
        phase === 'WAITING_MANUAL_QA' && [2, 4].includes(time) ? { action: time === 2 ? 'discard' : 'include' } : undefined,
      )
      const { world, id, person } = set
      await until(set, 'WAITING_MANUAL_QA')
      const tree = await treeOf(world, id)
      const commit = (await gitIn(tree, 'rev-parse', 'HEAD')).trim()
      assert.is(((await contentOf(world, id, 'qa_checklist')) as { tested: { commit: string } }).tested.commit, commit)
      await writeFile(join(tree, 'first-step.txt'), 'mended by the tester\n')
      for (const _ of [1, 2]) {
        assert.ok(await person.decideOne(await world.kernel.tickets.get(id)))
        await world.drive()
      }
      assert.equal(
        [await readFile(join(tree, 'first-step.txt'), 'utf8'), (await world.kernel.tickets.get(id)).phase],
        ['done\n', 'WAITING_MANUAL_QA'],
      )
      await writeFile(join(tree, 'first-step.txt'), 'mended again\n')
      await writeFile(join(tree, 'new.txt'), 'new\n')
      for (const _ of [1, 2]) {
        assert.ok(await person.decideOne(await world.kernel.tickets.get(id)))
        await world.drive()
      }
      assert.equal(
        person.decisions.slice(-4).map((d) => d.split(' ')[1]),
        ['complete', 'discard', 'complete', 'include'],
      )
      const now = await world.kernel.tickets.get(id)
      assert.equal([now.phase, now.attempt], ['WAITING_MANUAL_QA', 2], 'all of it is tested again')
      assert.not.equal(((await contentOf(world, id, 'qa_checklist')) as { tested: { commit: string } }).tested.commit, commit)
      assert.is((await until(set, null)).status, 'completed')
      const report = await contentOf(world, id, 'integration_report')
      assert.is(await gitIn(world.repo.path, 'show', `${String(report['commit'])}:new.txt`), 'new')
    },
    SLOW,
  )
})
