import * as assert from 'uvu/assert'
import { Places } from '../../core/places.ts'
import type { Place } from '../../core/places.ts'
import { describe } from '../helpers/suite.ts'

const settle = async (): Promise<void> => void (await new Promise((resolve) => setImmediate(resolve)))

/** Works that end when they are told to. */
function setUp(limit: number) {
  const cap = { limit }
  const places = new Places(() => cap.limit)
  const running = new Map<string, { readonly end: () => void; readonly place: Place }>()
  const start = (name: string, signal = new AbortController().signal): Promise<void> =>
    places.hold(
      signal,
      (place) => new Promise<void>((resolve) => running.set(name, { end: () => (running.delete(name), resolve()), place })),
    )
  return { cap, places, running, start, names: () => [...running.keys()] }
}

describe('places', (it) => {
  it('let no more run than the limit, in order of asking', async () => {
    const { places, start, names, running } = setUp(2)
    const all = ['a', 'b', 'c', 'd'].map((n) => start(n))
    await settle()
    assert.equal([names(), places.free], [['a', 'b'], 0])
    running.get('b')?.end()
    await settle()
    assert.equal(names(), ['a', 'c'])
    for (let round = 0; round < 3; round += 1) {
      running.forEach((r) => r.end())
      await settle()
    }
    await Promise.all(all)
    assert.is(places.free, 2)
  })
  it('are free while their holder waits for a person, and a resumed holder goes on at once', async () => {
    const { start, names, running, places } = setUp(1)
    const works = [start('a'), start('b')]
    await settle()
    running.get('a')?.place.pause(true)
    running.get('a')?.place.pause(true)
    await settle()
    assert.equal(names(), ['a', 'b'])
    running.get('a')?.place.pause(false)
    const late = start('c')
    running.get('b')?.end()
    await settle()
    assert.equal(names(), ['a'])
    running.get('a')?.end()
    await settle()
    running.get('c')?.end()
    await Promise.all([...works, late])
    assert.is(places.free, 1)
  })
  it('come back from work that failed or ended while paused, and from who gave up waiting', async () => {
    const { places, start, running } = setUp(1)
    const signal = new AbortController()
    const broken = places.hold(signal.signal, () => Promise.reject(new Error('broken')))
    assert.match(await broken.catch(String), /broken/)
    const paused = start('a')
    await settle()
    const gaveUp = start('b', signal.signal)
    signal.abort(new Error('gave up'))
    assert.match(String(await gaveUp.catch(String)), /gave up/)
    running.get('a')?.place.pause(true)
    running.get('a')?.end()
    await paused
    assert.is(places.free, 1)
  })
  it('follow a limit that changes', async () => {
    const { cap, start, names, running } = setUp(1)
    const works = ['a', 'b', 'c'].map((n) => start(n))
    await settle()
    cap.limit = 3
    running.get('a')?.end()
    await settle()
    assert.equal(names(), ['b', 'c'])
    running.forEach((r) => r.end())
    await Promise.all(works)
  })
})
