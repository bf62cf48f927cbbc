/**
 * What one server takes on. Each is an option (`limits` of the server, LOOPTROOP_LIMITS in the environment) with a default
 * that no honest client meets and that keeps memory and sockets bounded whoever calls.
 */
import { fail } from '#core'

export const DEFAULT_LIMITS = {
  /** Bytes of a request's body. */
  body: 1024 * 1024,
  /** Bytes of a WebSocket message. */
  frame: 1024 * 1024,
  /** Calls in a batch. */
  batch: 20,
  /** Lists and objects inside each other in an input. */
  depth: 32,
  /** Queries per second of one token, after `readBurst` at once. What a stream sends is not counted. */
  reads: 500,
  readBurst: 2_000,
  /** Mutations; apart from reads, so that a page that polls cannot shut out a person's decision. */
  writes: 100,
  writeBurst: 500,
  /** Open connections, whoever they are of. */
  connections: 2_000,
  /** Event streams and sockets of one token; fewer than connections, so that calls still come through. */
  streams: 1_500,
  /** Subscriptions on one socket. */
  subscriptions: 1_000,
  /** Milliseconds for the head of a request, for all of it, and for a socket to say who it is. */
  headMs: 10_000,
  requestMs: 30_000,
  helloMs: 10_000,
  /** Milliseconds between pings of a socket, and for its answer: a half-open one is gone after both. */
  pingMs: 30_000,
  pongMs: 10_000,
  /** Milliseconds in which a reader of an event stream has to take something of what waits for it. */
  stalledMs: 120_000,
} as const

export type Limits = { readonly [K in keyof typeof DEFAULT_LIMITS]: number }

export const limitsOf = (given: Partial<Limits> = {}): Limits => ({ ...DEFAULT_LIMITS, ...given })

/** `LOOPTROOP_LIMITS=reads=50,connections=200` */
export function parseLimits(text: string | undefined): Partial<Limits> {
  const entries = (text ?? '').split(',').map((entry) => entry.trim())
  return Object.fromEntries(entries.filter((entry) => entry !== '').map(limitOf))
}

function limitOf(entry: string): readonly [string, number] {
  const [name = '', value = ''] = entry.split('=').map((half) => half.trim())
  if (!Object.hasOwn(DEFAULT_LIMITS, name) || !/^[1-9]\d{0,9}$/.test(value)) {
    const known = Object.keys(DEFAULT_LIMITS).join(', ')
    throw fail('CONFIG_INVALID', { problems: `LOOPTROOP_LIMITS: "${entry}" is not name=number with a name of ${known}` })
  }
  return [name, Number(value)]
}
