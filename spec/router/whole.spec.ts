/** A ticket from draft to completed, seen and decided only through the client, while its connections are cut. */
import * as assert from 'uvu/assert'
import { exampleBrain, type FakeBrain } from '../../core/opencode/fake/brain.ts'
import type { DurableEvent } from '../../core/index.ts'
import { createLoopTroopClient } from '../../router/index.ts'
import { describe } from '../helpers/suite.ts'
import { until } from '../helpers/waiting.ts'
import { startWorld } from '../helpers/world.ts'
import { serve, TOKEN } from './wire.ts'

/** Asks one question where it may, then answers with the example of the prompt. */
const asking: FakeBrain = async function* (turn) {
  if (turn.tools.includes('question') && turn.index > 0 && turn.toolResults.length === 0 && asked.add(turn.sessionId).size === 1) {
    yield {
      type: 'question',
      questions: [
        {
          header: 'Colour',
          question: 'Which colour?',
          options: [
            { label: 'red', description: '' },
            { label: 'blue', description: '' },
          ],
        },
      ],
    }
  } else yield* (await exampleBrain(turn)) as Iterable<never>
}
const asked = new Set<string>()

describe('a ticket through the router', (it) => {
  for (const transport of ['ws', 'sse'] as const) {
    it(
      `is created, watched, answered, approved and completed over ${transport}`,
      async () => {
        asked.clear()
        await using world = await startWorld({ brain: asking })
        await using server = await serve({ kernel: world.kernel })
        await using client = createLoopTroopClient({ url: server.url, token: TOKEN, transport })
        const loop = world.kernel.loop()
        assert.is((await client.health.check.query()).opencode.reachable, true)
        assert.equal(
          (await client.projects.list.query()).map((p) => p.key),
          ['SPEC'],
        )
        assert.ok((await client.phases.list.query()).some((p) => p.name === 'quick' && p.phases.length > 5))
        const { id: ticketId } = await client.tickets.create.mutate({ projectId: world.projectId, title: 'Mend it' })
        const seen: DurableEvent[] = []
        const subscription = client.events.onTicket.subscribe(
          { ticketId },
          { onData: ({ data }) => void seen.push(...(data.events as DurableEvent[])) },
        )
        await until(() => seen.length > 0, 'the stream is open')
        await client.tickets.start.mutate({ ticketId, actionId: 'go' })

        const answered: string[] = []
        await until(decideUntilTheEnd, 'the end', 30_000)
        assert.equal(answered.toSorted(), ['gate', 'question'])
        const ticket = await client.tickets.get.query({ ticketId })
        assert.is(ticket.status, 'completed', JSON.stringify(ticket.blocked))
        const all = await history()
        await until(() => seen.length >= all.length, 'the stream has caught up')
        assert.equal(seen, all)
        assert.equal(
          seen.map((e) => e.seq),
          seen.map((_, index) => index + 1),
        )
        assert.ok((await client.tickets.turns.query({ ticketId })).every((t) => t.receipt === 'settled' && t.posts === 1))
        for (const list of [client.tickets.artifacts, client.tickets.attempts, client.tickets.sessions, client.tickets.beads])
          assert.ok((await list.query({ ticketId })).length > 0)
        assert.equal(await client.tickets.errors.query({ ticketId }), [])
        assert.type((await client.tickets.diff.query({ ticketId })).patch, 'string')
        assert.equal((await client.inbox.list.query()).items, [])
        assert.ok((await client.recovery.report.query()).at > 0)
        subscription.unsubscribe()
        await world.kernel.stop()
        await loop

        /** One look: answers what waits for a person, with the connections cut before. */
        async function decideUntilTheEnd(): Promise<boolean> {
          const { status } = await client.tickets.get.query({ ticketId })
          if (!['running', 'waiting'].includes(status)) return true
          const [entry] = (await client.inbox.list.query()).items
          if (entry === undefined) return false
          server.disconnectAll()
          const [question] = (await client.questions.list.query({ ticketId })).items
          if (question !== undefined) {
            assert.is(question.questions[0]?.question, 'Which colour?')
            await client.questions.reply.mutate({ ticketId, requestId: question.requestId, answers: [['blue']] })
          } else {
            const plan = await client.tickets.artifact.query({ ticketId, kind: 'beads' })
            await client.tickets.approve.mutate({ ticketId, actionId: 'yes', expectedContentSha256: plan.contentSha256 })
          }
          answered.push(entry.kind)
          await until(async () => (await client.inbox.list.query()).items.every((e) => e.id !== entry.id), 'the entry is closed')
          return false
        }
        async function history(): Promise<DurableEvent[]> {
          const items: DurableEvent[] = []
          for (let after: string | undefined; ;) {
            const page = await client.events.history.query({ ticketId, limit: 7, ...(after === undefined ? {} : { after }) })
            items.push(...(page.items as DurableEvent[]))
            if (page.next === undefined) return items
            after = page.next
          }
        }
      },
      { timeoutMs: 60_000 },
    )
  }
})
