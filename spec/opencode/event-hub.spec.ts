import * as assert from 'uvu/assert'
import type { OpencodeEvent, OpencodeEventBody, RemoteSession } from '../../core/opencode/adapter.ts'
import { createEventHub, SILENCE_MS, type EventHub, type SessionListener } from '../../core/opencode/event-hub.ts'
import { createFakeClock, type FakeClock } from '../helpers/fake-clock.ts'
import { describe } from '../helpers/suite.ts'

interface Connection {
  push(event: OpencodeEventBody, directory?: string): void
  end(error?: Error): void
  readonly signal: AbortSignal
}
interface World extends AsyncDisposable {
  readonly hub: EventHub
  readonly clock: FakeClock
  readonly connections: readonly Connection[]
  readonly lookups: readonly string[]
  readonly diagnostics: string[]
  readonly changes: string[]
  /** Answers `getSession`. */
  readonly sessions: Map<string, RemoteSession | Error>
}

function openConnection(signal: AbortSignal, deaf: boolean): { connection: Connection; events: AsyncIterable<readonly OpencodeEvent[]> } {
  const queue: (OpencodeEvent | Error | null)[] = []
  let wake: (() => void) | undefined
  const put = (entry: OpencodeEvent | Error | null): void => {
    queue.push(entry)
    wake?.()
  }
  if (!deaf) signal.addEventListener('abort', () => put(null))
  async function* read(): AsyncGenerator<readonly OpencodeEvent[]> {
    for (;;) {
      const entry = queue.shift()
      if (entry instanceof Error) throw entry
      if (entry === null) return
      if (entry) yield [entry]
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const push = (event: OpencodeEventBody, directory = '/w'): void => put({ directory, ...event })
  return { connection: { push, end: (error) => put(error ?? null), signal }, events: read() }
}

function startWorld({ deaf = false } = {}): World {
  const clock = createFakeClock()
  const connections: Connection[] = []
  const lookups: string[] = []
  const diagnostics: string[] = []
  const sessions = new Map<string, RemoteSession | Error>()
  const adapter = {
    subscribeToEvents: ({ signal }: { signal: AbortSignal }) => {
      const { connection, events } = openConnection(signal, deaf)
      connections.push(connection)
      return events
    },
    getSession: async (id: string) => {
      lookups.push(id)
      await clock.sleep(10)
      const found = sessions.get(id)
      if (found instanceof Error) throw found
      return found ?? null
    },
  }
  const hub = createEventHub({ adapter, clock, chance: { random: () => 1 }, onDiagnostic: (message) => diagnostics.push(message) })
  const changes: string[] = []
  hub.onStream((change) => changes.push(change.type))
  hub.start()
  const dispose = (): Promise<void> => hub.close()
  return { hub, clock, connections, lookups, diagnostics, changes, sessions, [Symbol.asyncDispose]: dispose }
}

const session = (id: string, parentId?: string): RemoteSession => ({
  id,
  directory: '/w',
  title: '',
  createdAt: 0,
  ...(parentId === undefined ? {} : { parentId }),
})
const busy = (sessionId: string): OpencodeEventBody => ({ type: 'session.status', sessionId, status: { type: 'busy' } })
const compacted = (sessionId: string): OpencodeEventBody => ({ type: 'session.compacted', sessionId })
const connected: OpencodeEventBody = { type: 'stream.connected' }

describe('the event hub', (it) => {
  it('is ready when its stream is connected, and says so once', async () => {
    await using world = startWorld()
    const ready = world.hub.ready()
    await world.clock.advance(0)
    world.connections[0]?.push(connected)
    await ready
    await world.hub.ready()
    assert.equal(world.changes, ['connected'])
    assert.is(world.hub.state().connected, true)
  })
  it('gives up waiting with the reason of its caller', async () => {
    await using world = startWorld()
    const reason = new Error('enough')
    const abort = new AbortController()
    const ready = world.hub.ready(abort.signal).catch((error: unknown) => error)
    abort.abort(reason)
    assert.is(await ready, reason)
  })
  it('gives the events of a session to its watchers and to no one else, in order', async () => {
    await using world = startWorld()
    const seen: string[] = []
    const stop = world.hub.watch('ses_a', (event, owner) => seen.push(`${event.type}@${owner}`))
    world.connections[0]?.push(connected)
    for (const event of [busy('ses_a'), compacted('ses_a')]) world.connections[0]?.push(event)
    world.connections[0]?.push({ type: 'file.edited', file: '/w/x' })
    await world.clock.advance(0)
    stop()
    world.connections[0]?.push(busy('ses_a'))
    await world.clock.advance(0)
    assert.equal(seen, ['session.status@ses_a', 'session.compacted@ses_a'])
  })
  it('gives what belongs to a directory to its watchers', async () => {
    await using world = startWorld()
    const seen: string[] = []
    world.hub.watchDirectory('/w', (event) => seen.push(event.type))
    world.connections[0]?.push({ type: 'file.edited', file: '/w/x' }, '/w')
    world.connections[0]?.push({ type: 'file.edited', file: '/v/x' }, '/v')
    await world.clock.advance(0)
    assert.equal(seen, ['file.edited'])
  })
  it("gives a sub-agent's events, at any depth, to the owner it descends from", async () => {
    await using world = startWorld()
    const seen: string[] = []
    world.hub.watch('ses_a', (event, owner) => seen.push(`${event.type}@${owner}`))
    const one = world.connections[0]
    one?.push({ type: 'session.created', session: session('ses_b', 'ses_a') })
    one?.push({ type: 'session.created', session: session('ses_c', 'ses_b') })
    one?.push(busy('ses_c'))
    await world.clock.advance(0)
    assert.equal(seen, ['session.created@ses_a', 'session.created@ses_a', 'session.status@ses_a'])
    assert.is(world.hub.ownerOf('ses_c'), 'ses_a')
    assert.equal(world.lookups, [])
  })
  it('asks once for a descent it does not know, and keeps what comes meanwhile in order', async () => {
    await using world = startWorld()
    world.sessions.set('ses_c', session('ses_c', 'ses_b'))
    world.sessions.set('ses_b', session('ses_b', 'ses_a'))
    const seen: string[] = []
    world.hub.watch('ses_a', (event) => seen.push(event.type))
    for (const event of [busy('ses_c'), compacted('ses_c'), busy('ses_c')]) world.connections[0]?.push(event)
    await world.clock.advance(5)
    assert.equal(seen, [])
    await world.clock.advance(100)
    world.connections[0]?.push(compacted('ses_c'))
    await world.clock.advance(0)
    assert.equal(seen, ['session.status', 'session.compacted', 'session.status', 'session.compacted'])
    assert.equal(world.lookups, ['ses_c', 'ses_b'])
  })
  it('asks for no stranger twice, and for nobody when nothing is watched', async () => {
    await using world = startWorld()
    world.connections[0]?.push(busy('ses_x'))
    await world.clock.advance(100)
    assert.equal(world.lookups, [])
    world.hub.watch('ses_a', () => assert.unreachable())
    for (let i = 0; i < 3; i++) {
      world.connections[0]?.push(busy('ses_x'))
      await world.clock.advance(100)
    }
    assert.equal(world.lookups, ['ses_x'])
  })
  it('reports a lookup that fails and asks again at the next event', async () => {
    await using world = startWorld()
    world.sessions.set('ses_b', new Error('away'))
    const seen: string[] = []
    world.hub.watch('ses_a', (event) => seen.push(event.type))
    world.connections[0]?.push(busy('ses_b'))
    await world.clock.advance(100)
    assert.match(world.diagnostics.join(), 'away')
    world.sessions.set('ses_b', session('ses_b', 'ses_a'))
    world.connections[0]?.push(compacted('ses_b'))
    await world.clock.advance(100)
    assert.equal(seen, ['session.compacted'])
  })
  it('survives listeners that throw, at once or later', async () => {
    await using world = startWorld()
    const seen: string[] = []
    world.hub.watch('ses_a', () => {
      throw new Error('at once')
    })
    // A listener that is async by mistake: its rejection must not end the hub either.
    const late = (() => Promise.reject(new Error('later'))) as unknown as SessionListener
    world.hub.watch('ses_a', late)
    world.hub.watch('ses_a', (event) => seen.push(event.type))
    world.connections[0]?.push(busy('ses_a'))
    world.connections[0]?.push(busy('ses_a'))
    await world.clock.advance(0)
    assert.is(seen.length, 2)
    assert.is(world.diagnostics.length, 4)
  })
  it('connects again when the stream ends or breaks, with growing pauses that a good connection resets', async () => {
    await using world = startWorld()
    world.connections[0]?.push(connected)
    await world.clock.advance(0)
    world.connections[0]?.end()
    await world.clock.advance(0)
    assert.equal(world.changes, ['connected', 'lost'])
    await world.clock.advance(100)
    assert.is(world.connections.length, 2)
    for (const pause of [200, 400, 800, 1_600, 3_200, 5_000, 5_000]) {
      const count = world.connections.length
      world.connections.at(-1)?.end(new Error('refused'))
      await world.clock.advance(pause - 1)
      assert.is(world.connections.length, count, `not before ${pause} ms`)
      await world.clock.advance(1)
      assert.is(world.connections.length, count + 1)
    }
    assert.equal(world.changes, ['connected', 'lost'], 'what was never connected is not lost')
    world.connections.at(-1)?.push(connected)
    await world.clock.advance(0)
    const count = world.connections.length
    world.connections.at(-1)?.end()
    await world.clock.advance(100)
    assert.is(world.connections.length, count + 1)
    assert.is(world.hub.state().connections, 2)
  })
  for (const deaf of [false, true]) {
    it(`leaves a silent stream after ${SILENCE_MS} ms${deaf ? ', even one that does not hear the abort' : ''}`, async () => {
      await using world = startWorld({ deaf })
      world.connections[0]?.push(connected)
      await world.clock.advance(20_000)
      world.connections[0]?.push({ type: 'stream.heartbeat' })
      await world.clock.advance(SILENCE_MS - 1)
      assert.is(world.connections.length, 1)
      await world.clock.advance(1_000)
      assert.is(world.connections.length, 2)
      assert.ok(world.connections[0]?.signal.aborted)
      assert.match(world.hub.state().lastProblem ?? '', 'no frame for')
      assert.equal(world.changes, ['connected', 'lost'])
    })
  }
  it('closes at once, connected or between two tries, and leaves no timer', async () => {
    const world = startWorld()
    world.connections[0]?.end()
    await world.clock.advance(0)
    await world.hub.close()
    await world.clock.advance(0)
    assert.is(world.clock.sleepers, 0)
    assert.is(world.connections.length, 1)
  })
})
