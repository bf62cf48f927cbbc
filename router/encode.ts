/**
 * JSON of what many subscribers get, made once: a batch is one object for all of them, and the text is kept beside it for
 * as long as somebody holds the batch.
 */
import type { Encoder } from '@trpc/server/adapters/ws'
import { jsonEncoder } from '@trpc/server/adapters/ws'

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

interface DataMessage {
  readonly id: number | string
  readonly result: { readonly type: 'data'; readonly id?: string; readonly data: unknown }
}
const isShared = (message: unknown): message is DataMessage => {
  const data = (message as Partial<DataMessage>).result?.data
  return typeof data === 'object' && data !== null && shared.has(data)
}

/** tRPC's messages over a socket, with the shared part pasted in. */
export const socketEncoder: Encoder = {
  encode: (message) => {
    if (!isShared(message)) return jsonEncoder.encode(message)
    const { result, ...envelope } = message
    const { data, ...rest } = result
    const head = JSON.stringify({ ...envelope, result: rest })
    return `${head.slice(0, -2)},"data":${jsonOf(data)}}}`
  },
  decode: (text) => jsonEncoder.decode(text),
}
