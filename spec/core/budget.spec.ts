import * as assert from 'uvu/assert'
import type { Driving } from '../../core/driving.ts'
import { Requests } from '../../core/inbox/requests.ts'
import { createBudget } from '../../core/turns/budget.ts'
import { createFakeClock } from '../helpers/fake-clock.ts'
import { describe } from '../helpers/suite.ts'
import { turnRecord } from './turn-record.ts'

describe('a budget', (it) => {
  it('runs down with the clock, counts what was used before, and ends at zero', async () => {
    const clock = createFakeClock()
    const budget = createBudget(clock, { limitMs: 1_000, usedMs: 300 })
    assert.is(budget.left(), 700)
    await clock.advance(500)
    assert.equal([budget.left(), budget.usedMs()], [200, 800])
    await clock.advance(5_000)
    assert.is(budget.left(), 0)
  })
  it('has no end without a limit, and is counted all the same', async () => {
    const clock = createFakeClock()
    const budget = createBudget(clock, { limitMs: null, usedMs: 0 })
    await clock.advance(500)
    assert.equal([budget.left(), budget.usedMs()], [null, 500])
  })
  it('stands still while any reason to pause is there', async () => {
    const clock = createFakeClock()
    const told: boolean[] = []
    const budget = createBudget(clock, { limitMs: 1_000, usedMs: 0, onPaused: (on) => told.push(on) })
    await clock.advance(100)
    budget.pause('question 1')
    await clock.advance(10_000)
    budget.pause('question 2')
    budget.resume('question 1')
    await clock.advance(10_000)
    assert.equal([budget.left(), told.at(-1)], [900, true])
    budget.resume('question 2')
    await clock.advance(100)
    assert.equal([budget.left(), told.at(-1)], [800, false])
    budget.resume('unknown')
    await clock.advance(100)
    assert.is(budget.left(), 700)
  })
  it('stands still after a restart while its own turn asks, not while another member of the council does', async () => {
    const open = (id: string, sessionId: string): object => ({ id, sessionId, phase: 'ONE', attempt: 1, detached: false, state: 'open' })
    const entries = [open('que_mine', 'ses_mine'), open('que_other', 'ses_other')]
    const driving = { store: { inbox: () => Promise.resolve(entries) } } as unknown as Driving
    const pausedIn = async (sessionId: string): Promise<boolean> => {
      const budget = createBudget(createFakeClock(), { limitMs: 1_000, usedMs: 0 })
      await new Requests(driving, null).resumePaused(turnRecord({ sessionId, phase: 'ONE', attempt: 1 }), budget)
      return budget.paused
    }
    assert.equal([await pausedIn('ses_mine'), await pausedIn('ses_third')], [true, false])
  })
})
