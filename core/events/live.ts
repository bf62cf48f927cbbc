/** What is live only: it has no number, is not stored, and is lost on a reconnect, because the finished text is durable. */
import * as v from 'valibot'

const open = { turnId: v.string(), partId: v.string(), kind: v.picklist(['text', 'reasoning']), text: v.string() }

export const LIVE_EVENTS = {
  delta: v.pipe(
    v.object({ type: v.literal('delta'), ...open, offset: v.number() }),
    v.description(
      'More text of an open part; `offset` is the length of what came before it. A reader whose text has another length ignores it.',
    ),
  ),
  'part.snapshot': v.pipe(
    v.object({ type: v.literal('part.snapshot'), ...open }),
    v.description('The whole text so far of an open part: after a replay, or when deltas were dropped.'),
  ),
  gap: v.pipe(
    v.object({ type: v.literal('gap'), reason: v.string() }),
    v.description(
      'The presented id is of another database epoch: everything before is to be forgotten; the events that follow start at the first.',
    ),
  ),
} as const

export const LiveEventSchema = v.variant('type', [LIVE_EVENTS.delta, LIVE_EVENTS['part.snapshot'], LIVE_EVENTS.gap])
export type LiveEvent = Readonly<v.InferOutput<typeof LiveEventSchema>>
