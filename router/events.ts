/**
 * A ticket's log, as pages and as a stream. Every yield of the stream is tracked with the id of the last durable event it
 * has passed: what a client gives back after a disconnect, and what it gets next is exactly what came after.
 */
import { tracked, type TrackedEnvelope } from '@trpc/server'
import * as v from 'valibot'
import type { DurableEvent, EventBatch, Kernel, LiveEvent } from '#core'
import { given, Id, Limit, OfTicket, reply, some } from './shapes.ts'
import { procedure, router, signalOf, stream } from './trpc.ts'

type History = Awaited<ReturnType<Kernel['events']['history']>>

/** The data of each type is the kernel's own; what a client relies on here is the envelope. */
const Durable = v.object({
  seq: v.number(),
  id: v.string(),
  type: v.string(),
  at: v.number(),
  data: v.unknown(),
}) as unknown as v.GenericSchema<DurableEvent, DurableEvent>
const Events = reply<History>({ items: v.array(Durable), next: some(v.string()) })
const Batch = reply<EventBatch>({ id: Id, events: v.array(Durable), live: v.array(given<LiveEvent>()) })

export type TicketBatch = Pick<EventBatch, 'events' | 'live'>

export const eventsRouter = router({
  history: procedure
    .input(v.object({ ...OfTicket, after: some(Id), limit: some(Limit) }))
    .output(Events)
    .query(({ ctx, input }) => ctx.kernel.events.history(input)),
  onTicket: procedure.input(v.object({ ...OfTicket, lastEventId: some(v.nullish(Id)) })).subscription(({ ctx, input, signal: asked }) => {
    const signal = signalOf(asked)
    const source = ctx.kernel.events.follow({ ticketId: input.ticketId, lastEventId: input.lastEventId ?? undefined, signal })
    return stream(trackedBatches(source), { ctx, signal })
  }),
})

async function* trackedBatches(source: AsyncIterable<EventBatch>): AsyncGenerator<TrackedEnvelope<TicketBatch>, void> {
  for await (const batch of source) {
    const { id, events, live } = v.parse(Batch, batch)
    yield tracked(id, { events, live })
  }
}
