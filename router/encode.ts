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

interface Making {
  readonly text: () => string
  readonly bytes: () => Uint8Array
}
/** Text when it is for one reader only. */
function once(data: unknown, name: string, { text, bytes }: Making): Uint8Array | string {
  if (typeof data !== 'object' || data === null || !shared.has(data)) return text()
  const known = frames.get(data) ?? new Map<string, Uint8Array>()
  const found = known.get(name)
  if (found) return found
  if (known.size >= KEPT) return text()
  const made = bytes()
  frames.set(data, known.set(name, made))
  return made
}

/** Of a tracked value, for server-sent events. */
export function eventFrame(id: string, data: unknown): Uint8Array | string {
  const text = (): string => `data: ${jsonOf(data)}\nid: ${id}\n\n`
  return once(data, `event ${id}`, { text, bytes: () => Buffer.from(text()) })
}

/** Of a tracked value, for a socket: the id comes beside the data and with it. As bytes it is the whole frame, its head included. */
export function socketFrame(
  to: { readonly id: number | string; readonly jsonrpc: string | undefined },
  id: string,
  data: unknown,
): Uint8Array | string {
  const envelope = JSON.stringify(to)
  const name = JSON.stringify(id)
  const text = (): string => `${envelope.slice(0, -1)},"result":{"type":"data","id":${name},"data":{"id":${name},"data":${jsonOf(data)}}}}`
  return once(data, `${envelope} ${id}`, { text, bytes: () => textFrame(text()) })
}

/** One unmasked text frame (RFC 6455, 5.2): what a server sends. */
function textFrame(text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10)
  head[0] = 0x81
  head[1] = head.length === 2 ? body.length : head.length === 4 ? 126 : 127
  if (head.length === 4) head.writeUInt16BE(body.length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([head, body])
}
