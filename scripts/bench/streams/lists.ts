/** The lists that every page polls, with many tickets, and what the event loop notices of it. */
import { createLoopTroopClient } from '#router'
import { printRows, quantile, round } from '../numbers.ts'
import { startRole } from './role.ts'
import type { LoopTroopRole } from './roles/looptroop.ts'

export interface ListCost {
  readonly list: string
  readonly tickets: number
  readonly items: number
  readonly p50: number
  readonly p99: number
  /** Of the server's event loop meanwhile, in milliseconds. */
  readonly delayP99: number
  readonly delayMax: number
}

const CALLS = 200
const WARM_UP = 20

export async function benchLists(tickets: number): Promise<readonly ListCost[]> {
  await using ours = startRole<LoopTroopRole>('looptroop')
  const { url, token } = await ours.call('open', { opencodeUrl: null })
  await ours.call('fill', { count: tickets })
  const client = createLoopTroopClient({ url, token })
  const lists: readonly (readonly [string, () => Promise<{ items: readonly unknown[] }>])[] = [
    ['tickets.list', () => client.tickets.list.query()],
    ['tickets.list, 500 a page', () => client.tickets.list.query({ limit: 500 })],
    ['inbox.list', () => client.inbox.list.query()],
  ]
  const costs: ListCost[] = []
  for (const [list, call] of lists) {
    for (let n = 0; n < WARM_UP; n++) await call()
    await ours.call('delay')
    const times: number[] = []
    let items = 0
    for (let n = 0; n < CALLS; n++) {
      const from = performance.now()
      items = (await call()).items.length
      times.push(performance.now() - from)
    }
    const delay = await ours.call('delay')
    const at = { p50: round(quantile(times, 0.5)), p99: round(quantile(times, 0.99)) }
    costs.push({ list, tickets, items, ...at, delayP99: round(delay.p99), delayMax: round(delay.max) })
  }
  await client.close()
  console.log(`\nLists with ${tickets} tickets that wait at a gate, one call after the other; milliseconds`)
  printRows(
    ['', 'items', 'p50', 'p99', 'loop delay p99', 'max'],
    costs.map((c) => [c.list, c.items, c.p50, c.p99, c.delayP99, c.delayMax]),
  )
  return costs
}
