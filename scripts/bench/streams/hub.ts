/**
 * What a delta of OpenCode costs us, however many turns run at once: hub, turn watch, feed, in a whole server, beside the least
 * that a reader of that stream can do. And how late and how many bytes it is when it arrives at a client.
 */
import { systemClock } from '#core'
import { printRows, round } from '../numbers.ts'
import { subscriptionTo, TRANSPORTS, type Transport } from './frames.ts'
import { startRole, type Role } from './role.ts'
import type { LoopTroopRole } from './roles/looptroop.ts'
import type { MinimalRole } from './roles/minimal.ts'
import type { OpencodeRole } from './roles/opencode.ts'
import type { ReadersRole } from './roles/readers.ts'

export interface HubCost {
  readonly turns: number
  readonly deltas: number
  /** Processor time for each delta in microseconds: ours, ours without what the server does anyway, the least. */
  readonly cpuUs: number
  readonly netCpuUs: number
  readonly minimalCpuUs: number
  readonly ratio: number
}

const EVERY_MS = 10
const CHARS = 40
const ANSWER = '<SAID>{"said": "something"}</SAID>'

interface Stage extends AsyncDisposable {
  readonly ours: Role<LoopTroopRole>
  readonly opencode: Role<OpencodeRole>
  readonly at: { readonly port: number; readonly token: string }
  readonly url: string
}
async function openStage(): Promise<Stage> {
  const opencode = startRole<OpencodeRole>('opencode')
  const { url } = await opencode.call('open')
  const ours = startRole<LoopTroopRole>('looptroop')
  const dispose = async (): Promise<void> => {
    await ours[Symbol.asyncDispose]()
    await opencode[Symbol.asyncDispose]()
  }
  return { ours, opencode, url, at: await ours.call('open', { opencodeUrl: url }), [Symbol.asyncDispose]: dispose }
}

async function startTurns({ ours, opencode }: Stage, count: number): Promise<readonly string[]> {
  const ids = await ours.call('startTurns', { count })
  while ((await opencode.call('speaking')) < count) await systemClock.sleep(50)
  // What begins with a turn (its first events, its looks) is over.
  await systemClock.sleep(1_500)
  return ids
}

export async function benchHub(turns: readonly number[], seconds: number): Promise<readonly HubCost[]> {
  const costs: HubCost[] = []
  for (const count of turns) costs.push(await measure(count, seconds))
  console.log('\nProcessor time for each delta of OpenCode (100 per second and turn), microseconds')
  printRows(
    ['turns', 'deltas', 'ours', 'without idling', 'least', 'ratio'],
    costs.map((c) => [c.turns, c.deltas, c.cpuUs, c.netCpuUs, c.minimalCpuUs, c.ratio]),
  )
  return costs
}

async function measure(count: number, seconds: number): Promise<HubCost> {
  await using stage = await openStage()
  await using minimal = startRole<MinimalRole>('minimal')
  const { ours, opencode } = stage
  const ids = await startTurns(stage, count)
  await minimal.call('open', { url: stage.url })
  const deltas = (seconds * 1_000) / EVERY_MS
  const speaking = { deltas, everyMs: EVERY_MS, chars: CHARS, mark: '' }
  // Once to warm up.
  await opencode.call('speak', { ...speaking, deltas: Math.min(deltas, 100) })
  const usages = async (): Promise<readonly [number, number]> => [(await ours.call('usage')).cpuMs, (await minimal.call('usage')).cpuMs]
  const idle = await usages()
  await systemClock.sleep(seconds * 1_000)
  const before = await usages()
  await opencode.call('speak', speaking)
  await systemClock.sleep(100)
  const after = await usages()
  await opencode.call('finish', { answer: ANSWER })
  await ours.call('settled', { ids })
  const total = deltas * count
  const cpuUs = ((after[0] - before[0]) / total) * 1_000
  const minimalCpuUs = ((after[1] - before[1]) / total) * 1_000
  return {
    ...{ turns: count, deltas: total, cpuUs: round(cpuUs), minimalCpuUs: round(minimalCpuUs), ratio: round(cpuUs / minimalCpuUs, 2) },
    netCpuUs: round(((after[0] - before[0] - (before[0] - idle[0])) / total) * 1_000),
  }
}

export interface DeltaLatency {
  readonly transport: Transport
  readonly subscribers: number
  readonly deltas: number
  readonly p50: number
  readonly p99: number
}
/** From OpenCode's write to the client, gathering included. */
export async function benchDeltas(subscribers: readonly number[], seconds: number): Promise<readonly DeltaLatency[]> {
  await using stage = await openStage()
  await using readers = startRole<ReadersRole>('readers')
  const [ticketId = ''] = await startTurns(stage, 1)
  // Who comes is shown what is open: then it is known to be there.
  await stage.opencode.call('speak', { deltas: 1, everyMs: EVERY_MS, chars: CHARS, mark: '' })
  const latencies: DeltaLatency[] = []
  for (const count of subscribers)
    for (const transport of TRANSPORTS) {
      const subscription = subscriptionTo(transport, ticketId)
      await readers.call('open', { ...stage.at, ...subscription, transport, count, opened: 'part.snapshot', sampled: 1 })
      const mark = `mark-${count}-${transport}-`
      await readers.call('watch', { mark })
      const deltas = (seconds * 1_000) / EVERY_MS
      await stage.opencode.call('speak', { deltas, everyMs: EVERY_MS, chars: CHARS, mark })
      const got = await readers.call('until')
      await readers.call('close')
      latencies.push({ transport, subscribers: count, deltas: got.count, p50: round(got.p50), p99: round(got.p99) })
    }
  await stage.opencode.call('finish', { answer: ANSWER })
  console.log('\nDeltas: milliseconds from OpenCode to the client')
  printRows(
    ['', 'readers', 'p50', 'p99'],
    latencies.map((l) => [l.transport, l.subscribers, l.p50, l.p99]),
  )
  return latencies
}

export interface AnswerBytes {
  readonly transport: Transport
  readonly deltaChars: number
  readonly answerBytes: number
  readonly bytes: number
  readonly ratio: number
}
/** All that one client gets from the first delta to the end of the turn, with the frames around it. */
export async function benchAnswer(sizes: readonly number[], answerBytes: number): Promise<readonly AnswerBytes[]> {
  const all: AnswerBytes[] = []
  for (const chars of sizes) all.push(...(await answerOnce(chars, answerBytes)))
  console.log('\nBytes to one client for one answer, at 100 deltas per second')
  printRows(
    ['', 'characters a delta', 'answer', 'bytes', 'ratio'],
    all.map((a) => [a.transport, a.deltaChars, a.answerBytes, a.bytes, a.ratio]),
  )
  return all
}

async function answerOnce(chars: number, answerBytes: number): Promise<readonly AnswerBytes[]> {
  await using stage = await openStage()
  const [ticketId = ''] = await startTurns(stage, 1)
  const clients = TRANSPORTS.map((transport) => ({ transport, role: startRole<ReadersRole>('readers') }))
  try {
    for (const { transport, role } of clients) {
      const subscription = subscriptionTo(transport, ticketId)
      await role.call('open', { ...stage.at, ...subscription, transport, count: 1, opened: 'turn.admitted', sampled: 1 })
      await role.call('watch', { mark: '"turn.settled"' })
    }
    await stage.opencode.call('speak', { deltas: Math.round(answerBytes / chars), everyMs: EVERY_MS, chars, mark: '' })
    await stage.opencode.call('finish', { answer: ANSWER })
    return await Promise.all(
      clients.map(async ({ transport, role }) => {
        const bytes = (await role.call('until')).bytes[0] ?? Number.NaN
        return { transport, deltaChars: chars, answerBytes, bytes, ratio: round(bytes / answerBytes, 2) }
      }),
    )
  } finally {
    for (const { role } of clients) await role[Symbol.asyncDispose]()
  }
}
