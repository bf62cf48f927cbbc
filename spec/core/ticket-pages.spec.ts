/** Reading many tickets without keeping others waiting. */
import * as assert from 'uvu/assert'
import { ticketPages } from '../../core/ticket-pages.ts'
import type { Ticket } from '../../core/ticket.ts'
import type { Store } from '../../core/store/store.ts'
import { describe } from '../helpers/suite.ts'

/** Tickets 1 … `count`, read as the store does. */
const storeOf = (count: number): { store: Pick<Store, 'listTickets'>; reads: number[] } => {
  const reads: number[] = []
  const all = Array.from({ length: count }, (_, i) => ({ number: i + 1 }) as Ticket)
  const listTickets: Store['listTickets'] = ({ after = 0, limit = Infinity } = {}) => {
    const page = all.filter((t) => t.number > after).slice(0, limit)
    reads.push(page.length)
    return Promise.resolve(page)
  }
  return { store: { listTickets }, reads }
}
async function numbers(store: Pick<Store, 'listTickets'>, filter: { after?: number; limit?: number } = {}): Promise<readonly number[]> {
  const seen: number[] = []
  for await (const page of ticketPages(store, filter)) seen.push(...page.map((t) => t.number))
  return seen
}
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('ticket pages', (it) => {
  it('give every ticket once, in order, some at a time', async () => {
    for (const count of [0, 1, 99, 100, 101, 250]) {
      const { store, reads } = storeOf(count)
      assert.equal(await numbers(store), count === 0 ? [] : range(1, count))
      assert.ok(reads.every((n) => n <= 100))
    }
  })

  it('keep to a cursor and a limit', async () => {
    const { store } = storeOf(300)
    assert.equal(await numbers(store, { after: 10, limit: 150 }), range(11, 160))
    assert.equal(await numbers(store, { after: 10, limit: 100 }), range(11, 110))
    assert.equal(await numbers(store, { after: 299, limit: 5 }), [300])
    assert.equal(await numbers(store, { limit: 0 }), [])
  })

  it('let others in between', async () => {
    const { store } = storeOf(250)
    let turns = 0
    const count = (): void => void ((turns += 1), (again = setImmediate(count)))
    let again = setImmediate(count)
    await numbers(store)
    clearImmediate(again)
    assert.ok(turns >= 2)
  })
})
