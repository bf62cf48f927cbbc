/** What the streams are to hold, beside what was measured. */
import { loadavg } from 'node:os'
import { printRows } from '../numbers.ts'
import type { AnswerBytes, DeltaLatency, HubCost } from './hub.ts'
import type { DeadReader } from './dead-reader.ts'
import type { ListCost } from './lists.ts'
import type { Load } from './load.ts'

export interface Measured {
  readonly load?: readonly Load[]
  readonly hub?: readonly HubCost[]
  readonly deltas?: readonly DeltaLatency[]
  readonly answer?: readonly AnswerBytes[]
  readonly deadReaders?: readonly DeadReader[]
  readonly lists?: readonly ListCost[]
}
export interface Goal {
  readonly goal: string
  readonly value: number
  readonly limit: number
  readonly met: boolean
}

export const SUBSCRIBERS = 100
const TURNS = 50
/** Of the bare server's deliveries. */
const SHARE = { sse: 0.5, ws: 0.8 } as const
/** Twice what a socket may hold back before the server waits for its reader. */
const HELD_MIB = 8

const atMost = (goal: string, value: number, limit: number): Goal => ({ goal: `${goal} ≤ ${limit}`, value, limit, met: value <= limit })
const atLeast = (goal: string, value: number, limit: number): Goal => ({ goal: `${goal} ≥ ${limit}`, value, limit, met: value >= limit })

export function goalsOf(measured: Measured): readonly Goal[] {
  const goals = [...streamGoals(measured), ...deltaGoals(measured), ...restGoals(measured)]
  console.log(
    `\nGoals (load average ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')})`,
  )
  printRows(
    ['', 'measured', ''],
    goals.map(({ goal, value, met }) => [goal, value, met ? 'met' : 'NOT MET']),
  )
  return goals
}

const streamGoals = ({ load = [] }: Measured): readonly Goal[] =>
  load
    .filter(({ subscribers }) => subscribers === SUBSCRIBERS)
    .flatMap(({ pace, transport, ratio, cpuRatio, p99 }) => [
      atLeast(
        `${pace} ${transport}: deliveries per second, of the bare server's that writes the same frames at the times ours stored them`,
        ratio,
        SHARE[transport],
      ),
      atLeast(`${pace} ${transport}: deliveries per processor second without storing, of the bare server's`, cpuRatio, SHARE[transport]),
      ...(pace === 'paced' ? [atMost(`${pace} ${transport}: p99 of durable events, ms`, p99, 25)] : []),
    ])

function deltaGoals({ hub = [], deltas = [] }: Measured): readonly Goal[] {
  const [one, many] = [hub.find(({ turns }) => turns === 1), hub.find(({ turns }) => turns === TURNS)]
  return [
    ...deltas
      .filter(({ subscribers }) => subscribers === SUBSCRIBERS)
      .map(({ transport, p99 }) => atMost(`${transport}: p99 of deltas from OpenCode to the client, ms`, p99, 80)),
    ...(many ? [atMost(`${TURNS} turns: processor time for each delta, of the least that a reader needs`, many.ratio, 2.5)] : []),
    ...(one && many ? [atMost(`${TURNS} turns: processor time for each delta, µs, against one turn's`, many.cpuUs, one.cpuUs)] : []),
  ]
}

const restGoals = ({ answer = [], deadReaders = [], lists = [] }: Measured): readonly Goal[] => [
  ...answer.map(({ transport, deltaChars, ratio }) =>
    atMost(`${transport}: bytes for an answer in deltas of ${deltaChars}, of its own`, ratio, 4),
  ),
  ...deadReaders.map(({ transport, perReaderMiB }) =>
    atMost(`${transport}: MiB held for a reader that never reads`, perReaderMiB, HELD_MIB),
  ),
  ...lists.flatMap(({ list, p99, delayP99 }) => [
    atMost(`${list}: p99, ms`, p99, 50),
    atMost(`${list}: p99 of the event loop's delay, ms`, delayP99, 20),
  ]),
]
