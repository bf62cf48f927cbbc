/**
 * JSON of what many subscribers get, made once: a batch is one object for all of them, and the text is kept beside it for
 * as long as somebody holds the batch.
 */

const shared = new WeakMap<object, string | null>()

/** To be encoded once; everything else is encoded each time. */
export function share<T extends object>(value: T): T {
  if (!shared.has(value)) shared.set(value, null)
  return value
}

export function jsonOf(value: unknown): string {
  if (typeof value !== 'object' || value === null || !shared.has(value)) return JSON.stringify(value) ?? 'null'
  const known = shared.get(value)
  if (typeof known === 'string') return known
  const text = JSON.stringify(value)
  shared.set(value, text)
  return text
}

/** Frames of batches that many readers get, as bytes: one for each way to say it (the number of a subscription on its socket). */
const frames = new WeakMap<object, Map<string, Uint8Array>>()
/** Most sockets have one subscription; who has many shares less. */
const KEPT = 8

function frameOnce(data: unknown, name: string, make: () => string): Uint8Array | string {
  if (typeof data !== 'object' || data === null || !shared.has(data)) return make()
  const known = frames.get(data) ?? new Map<string, Uint8Array>()
  const found = known.get(name)
  if (found) return found
  const made = Buffer.from(make())
  if (known.size < KEPT) frames.set(data, known.set(name, made))
  return made
}

/** Of a tracked value, for server-sent events. */
export const eventFrame = (id: string, data: unknown): Uint8Array | string =>
  frameOnce(data, `event ${id}`, () => `data: ${jsonOf(data)}\nid: ${id}\n\n`)

/** Of a tracked value, for a socket: the id comes beside the data and with it. */
export function socketFrame(
  to: { readonly id: number | string; readonly jsonrpc: string | undefined },
  id: string,
  data: unknown,
): Uint8Array | string {
  const envelope = JSON.stringify(to)
  const name = JSON.stringify(id)
  const make = (): string => `${envelope.slice(0, -1)},"result":{"type":"data","id":${name},"data":{"id":${name},"data":${jsonOf(data)}}}}`
  return frameOnce(data, `${envelope} ${id}`, make)
}
