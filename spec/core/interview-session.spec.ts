/** The interview keeps one session for all its batches; one that is lost is made anew and told everything that was answered. */
import * as assert from 'uvu/assert'
import { exampleBrain } from '../../core/opencode/fake/brain.ts'
import type { FakeBrain } from '../../core/opencode/fake/brain.ts'
import { definePipeline } from '../../plugins/index.ts'
import { describe } from '../helpers/suite.ts'
import { startWorld } from '../helpers/world.ts'
import { Person } from '../phases/person.ts'

const interviewing = definePipeline({
  name: 'interviewing',
  label: 'I',
  rows: ['DRAFTING_INTERVIEW', 'WAITING_INTERVIEW_ANSWERS'].map((phase) => ({ phase, group: 'g' })),
})
/** The last phase first: they are asked in the order of the phases. */
const questions = [9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => ({
  ...{ id: `Q${n}`, phase: n <= 3 ? 'foundation' : n <= 6 ? 'structure' : 'assembly', question: `What is ${n}?`, rationale: '' },
  ...{ answer_type: 'free_text', options: [] },
}))
const seen: { readonly session: string; readonly text: string }[] = []
const brain: FakeBrain = (turn) => {
  seen.push({ session: turn.sessionId, text: turn.text })
  return turn.text.includes('<INTERVIEW_QUESTIONS>')
    ? [{ type: 'text', text: `<INTERVIEW_QUESTIONS>${JSON.stringify({ questions })}</INTERVIEW_QUESTIONS>` }]
    : exampleBrain(turn)
}

describe('the interview', (it) => {
  it('asks by phase, keeps its session, and goes on in another one when it is gone, with all answers', async () => {
    await using world = await startWorld({ brain, pipelines: [interviewing] })
    const { kernel } = world
    const { id } = await world.start('Ask', 'interviewing')
    const asked: string[][] = []
    const person = new Person(kernel, (_phase, _time, form) => {
      asked.push((form.questions ?? []).map((q) => (q as { id: string }).id))
      return undefined
    })
    for (let batch = 1; ; batch += 1) {
      await world.drive()
      const ticket = await kernel.tickets.get(id)
      if (ticket.status === 'completed') break
      if (batch === 3) {
        const kept = (await kernel.tickets.sessions(id)).find((s) => s.state === 'active')
        await world.fake?.adapter.deleteSession(kept?.sessionId ?? '')
      }
      assert.ok(await person.decideOne(ticket), JSON.stringify(ticket))
    }
    assert.equal(asked, [['Q3', 'Q2', 'Q1'], ['Q6', 'Q5', 'Q4'], ['Q9', 'Q8', 'Q7'], ['final']])
    const dialogue = seen.filter((s) => /INTERVIEW_BATCH|INTERVIEW_SUMMARY/.test(s.text))
    assert.equal(
      dialogue.map((s) => s.session === dialogue[0]?.session),
      [true, true, false, false],
    )
    const last = dialogue.at(-1)?.text ?? ''
    for (let n = 1; n <= 9; n += 1) assert.ok(last.includes(`Answer: About Q${n}`), `Q${n}`)
    assert.is((await kernel.tickets.turns(id)).filter((t) => t.receipt !== 'settled').length, 0)
  })
})
