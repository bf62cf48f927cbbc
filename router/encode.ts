/**
 * JSON of what many subscribers get, made once: a batch is one object for all of them, and the text is kept beside it for
 * as long as somebody holds the batch.
 */

interface Shared {
  json: string | null
  /** Whole frames, as bytes: one for each way to say it (the number of a subscription on its socket). */
  readonly frames: Map<string, { readonly id: string; readonly bytes: Uint8Array }>
}
const shared = new WeakMap<object, Shared>()
/** Most sockets have one subscription; who has many shares less. */
const KEPT = 8

/** To be encoded once; everything else is encoded each time. */
export function share<T extends object>(value: T): T {
  if (!shared.has(value)) shared.set(value, { json: null, frames: new Map() })
  return value
}
const sharedOf = (value: unknown): Shared | undefined => (typeof value === 'object' && value !== null ? shared.get(value) : undefined)

export function jsonOf(value: unknown): string {
  const known = sharedOf(value)
  if (!known) return JSON.stringify(value) ?? 'null'
  known.json ??= JSON.stringify(value)
  return known.json
}

/** `name` tells apart who is told otherwise. Text when it is for one reader only. */
function once({ data, id, name }: Said, text: () => string, bytes: (text: string) => Uint8Array): Uint8Array | string {
  const frames = sharedOf(data)?.frames
  const found = frames?.get(name)
  if (found?.id === id) return found.bytes
  if (!frames || frames.size >= KEPT) return text()
  const made = bytes(text())
  frames.set(name, { id, bytes: made })
  return made
}
interface Said {
  readonly data: unknown
  readonly id: string
  readonly name: string
}

/** Of a tracked value, for server-sent events. */
export const eventFrame = (id: string, data: unknown): Uint8Array | string =>
  once(
    { data, id, name: 'event' },
    () => `data: ${jsonOf(data)}\nid: ${id}\n\n`,
    (text) => Buffer.from(text),
  )

/** Of a tracked value, for a socket: the id comes beside the data and with it. `envelope` is the JSON of what goes around. As bytes it is the whole frame, its head included. */
export function socketFrame(envelope: string, id: string, data: unknown): Uint8Array | string {
  const text = (): string => {
    const name = JSON.stringify(id)
    return `${envelope.slice(0, -1)},"result":{"type":"data","id":${name},"data":{"id":${name},"data":${jsonOf(data)}}}}`
  }
  return once({ data, id, name: envelope }, text, textFrame)
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
