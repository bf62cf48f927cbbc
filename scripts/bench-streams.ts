/**
 * `npm run bench:streams [-- --only load|hub|deltas|answer|dead|lists] [--subscribers 1,10,100,1000] [--turns 1,5,20,50]
 * [--seconds N] [--rounds N]`: what clients are sent, and what it costs, beside bare servers and readers in the same run.
 * Servers, readers and the OpenCode stand-in are processes of their own; the last line is one JSON object.
 */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { benchDeadReaders } from './bench/streams/dead-reader.ts'
import { goalsOf } from './bench/streams/goals.ts'
import { benchAnswer, benchDeltas, benchHub } from './bench/streams/hub.ts'
import { benchLists } from './bench/streams/lists.ts'
import { benchLoad } from './bench/streams/load.ts'

const ANSWER_BYTES = 40_000
const BURSTS = 5
/** Paced, of the number of readers that the goals speak of; the others are measured once. */
const ROUNDS = 3

async function main(argv: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ args: [...argv], options: { only: text, subscribers: text, turns: text, seconds: text, rounds: text } })
  const list = (given: string | undefined, standard: readonly number[]): readonly number[] => given?.split(',').map(Number) ?? standard
  const wanted = (name: string): boolean => values.only === undefined || values.only.split(',').includes(name)
  const subscribers = list(values.subscribers, [1, 10, 100, 1_000])
  const seconds = Number(values.seconds ?? 3)
  const loadBefore = loadavg()
  const measured = {
    ...(wanted('load') ? { load: await benchLoad({ subscribers, seconds, rounds: Number(values.rounds ?? ROUNDS), bursts: BURSTS }) } : {}),
    ...(wanted('hub') ? { hub: await benchHub(list(values.turns, [1, 5, 20, 50]), seconds) } : {}),
    ...(wanted('deltas') ? { deltas: await benchDeltas(subscribers, seconds) } : {}),
    ...(wanted('answer') ? { answer: await benchAnswer([100, 40], ANSWER_BYTES) } : {}),
    ...(wanted('dead') ? { deadReaders: await benchDeadReaders(20) } : {}),
    ...(wanted('lists') ? { lists: await benchLists(1_000) } : {}),
  }
  const goals = goalsOf(measured)
  console.log(`\n${JSON.stringify({ loadBefore, loadAfter: loadavg(), ...measured, goals })}`)
}

await main(process.argv.slice(2))
