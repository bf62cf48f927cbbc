/** A question that nobody answers: declined by its deadline, three times at most, then the model decides itself. */
import * as assert from 'uvu/assert'
import type { FakeAction, FakeBrain } from '../../core/opencode/fake/brain.ts'
import { systemClock } from '../../core/ports.ts'
import { killingStore } from '../crash/killing-store.ts'
import type { Kill, KillingStore } from '../crash/killing-store.ts'
import { pipelineOf, said, talk, untilTicket } from '../helpers/live.ts'
import { eventually } from '../helpers/opencode.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import type { World, WorldOptions } from '../helpers/world.ts'
import { refusal } from './person.ts'

const asks: FakeAction = {
  type: 'question',
  questions: [{ header: 'Colour', question: 'Which colour?', options: [{ label: 'Red', description: '' }] }],
}
const answers: FakeAction = { type: 'text', text: said('blue, I assume') }
const WORDS = { once: 'Nobody answered your question in time', decide: 'Decide yourself' }
/** Asks so many turns long, then answers; each turn's text is kept. */
function asking(times: number): { brain: FakeBrain; texts: string[] } {
  const texts: string[] = []
  const brain: FakeBrain = ({ text, toolResults }) => {
    if (toolResults.length === 0) texts.push(text)
    return [toolResults.length === 0 && texts.length <= times ? asks : answers]
  }
  return { brain, texts }
}

async function talking(answerWindow: number | null, options: WorldOptions): Promise<World & { ticketId: string }> {
  const phases = [talk(answerWindow === null ? {} : { answerWindow })]
  const world = await startWorld({ ...options, phases, pipelines: [pipelineOf(...phases)] })
  return Object.assign(world, { ticketId: (await world.start('Talk', 'spec')).id })
}
/** Rounds like a server's, but one after the other without its pause between them, until the work is done. */
async function looping<T>(world: World, work: () => Promise<T>): Promise<T> {
  const { kernel } = world
  const over = new AbortController()
  const rounds = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await kernel.tick()
      await systemClock.sleep(20)
    }
  }
  // A killed store ends the rounds, as it ends a server's.
  const loop = rounds().catch(() => undefined)
  try {
    return await work()
  } finally {
    over.abort()
    await kernel.stop().catch(() => undefined)
    await loop
  }
}
const closings = async (world: World, ticketId: string): Promise<string[]> =>
  (await world.kernel.events.history({ ticketId, limit: 1_000 })).items.flatMap((e) => (e.type === 'question.closed' ? [e.data.how] : []))

describe('an answer window', (it) => {
  it('declines what nobody answers; the model goes on in the same session, and a later answer is refused', async () => {
    const { brain, texts } = asking(1)
    await using world = await talking(100, { brain })
    const { kernel, ticketId } = world
    await looping(world, async () => {
      const { requestId, askedAt, deadline } = await eventually(async () => (await kernel.questions.list({ ticketId })).items[0])
      assert.is((deadline ?? 0) - askedAt, 100)
      await untilTicket(kernel, ticketId, { fits: (t) => t.status === 'completed', ms: 10_000 })
      const late = await refusal(() => kernel.questions.reply({ ticketId, requestId, answers: [['Red']] }))
      assert.equal([late.code, late.error.kind], ['QUESTION_DECLINED', 'conflict'])
      const turns = await kernel.tickets.turns(ticketId)
      assert.equal(
        turns.map((t) => [t.reason, t.how, t.posts]),
        [
          ['first', 'rejected', 1],
          ['declined', 'finished', 1],
        ],
      )
      assert.is(new Set(turns.map((t) => t.sessionId)).size, 1)
      assert.match(texts[1] ?? '', `${WORDS.once} (1 of 3)`)
      assert.equal([await closings(world, ticketId), (await kernel.inbox.list({})).items], [['declined'], []])
    })
  })

  it(
    'tells the model after the third to decide itself, refuses what it asks then at once, and blocks when it asks on and on',
    async () => {
      const { brain, texts } = asking(99)
      await using world = await talking(null, { brain })
      const { kernel } = world
      await kernel.tickets.cancel({ ticketId: world.ticketId })
      await kernel.settings.update({ scope: 'project', id: world.projectId, patch: { 'questions.windowMs': 30 } })
      const { id: ticketId } = await world.start('Talk', 'spec')
      await looping(world, async () => {
        const blocked = await eventually(async () => {
          const ticket = await kernel.tickets.get(ticketId)
          return ticket.blocked ? ticket : null
        }, 20_000)
        assert.is(blocked.blocked?.code, 'TURN_REJECTED')
        assert.equal(
          await closings(world, ticketId),
          Array.from({ length: 6 }, () => 'declined'),
        )
        assert.equal(
          texts.map((text) => (text.includes(WORDS.decide) ? 'decide' : text.includes(WORDS.once) ? 'once' : 'first')),
          ['first', 'once', 'once', 'decide', 'decide', 'decide'],
        )
        const asked = (await kernel.events.history({ ticketId, limit: 1_000 })).items.flatMap((e) =>
          e.type === 'question.asked' ? [(e.data.deadline ?? 0) - e.at] : [],
        )
        assert.equal(asked, [30, 30, 30, 0, 0, 0])
      })
    },
    { timeoutMs: 40_000 },
  )

  it('waits for ever without one, and a person who is faster wins', async () => {
    const { brain } = asking(1)
    await using world = await talking(null, { brain })
    const { kernel, ticketId } = world
    await looping(world, async () => {
      const question = await eventually(async () => (await kernel.questions.list({ ticketId })).items[0])
      assert.is(question.deadline, undefined)
      await kernel.questions.reply({ ticketId, requestId: question.requestId, answers: [['Red']] })
      await untilTicket(kernel, ticketId, { fits: (t) => t.status === 'completed', ms: 10_000 })
      assert.equal(await closings(world, ticketId), ['answered'])
    })
  })

  it('is held open by a person who is at the answer, over a restart too', async () => {
    const { brain } = asking(1)
    await using world = await talking(60_000, { brain })
    const { ticketId } = world
    const requestId = await looping(world, async () => {
      const { requestId, askedAt } = await eventually(async () => (await world.kernel.questions.list({ ticketId })).items[0])
      const { deadline = 0 } = await world.kernel.inbox.hold({ ticketId, id: requestId })
      assert.ok(deadline >= askedAt + 120_000, 'two minutes from now')
      assert.is((await world.kernel.inbox.list({ ticketId })).items[0]?.deadline, deadline)
      return requestId
    })
    const kernel = await world.reopen(90_000)
    await looping(world, async () => {
      await kernel.tick()
      await kernel.questions.reply({ ticketId, requestId, answers: [['Red']] })
      await untilTicket(kernel, ticketId, { fits: (t) => t.status === 'completed', ms: 15_000 })
      assert.equal(await closings(world, ticketId), ['answered'])
    })
  })

  it('keeps its deadline over a restart, also when OpenCode died and nobody can be told any more', async () => {
    const { brain, texts } = asking(1)
    await using world = await talking(3_600_000, { brain })
    const { ticketId } = world
    await looping(world, async () => {
      await eventually(async () => (await world.kernel.questions.list({ ticketId })).items[0])
    })
    world.fake?.server.crash()
    world.fake?.server.restart()
    const kernel = await world.reopen(3_601_000)
    await looping(world, async () => {
      await untilTicket(kernel, ticketId, { fits: (t) => t.status === 'completed', ms: 15_000 })
      assert.match(texts[1] ?? '', WORDS.once)
      assert.equal(await closings(world, ticketId), ['declined'])
      assert.is(texts.length, 2)
    })
  })

  it('refuses a permission with words, and the model goes on in the same turn', async () => {
    const brain: FakeBrain = ({ toolResults }) => [
      toolResults.length === 0 ? { type: 'permission', permission: 'bash', patterns: ['rm'] } : answers,
    ]
    await using world = await talking(50, { brain })
    const { kernel, ticketId } = world
    await looping(world, async () => {
      await untilTicket(kernel, ticketId, { fits: (t) => t.status === 'completed', ms: 10_000 })
      const { items } = await kernel.events.history({ ticketId, limit: 1_000 })
      assert.equal(
        items.flatMap((e) => (e.type === 'permission.closed' ? [e.data.how] : [])),
        ['declined'],
      )
      assert.is((await kernel.tickets.turns(ticketId)).length, 1)
    })
  })
})

describe('an answer window, killed', (it) => {
  const kills: readonly Kill[] = (['claimRequest', 'markStopping', 'closeRequest'] as const).flatMap((verb) =>
    (['before', 'after'] as const).map((when) => ({ verb, when, nth: 1 })),
  )
  it(
    'before or after each of its verbs: declined once, and the turn asked once',
    async () => {
      // Side by side: what takes long is waiting.
      const ends = await Promise.all(kills.map(async (kill) => [`${kill.when} ${kill.verb}`, ...(await declinedThough(kill))]))
      assert.equal(
        ends,
        kills.map((kill) => [`${kill.when} ${kill.verb}`, 'declined', 2]),
      )
    },
    { timeoutMs: 60_000 },
  )
})

describe('a hold of an answer window, killed', (it) => {
  for (const [when, end] of [
    ['before', 'declined'],
    ['after', 'answered'],
  ] as const)
    it(`${when} it is stored: the question is ${end}, once`, async () => {
      const { brain } = asking(1)
      const lives: KillingStore[] = []
      const kill: Kill = { verb: 'holdRequest', when, nth: 1 }
      await using world = await talking(60_000, { brain, stores: keeping(lives, kill) })
      const { ticketId } = world
      const requestId = await looping(world, async () => {
        const { requestId } = await eventually(async () => (await world.kernel.questions.list({ ticketId })).items[0])
        await world.kernel.inbox.hold({ ticketId, id: requestId }).catch(() => undefined)
        await lives[0]?.died
        return requestId
      })
      const kernel = await world.reopen(90_000)
      await looping(world, async () => {
        await kernel.tick()
        if (end === 'answered') await kernel.questions.reply({ ticketId, requestId, answers: [['Red']] })
        await untilTicket(kernel, ticketId, { fits: (t) => t.status === 'completed', ms: 15_000 })
        assert.equal(await closings(world, ticketId), [end])
      })
    })
})

/** The first life dies as told. */
const keeping = (lives: KillingStore[], kill: Kill): NonNullable<WorldOptions['stores']> => {
  return (opener) => ({
    openApp: (url) => opener.openApp(url),
    openProject: async (url, identity) => {
      lives.push(killingStore(await opener.openProject(url, identity), lives.length === 0 ? kill : null))
      return (lives.at(-1) as KillingStore).store
    },
  })
}

/** How the question was closed, in the end, and how many turns the model got. */
async function declinedThough(kill: Kill): Promise<readonly [string, number]> {
  const { brain, texts } = asking(1)
  const lives: KillingStore[] = []
  await using world = await talking(50, {
    brain,
    stores: keeping(lives, kill),
  })
  await looping(world, async () => lives[0]?.died)
  const kernel = await world.reopen(60_000)
  return await looping(world, async () => {
    await untilTicket(kernel, world.ticketId, { fits: (t) => t.status === 'completed', ms: 30_000 })
    return [(await closings(world, world.ticketId)).join(), texts.length]
  })
}
