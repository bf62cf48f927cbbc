/**
 * One ticket's events to many readers: ours beside node's own SSE and `ws`, which write exactly the frames that ours wrote. What
 * it costs to store the events (nobody reads) is measured apart and told apart: the others store nothing.
 */
import { systemClock } from '#core'
import { median, printRows, round } from '../numbers.ts'
import { framesIn, subscriptionTo, TRANSPORTS, type Transport } from './frames.ts'
import { SUBSCRIBERS } from './goals.ts'
import { startRole, type Role } from './role.ts'
import type { LoopTroopRole } from './roles/looptroop.ts'
import type { RawRole } from './roles/raw.ts'
import type { Got, ReadersRole } from './roles/readers.ts'

export interface LoadOptions {
  readonly subscribers: readonly number[]
  readonly seconds: number
  readonly rounds: number
  readonly bursts: number
}
export interface Load {
  readonly transport: Transport
  readonly pace: 'paced' | 'burst'
  readonly subscribers: number
  /** Events times readers, per second, of ours and of the bare server. */
  readonly perSecond: number
  readonly rawPerSecond: number
  readonly ratio: number
  /** Of the bare server when it need not wait for anything to be stored. */
  readonly floodPerSecond: number
  /** Processor time of the server for each, in microseconds; without what storing the events costs; of the bare server. */
  readonly cpuUs: number
  readonly streamCpuUs: number
  readonly rawCpuUs: number
  /** Deliveries per processor second of ours, without storing, over those of the bare server. */
  readonly cpuRatio: number
  readonly p50: number
  readonly p99: number
  readonly rawP99: number
}

const EVERY_MS = 50
const PER_BURST_BATCH = 20
const CHARS = 60
/** In a burst about so many deliveries. */
const BURST_DELIVERIES = 200_000

interface Stage {
  readonly ours: Role<LoopTroopRole>
  readonly raw: Role<RawRole>
  readonly readers: Role<ReadersRole>
  readonly oursAt: { readonly port: number; readonly token: string }
  readonly rawPort: number
}
interface Shape {
  readonly transport: Transport
  readonly count: number
  readonly batches: number
  readonly perBatch: number
  readonly everyMs: number
}
interface Round {
  readonly deliveries: number
  readonly ms: number
  readonly cpuMs: number
  readonly storeCpuMs: number
  readonly p50: number
  readonly p99: number
}

export async function benchLoad(options: LoadOptions): Promise<readonly Load[]> {
  await using ours = startRole<LoopTroopRole>('looptroop')
  await using raw = startRole<RawRole>('raw')
  await using readers = startRole<ReadersRole>('readers')
  const stage = { ours, raw, readers, oursAt: await ours.call('open', { opencodeUrl: null }), rawPort: (await raw.call('open')).port }
  const loads: Load[] = []
  // Bursts first: they warm up, on both sides, what the just-in-time compiler has to see.
  for (const pace of ['burst', 'paced'] as const)
    for (const count of options.subscribers)
      for (const transport of TRANSPORTS) loads.push(await measure(stage, { pace, count, transport, ...options }))
  report(loads)
  return loads
}

type Wish = LoadOptions & { readonly pace: Load['pace']; readonly count: number; readonly transport: Transport }

async function measure(stage: Stage, { pace, count, transport, seconds, rounds, bursts }: Wish): Promise<Load> {
  const paced = { perBatch: 1, everyMs: EVERY_MS, batches: Math.round((seconds * 1_000) / EVERY_MS) }
  const few = Math.max(5, Math.min(200, Math.round(BURST_DELIVERIES / count / PER_BURST_BATCH)))
  const shape = { transport, count, ...(pace === 'paced' ? paced : { perBatch: PER_BURST_BATCH, everyMs: 0, batches: few }) }
  const [mine, bare, floods]: [Round[], Round[], Round[]] = [[], [], []]
  // The first burst counts for nothing: it warms up.
  for (let n = 0; n < (pace === 'burst' ? bursts + 1 : count === SUBSCRIBERS ? rounds : 1); n++) {
    const { round: own, frames } = await oursOnce(stage, shape)
    const theirs = await rawOnce(stage, shape, { frames, offsets: offsetsOf(frames) })
    const flood = pace === 'burst' ? await rawOnce(stage, shape, { frames, offsets: null }) : theirs
    if (pace === 'burst' && n === 0) continue
    mine.push(own)
    bare.push(theirs)
    floods.push(flood)
  }
  return summary({ pace, transport, count }, { mine, bare, floods })
}

interface Measured {
  readonly mine: readonly Round[]
  /** The bare server with ours' frames at ours' times, and as fast as it can. */
  readonly bare: readonly Round[]
  readonly floods: readonly Round[]
}
function summary({ pace, transport, count }: Pick<Wish, 'pace' | 'transport' | 'count'>, { mine, bare, floods }: Measured): Load {
  const rate = (rounds: readonly Round[]): number => median(rounds.map((one) => (one.deliveries / one.ms) * 1_000))
  const cpu = (rounds: readonly Round[], of: (one: Round) => number): number =>
    median(rounds.map((one) => (of(one) / one.deliveries) * 1_000))
  const streamCpuUs = cpu(mine, (one) => Math.max(0, one.cpuMs - one.storeCpuMs))
  const rawCpuUs = cpu(bare, (one) => one.cpuMs)
  return {
    ...{ transport, pace, subscribers: count },
    perSecond: round(rate(mine), 0),
    rawPerSecond: round(rate(bare), 0),
    ratio: round(rate(mine) / rate(bare), 2),
    floodPerSecond: round(rate(floods), 0),
    cpuUs: round(
      cpu(mine, (one) => one.cpuMs),
      2,
    ),
    streamCpuUs: round(streamCpuUs, 2),
    rawCpuUs: round(rawCpuUs, 2),
    cpuRatio: round(rawCpuUs / streamCpuUs, 2),
    p50: round(median(mine.map((one) => one.p50)), 2),
    p99: round(median(mine.map((one) => one.p99)), 2),
    rawP99: round(median(bare.map((one) => one.p99)), 2),
  }
}

let marks = 0

async function oursOnce({ ours, readers, oursAt }: Stage, shape: Shape): Promise<{ round: Round; frames: readonly string[] }> {
  const publishing = { ...shape, chars: CHARS, mark: `mark-${++marks}-` }
  // What it costs when nobody reads.
  const alone = await ours.call('usage')
  await ours.call('publish', { ...publishing, ...(await ours.call('openLog')) })
  const log = await ours.call('openLog')
  const idle = await ours.call('usage')
  const { transport, count } = shape
  const subscription = subscriptionTo(transport, log.ticketId)
  await readers.call('open', { ...oursAt, ...subscription, transport, count, opened: 'ticket.created', sampled: sampling(shape) })
  await readers.call('watch', publishing)
  await systemClock.sleep(100)
  const before = await ours.call('usage')
  const { from } = await ours.call('publish', { ...publishing, ...log })
  const got = await readers.call('until')
  const after = await ours.call('usage')
  await readers.call('close')
  const round = roundOf(shape, { from, got, cpuMs: after.cpuMs - before.cpuMs, storeCpuMs: idle.cpuMs - alone.cpuMs })
  return { round, frames: framesIn(transport, got.text) }
}

/** When the first event of each frame was stored, after the very first. */
function offsetsOf(frames: readonly string[]): readonly number[] {
  const times = frames.map((frame) => Number(/sent:([\d.]+)/.exec(frame)?.[1]))
  return times.map((time) => time - (times[0] ?? time))
}

async function rawOnce(
  { raw, readers, rawPort }: Stage,
  shape: Shape,
  playing: { readonly frames: readonly string[]; readonly offsets: readonly number[] | null },
): Promise<Round> {
  const { transport, count } = shape
  const mark = `mark-${marks}-`
  await readers.call('open', {
    ...{ transport, count, port: rawPort, path: '/', token: '', hello: null, opened: 'hello', sampled: sampling(shape) },
  })
  await readers.call('watch', { mark })
  await systemClock.sleep(100)
  const before = await raw.call('usage')
  const { from } = await raw.call('play', { transport, ...playing })
  const got = await readers.call('until')
  const after = await raw.call('usage')
  await readers.call('close')
  return roundOf(shape, { from, got, cpuMs: after.cpuMs - before.cpuMs, storeCpuMs: 0 })
}

const roundOf = (
  { count, batches, perBatch }: Shape,
  { from, got, cpuMs, storeCpuMs }: { from: number; got: Got; cpuMs: number; storeCpuMs: number },
): Round => ({ deliveries: batches * perBatch * count, ms: got.at - from, cpuMs, storeCpuMs, p50: got.p50, p99: got.p99 })

/** In a burst the readers would have no time for anything but reading times. */
const sampling = ({ everyMs, count }: Shape): number => (everyMs > 0 ? 1 : Math.max(1, Math.ceil(count / 5)))

function report(loads: readonly Load[]): void {
  console.log('\nDeliveries of one ticket\'s events (events × readers); "raw" writes the same frames and stores nothing')
  printRows(
    ['', 'readers', 'per s', 'raw', 'ratio', 'flood', 'CPU µs', 'of it stream', 'raw', 'ratio', 'p50 ms', 'p99', 'raw p99'],
    loads.map((l) => [
      `${l.pace} ${l.transport}`,
      ...[
        l.subscribers,
        l.perSecond,
        l.rawPerSecond,
        l.ratio,
        l.floodPerSecond,
        l.cpuUs,
        l.streamCpuUs,
        l.rawCpuUs,
        l.cpuRatio,
        l.p50,
        l.p99,
        l.rawP99,
      ],
    ]),
  )
}
