/**
 * The logs of tickets, as pages and as streams. Every yield of a stream is tracked with the id of the last durable event it
 * has passed: what a client gives back after a disconnect, and what it gets next is exactly what came after.
 */
import { tracked, type TrackedEnvelope as Tracked } from '@trpc/server'
import * as v from 'valibot'
import type { AllBatch, AnyEvent, DurableEvent, EventBatch, Kernel, LiveEvent } from '#core'
import { share } from './encode.ts'
import { Id, Limit, OfTicket, reply, some } from './shapes.ts'
import { procedure, router, signalOf, streamOf } from './trpc.ts'

type History = Awaited<ReturnType<Kernel['events']['history']>>

/** The data of each type is the kernel's own, checked when it was made; what a client relies on here is the envelope. */
const Durable = v.object({
  seq: v.number(),
  id: v.string(),
  type: v.string(),
  at: v.number(),
  data: v.unknown(),
}) as unknown as v.GenericSchema<DurableEvent, DurableEvent>
const Events = reply<History>({ items: v.array(Durable), next: some(v.string()) })
/** A vector of all projects may be long. */
const VectorId = v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(20_000))

export interface TicketBatch {
  readonly events: readonly DurableEvent[]
  readonly live: readonly LiveEvent[]
}
export interface EverythingBatch {
  readonly events: readonly AnyEvent[]
  /** Projects whose database is another one than the presented id knew: forget them, they are told anew. */
  readonly gaps: readonly string[]
}

export const eventsRouter = router({
  history: procedure
    .input(v.object({ ...OfTicket, after: some(Id), limit: some(Limit) }))
    .output(Events)
    .query(({ ctx, input }) => ctx.kernel.events.history(input)),
  onTicket: procedure.input(v.object({ ...OfTicket, lastEventId: some(v.nullish(Id)) })).subscription(({ ctx, input, signal: asked }) => {
    const signal = signalOf(asked)
    const source = ctx.kernel.events.follow({ ticketId: input.ticketId, lastEventId: input.lastEventId ?? undefined, signal })
    return streamOf(source, trackedBatch, { ctx, signal })
  }),
  onAll: procedure
    .input(
      v.optional(
        v.object({ projectIds: some(v.array(Id)), lastEventId: some(v.nullish(VectorId)), from: some(v.picklist(['start', 'now'])) }),
        {},
      ),
    )
    .subscription(({ ctx, input, signal: asked }) => {
      const signal = signalOf(asked)
      const source = ctx.kernel.events.followAll({ ...input, lastEventId: input.lastEventId ?? undefined, signal })
      return streamOf(source, (batch): Tracked<EverythingBatch> => tracked(batch.id, allBatch(batch)), { ctx, signal })
    }),
})

/** One object for all who get the batch, so that it is encoded once. */
const known = new WeakMap<EventBatch, Tracked<TicketBatch>>()
function trackedBatch(batch: EventBatch): Tracked<TicketBatch> {
  const found = known.get(batch)
  if (found) return found
  const made = tracked(batch.id, share({ events: batch.events, live: batch.live }))
  known.set(batch, made)
  return made
}
const allBatch = ({ events, gaps }: AllBatch): EverythingBatch => ({ events, gaps })
