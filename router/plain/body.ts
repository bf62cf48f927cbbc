/** A JSON body, bounded. */
import type { IncomingMessage } from 'node:http'
import { TRPCError } from '@trpc/server'

const MAX_BODY = 1024 * 1024

/** Undefined for none. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) throw new TRPCError({ code: 'PAYLOAD_TOO_LARGE', message: `A body has at most ${MAX_BODY} bytes.` })
    chunks.push(chunk)
  }
  if (size === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString())
  } catch (cause) {
    throw new TRPCError({ code: 'BAD_REQUEST', message: 'The body is not JSON.', cause })
  }
}
