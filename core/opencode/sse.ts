/**
 * The smallest reader of a server-sent event stream over fetch. OpenCode sends only `data: {json}` frames. The SDK's own
 * reader is not used: it ends silently at a clean end and retries for ever at any other.
 */

/**
 * The data of each frame, what came together in one list. Ends when the server ends the stream or `signal` aborts, throws when the connection breaks.
 * The abort is heard here as well as by fetch: Node 20 can lose a fetch's signal to the garbage collector.
 */
export async function* readEventStream(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<readonly string[], void> {
  const reader = body.getReader()
  const leave = (): void => void reader.cancel().catch(() => undefined)
  signal.addEventListener('abort', leave, { once: true })
  const decoder = new TextDecoder()
  let rest = ''
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read()
      if (done) return
      const frames = (rest + decoder.decode(value, { stream: true }).replaceAll('\r', '')).split('\n\n')
      rest = frames.pop() ?? ''
      if (frames.length > 0) yield frames.map(dataOf).filter((data) => data !== '')
    }
  } finally {
    signal.removeEventListener('abort', leave)
    // Leaving early (return, throw) must free the socket; a stream that already failed rejects here, which says nothing new.
    await reader.cancel().catch(() => undefined)
  }
}

const dataOf = (frame: string): string => (frame.startsWith('data: ') && !frame.includes('\n') ? frame.slice(6) : linesOf(frame))

const linesOf = (frame: string): string =>
  frame
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(line.startsWith('data: ') ? 6 : 5))
    .join('\n')
