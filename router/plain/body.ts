/** A JSON body, bounded. */
import type { IncomingMessage } from 'node:http'
import { TRPCError } from '@trpc/server'
import { fail } from '#core'
import { assertSane } from '../sane.ts'
import type { Limits } from '../limits.ts'

/** Undefined for none. */
export async function readBody(request: IncomingMessage, { body: limit, depth }: Pick<Limits, 'body' | 'depth'>): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) throw new TRPCError({ code: 'PAYLOAD_TOO_LARGE', message: `A body has at most ${limit} bytes.` })
    chunks.push(chunk)
  }
  if (size === 0) return undefined
  const value = parsed(Buffer.concat(chunks).toString())
  assertSane(value, depth)
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw fail('INVALID_INPUT', { field: 'body', problem: 'is not JSON' }, cause)
  }
}
