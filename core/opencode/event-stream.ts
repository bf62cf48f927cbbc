/** One connection to OpenCode's event stream of all directories, as our events, in lists as they came. Ends when it ends. */
import { systemClock, type Clock } from '../ports.ts'
import { fail } from '../errors.ts'
import type { OpencodeEvent } from './adapter.ts'
import { authHeader, failureOf, guardedFetch, callOpencode } from './call.ts'
import type { Credentials } from './health.ts'
import { directoryOf, isSyncFrame, readFrame } from './normalize-event.ts'
import { readEventStream } from './sse.ts'

export interface EventSource {
  readonly baseUrl: string
  readonly auth?: Credentials | undefined
  readonly clock?: Clock | undefined
  readonly fetch?: typeof fetch | undefined
  readonly directories?: ((directory: string) => boolean) | undefined
  readonly onDiagnostic?: ((message: string) => void) | undefined
  readonly signal: AbortSignal
}

const CONNECT_TIMEOUT_MS = 5_000
/** OpenCode loses events for up to 20 ms after its own "connected" (measured: 13 of 15 times); we say so only after that. */
const SETTLE_MS = 100

export async function* readEvents(source: EventSource): AsyncGenerator<readonly OpencodeEvent[], void> {
  const { clock = systemClock, signal } = source
  const body = await connect(source, clock)
  try {
    for await (const frames of readEventStream(body, signal)) {
      const events = frames.map((frame) => readOne(source, frame)).filter((event) => event !== null)
      if (events.some((event) => event.type === 'stream.connected')) await clock.sleep(SETTLE_MS, signal)
      if (events.length > 0) yield events
    }
  } catch (error) {
    if (signal.aborted) return
    throw failureOf({ baseUrl: source.baseUrl, clock, operation: 'the event stream' }, { error })
  }
}

async function connect(source: EventSource, clock: Clock): Promise<ReadableStream<Uint8Array>> {
  const { baseUrl, signal } = source
  const spec = { baseUrl, clock, operation: 'the event stream', options: { signal, timeoutMs: CONNECT_TIMEOUT_MS } }
  // The time-out ends with the headers, so the stream itself hangs on the caller's signal alone.
  const data = await callOpencode(spec, async () => {
    const request = new Request(new URL('/global/event', baseUrl), { headers: authHeader(source.auth), signal, redirect: 'manual' })
    const response = await guardedFetch(source.fetch, baseUrl)(request)
    return response.ok ? { data: response.body, response } : { error: await response.text(), response }
  })
  if (data instanceof ReadableStream) return data as ReadableStream<Uint8Array>
  throw fail('OPENCODE_STRANGER', { baseUrl, problem: 'its event stream has no body' })
}

function readOne(source: EventSource, frame: string): OpencodeEvent | null {
  if (isSyncFrame(frame)) return null
  try {
    const directory = source.directories && directoryOf(frame)
    if (directory !== undefined && source.directories?.(directory) === false) return null
    const reading = readFrame(frame)
    if (reading === null) return null
    if ('event' in reading) return reading.event
    source.onDiagnostic?.(`OpenCode sent a ${reading.malformed} that cannot be read; it was skipped.`)
  } catch (error) {
    // One bad frame must not cost the stream; it is reported instead.
    source.onDiagnostic?.(`OpenCode sent a frame that is no JSON; it was skipped (${String(error)}).`)
  }
  return null
}
