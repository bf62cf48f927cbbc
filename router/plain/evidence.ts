/**
 * The bytes of attached files: `POST …/evidence?name=screen.png` with the file as the body, and back again. Only images that
 * are safe to show are shown; everything else is a download, whatever the person called it.
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import * as v from 'valibot'
import { fail } from '#core'
import { Id, Sha256 } from '../shapes.ts'
import type { Asked } from './routes.ts'

const Name = v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(500))
const SHOWN: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'])

export function takeEvidence({ kernel, request, path, query }: Asked): Promise<unknown> {
  const ticketId = checked(Id, path['ticketId'], 'ticketId')
  const name = checked(Name, query.get('name') ?? '', 'name')
  return kernel.evidence.add({ ticketId, name }, request as AsyncIterable<Buffer>)
}

export async function giveEvidence({ kernel, response, path }: Asked): Promise<undefined> {
  const ticketId = checked(Id, path['ticketId'], 'ticketId')
  const sha256 = checked(Sha256, path['sha256'], 'sha256')
  const { view, path: file } = await kernel.evidence.find({ ticketId, sha256 })
  const shown = SHOWN.has(view.type)
  response.writeHead(200, {
    'content-type': shown ? view.type : 'application/octet-stream',
    'content-length': view.bytes,
    'content-disposition': `${shown ? 'inline' : 'attachment'}; filename*=UTF-8''${encodeURIComponent(view.name)}`,
  })
  await pipeline(createReadStream(file), response)
}

function checked<S extends v.GenericSchema>(schema: S, value: unknown, field: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  throw fail('INVALID_INPUT', { field, problem: result.issues[0].message })
}
