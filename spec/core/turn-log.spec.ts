/** How the stream of a turn gets into the ticket's log. */
import * as assert from 'uvu/assert'
import { event } from '../../core/events/events.ts'
import type { NewEvent } from '../../core/events/events.ts'
import { TurnLog } from '../../core/turns/turn-log.ts'
import type { Driving } from '../../core/driving.ts'
import { describe } from '../helpers/suite.ts'

const told = (file: string, key?: string): NewEvent => event('file.edited', { file }, key)

/** A store that keeps the batches; it fails from the `failFrom`-th on. */
function startLog(failFrom = Infinity): { log: TurnLog; batches: string[][]; failures: () => number } {
  const batches: string[][] = []
  let failures = 0
  const store = {
    appendEvents: (_fence: unknown, { events }: { events: readonly NewEvent[] }) => {
      if (batches.length + 1 >= failFrom) return Promise.reject(new RangeError('the lease is lost'))
      batches.push(events.map((e) => (e.data as { file: string }).file))
      return Promise.resolve()
    },
  }
  const driving = { store, fence: { ticketId: 't', generation: 1 }, clock: { now: () => 1 } } as unknown as Driving
  return { log: new TurnLog(driving, () => failures++), batches, failures: () => failures }
}

describe("a turn's log", (it) => {
  it('writes what came together in one batch, in order, each durable fact once', async () => {
    const { log, batches } = startLog()
    const stored: string[] = []
    log.append([told('a', 'k1')], () => stored.push('a'))
    log.append([told('b')])
    log.append([told('a again', 'k1')], () => stored.push('a again'))
    await log.flush()
    assert.equal([batches, stored], [[['a', 'b']], ['a', 'a again']])
  })

  it('does work between what came before and after it', async () => {
    const { log, batches } = startLog()
    log.append([told('a')])
    log.work(() => Promise.resolve(void batches.push(['work'])))
    log.append([told('b')])
    await log.flush()
    assert.equal(batches, [['a'], ['work'], ['b']])
  })

  it('leaves the end of a turn to the batch that settles it, after the work before', async () => {
    const { log, batches } = startLog()
    const stored: string[] = []
    log.work(() => Promise.resolve(void batches.push(['work'])))
    log.append([told('a')], () => stored.push('a'))
    log.hold()
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    log.append([told('b')])
    const taken = await log.take()
    assert.equal(
      taken.events.map((e) => e.data),
      [{ file: 'a' }, { file: 'b' }],
    )
    assert.equal([batches, stored], [[['work']], []])
    taken.stored()
    assert.equal(stored, ['a'])
    await log.flush()
    assert.equal(batches, [['work']])
  })

  it('writes what it held when the turn was not over after all', async () => {
    const { log, batches } = startLog()
    log.hold()
    log.append([told('a')])
    await log.flush()
    assert.equal(batches, [['a']])
  })

  it('keeps what it held back while the end is looked for, and does the work', async () => {
    const { log, batches } = startLog()
    log.hold()
    log.append([told('a')])
    log.work(() => Promise.resolve(void batches.push(['work'])))
    await log.settle()
    assert.equal(batches, [['a'], ['work']])
    log.append([told('b')])
    await log.settle()
    await new Promise(setImmediate)
    assert.equal(batches, [['a'], ['work']])
    assert.is((await log.take()).events.length, 1)
  })

  it('throws what the store threw, at every later flush and take, and tells of it once', async () => {
    const { log, failures } = startLog(1)
    log.append([told('a')])
    for (const call of [() => log.flush(), () => log.take()])
      await call().then(
        () => assert.unreachable(),
        (error: unknown) => assert.instance(error, RangeError),
      )
    assert.is(failures(), 1)
  })
})
