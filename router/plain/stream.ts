/**
 * A ticket's events as server-sent events, one frame each: `id` and `event` (its type) of a durable one, no id on what is
 * live only. `Last-Event-ID` goes on after it.
 */
import { fail, type EventBatch } from '#core'
import { drained, openStream } from '../event-stream.ts'
import type { Asked } from './routes.ts'

export async function plainStream({ kernel, door, request, response, query }: Asked, ticketId: string): Promise<undefined> {
  const given = request.headers['last-event-id'] ?? query.get('lastEventId')
  const lastEventId = typeof given === 'string' && given !== '' ? given : undefined
  // What can be refused is refused before the stream begins: then it can no longer be said with a status.
  if (lastEventId !== undefined && !/^.+\.\d{1,15}$/.test(lastEventId))
    throw fail('INVALID_INPUT', { field: 'lastEventId', problem: 'is not an event id' })
  await kernel.events.history({ ticketId, limit: 1 })
  const leaving = new AbortController()
  response.once('close', door.streams.take()).once('close', () => leaving.abort())
  openStream(response)
  for await (const batch of kernel.events.follow({ ticketId, lastEventId, signal: leaving.signal })) {
    response.write(framesOf(batch))
    await drained(response, { signal: leaving.signal, stalledMs: door.limits.stalledMs })
    if (leaving.signal.aborted) return
  }
}

const framesOf = ({ events, live }: EventBatch): string =>
  [
    ...events.map((event) => `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
    ...live.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
  ].join('')
