/**
 * What is live only: it has no number and is not stored. A reader that comes (back) gets what is open now once more; what has
 * ended is durable.
 */
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
  'tool.progress': v.pipe(
    v.object({
      ...{ type: v.literal('tool.progress'), turnId: v.string(), partId: v.string(), tool: v.string() },
      ...{ state: v.picklist(['pending', 'running']), title: v.nullable(v.string()), input: v.exactOptional(v.unknown()) },
      ...{ output: v.nullable(v.string()), cut: v.boolean(), owner: v.nullable(v.string()) },
    }),
    v.description(
      'A tool call before its end: `pending` until its input is there, then `running`, again with each output so far (its end, when `cut`). A reader that knows the durable end of the part ignores it.',
    ),
  ),
  'step.started': v.pipe(
    v.object({ type: v.literal('step.started'), turnId: v.string(), partId: v.string(), owner: v.nullable(v.string()) }),
    v.description('A request to the model began; `step.finished` is durable.'),
  ),
  'session.activity': v.pipe(
    v.object({
      type: v.literal('session.activity'),
      turnId: v.string(),
      status: v.picklist(['busy', 'idle']),
      owner: v.nullable(v.string()),
    }),
    v.description('OpenCode works on the session, or has stopped to. A wait for the provider is the durable `session.status`.'),
  ),
  gap: v.pipe(
    v.object({ type: v.literal('gap'), reason: v.string() }),
    v.description(
      'The presented id is of another database epoch: everything before is to be forgotten; the events that follow start at the first.',
    ),
  ),
} as const

export const LiveEventSchema = v.variant('type', [
  LIVE_EVENTS.delta,
  LIVE_EVENTS['part.snapshot'],
  LIVE_EVENTS['tool.progress'],
  LIVE_EVENTS['step.started'],
  LIVE_EVENTS['session.activity'],
  LIVE_EVENTS.gap,
])
export type LiveEvent = Readonly<v.InferOutput<typeof LiveEventSchema>>
/** What is so until the next one of its kind, or until its turn is over. */
export type Progress = Extract<LiveEvent, { type: 'tool.progress' | 'step.started' | 'session.activity' }>
