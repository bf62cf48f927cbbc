/**
 * Subscriptions over a socket, in tRPC's own words (its clients cannot tell the difference): the same procedures are called,
 * and their batches are sent as they are. tRPC's own way takes each apart and encodes it anew for every reader, which costs
 * some five times as much; queries, mutations and everything malformed are left to it.
 */
import type { Duplex } from 'node:stream'
import { callTRPCProcedure, getTRPCErrorFromUnknown, getTRPCErrorShape, isTrackedEnvelope, TRPCError } from '@trpc/server'
import { WebSocket } from 'ws'
import { appRouter } from './app.ts'
import type { Door } from './door.ts'
import { socketFrame } from './encode.ts'
import { isSubscription } from './event-stream.ts'
import type { Ctx, Stream } from './trpc.ts'

type Id = number | string
interface Asked {
  readonly id: Id
  readonly jsonrpc: '2.0' | undefined
  readonly path: string
  readonly input: unknown
}

/** A socket whose subscriptions are ours. Until it is known who speaks, all messages are tRPC's. */
export class StreamingSocket extends WebSocket {
  streams: SocketStreams | null = null
  /** The connection under it. */
  wire: Duplex | null = null
  /** It has frames that wait for the end of this turn of the event loop. */
  held = false

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'message' || this.streams === null) return super.emit(event, ...args)
    const rest = this.streams.take(args[0], args[1] === true)
    return rest === null || super.emit(event, rest, args[1])
  }
  /** A text, or a whole frame that was made once for many readers. Without compression a message is handed on at once: they keep their order. */
  sendFrame(frame: string | Uint8Array): void {
    if (this.readyState !== WebSocket.OPEN || this.wire === null) return
    if (!this.held) hold(this)
    if (typeof frame === 'string') this.send(frame)
    else this.wire.write(frame)
  }
}

const held: StreamingSocket[] = []
/** What is sent before the event loop is given back goes out in one write of the system, which is what a delivery costs most of. */
function hold(socket: StreamingSocket): void {
  if (held.push(socket) === 1) process.nextTick(release)
  socket.held = true
  socket.wire?.cork()
}
function release(): void {
  for (const socket of held.splice(0)) {
    socket.held = false
    socket.wire?.uncork()
  }
}

export class SocketStreams {
  readonly #socket: StreamingSocket
  readonly #ctx: Ctx
  readonly #door: Pick<Door, 'limits' | 'onError'>
  readonly #open = new Map<Id, AbortController>()

  constructor(socket: StreamingSocket, { ctx, door }: { ctx: Ctx; door: Pick<Door, 'limits' | 'onError'> }) {
    this.#socket = socket
    this.#ctx = ctx
    this.#door = door
    socket.once('close', () => {
      for (const leaving of this.#open.values()) leaving.abort()
    })
  }

  /** What of a message is not about a subscription of ours; null when nothing is left of it. */
  take(raw: unknown, binary: boolean): unknown {
    if (binary || !Buffer.isBuffer(raw) || !raw.includes('"subscription')) return raw
    const message = parsed(raw)
    if (!Array.isArray(message)) return this.#takeOne(message) ? null : raw
    if (message.length > this.#door.limits.batch) return raw
    const rest = message.filter((one) => !this.#takeOne(one))
    return rest.length === message.length ? raw : rest.length === 0 ? null : Buffer.from(JSON.stringify(rest))
  }

  #takeOne(message: unknown): boolean {
    const stopped = idOfStop(message)
    const leaving = stopped === null ? undefined : this.#open.get(stopped)
    leaving?.abort()
    if (leaving) return true
    const asked = subscriptionIn(message)
    if (asked) void this.#run(asked)
    return asked !== null
  }

  async #run(asked: Asked): Promise<void> {
    const { id, jsonrpc } = asked
    if (this.#open.has(id)) return this.#fail(asked, new TRPCError({ code: 'BAD_REQUEST', message: `Duplicate id ${id}` }))
    const leaving = new AbortController()
    this.#open.set(id, leaving)
    try {
      const values = await this.#call(asked, leaving.signal)
      this.#say({ id, jsonrpc, result: { type: 'started' } })
      const envelope = JSON.stringify({ id, jsonrpc })
      await values.into((value) => {
        this.#socket.sendFrame(isTrackedEnvelope(value) ? socketFrame(envelope, value[0], value[1]) : dataFrame({ id, jsonrpc }, value))
        return undefined
      })
      this.#say({ id, jsonrpc, result: { type: 'stopped' } })
    } catch (cause) {
      if (leaving.signal.aborted) this.#say({ id, jsonrpc, result: { type: 'stopped' } })
      else this.#fail(asked, cause)
    } finally {
      this.#open.delete(id)
    }
  }

  async #call({ path, input }: Asked, signal: AbortSignal): Promise<Stream<unknown>> {
    const getRawInput = (): Promise<unknown> => Promise.resolve(input)
    const call = { router: appRouter, path, getRawInput, ctx: this.#ctx, type: 'subscription' as const, signal, batchIndex: 0 }
    return (await callTRPCProcedure(call)) as Stream<unknown>
  }

  #fail({ id, jsonrpc, path, input }: Asked, cause: unknown): void {
    const error = getTRPCErrorFromUnknown(cause)
    this.#door.onError({ path, error })
    const shape = getTRPCErrorShape({ config: appRouter._def._config, error, type: 'subscription', path, input, ctx: this.#ctx })
    this.#say({ id, jsonrpc, error: shape })
  }
  #say(message: object): void {
    this.#socket.sendFrame(JSON.stringify(message))
  }
}

const dataFrame = (envelope: object, value: unknown): string => JSON.stringify({ ...envelope, result: { type: 'data', data: value } })

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {})
const isId = (value: unknown): value is Id => typeof value === 'string' || typeof value === 'number'

function idOfStop(message: unknown): Id | null {
  const { id, method } = fieldsOf(message)
  return method === 'subscription.stop' && isId(id) ? id : null
}

/** Null for what is another call, unknown or malformed: tRPC says what is wrong with it. */
function subscriptionIn(message: unknown): Asked | null {
  const { id, jsonrpc, method, params } = fieldsOf(message)
  const { path, input, lastEventId } = fieldsOf(params)
  if (method !== 'subscription' || !isId(id) || (jsonrpc !== undefined && jsonrpc !== '2.0')) return null
  if (typeof path !== 'string' || !isSubscription(path) || (lastEventId !== undefined && typeof lastEventId !== 'string')) return null
  const given =
    lastEventId === undefined || (input !== undefined && fieldsOf(input) !== input) ? input : { ...fieldsOf(input), lastEventId }
  return { id, jsonrpc, path, input: given }
}

function parsed(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString())
  } catch {
    // tRPC refuses it with its own words.
    return null
  }
}
