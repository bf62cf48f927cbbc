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

interface Said {
  readonly data: unknown
  readonly id: string
  /** Tells apart who is told otherwise. */
  readonly name: string
}
/** The frame that was made for another reader; looked for first, since most readers are not the first. */
function known(data: unknown, name: string, id: string): Uint8Array | null {
  const found = sharedOf(data)?.frames.get(name)
  return found?.id === id ? found.bytes : null
}
/** For those who come after; text when it is for this reader only. */
function made({ data, id, name }: Said, text: string, encode: (text: string) => Uint8Array): Uint8Array | string {
  const frames = sharedOf(data)?.frames
  if (!frames || frames.size >= KEPT) return text
  const bytes = encode(text)
  frames.set(name, { id, bytes })
  return bytes
}

/** Of a tracked value, for server-sent events. */
export function eventFrame(id: string, data: unknown): Uint8Array | string {
  return known(data, 'event', id) ?? made({ data, id, name: 'event' }, `data: ${jsonOf(data)}\nid: ${id}\n\n`, (text) => Buffer.from(text))
}

/** Of a tracked value, for a socket: the id comes beside the data and with it. `envelope` is the JSON of what goes around. As bytes it is the whole frame, its head included. */
export const socketFrame = (envelope: string, id: string, data: unknown): Uint8Array | string =>
  known(data, envelope, id) ?? newSocketFrame({ data, id, name: envelope })

function newSocketFrame(said: Said): Uint8Array | string {
  const id = JSON.stringify(said.id)
  const text = `${said.name.slice(0, -1)},"result":{"type":"data","id":${id},"data":{"id":${id},"data":${jsonOf(said.data)}}}}`
  return made(said, text, textFrame)
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
