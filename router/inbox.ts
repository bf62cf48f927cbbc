import * as v from 'valibot'
import { INBOX_KINDS, type InboxView, type Kernel } from '#core'
import { changes } from './changes.ts'
import { Failures, given, Id, reply, some } from './shapes.ts'
import { procedure, router, signalOf, stream } from './trpc.ts'

type Inbox = Awaited<ReturnType<Kernel['inbox']['list']>>

const Entry = reply<InboxView>({
  id: v.string(),
  kind: v.picklist(INBOX_KINDS),
  ticketId: v.string(),
  projectId: v.string(),
  since: v.number(),
  deadline: some(v.number()),
  actions: v.array(v.string()),
  payload: given<InboxView['payload']>(),
})
const Entries = reply<Inbox>({ items: v.array(Entry), errors: Failures })
const Held = reply<{ deadline?: number }>({ deadline: some(v.number()) })
const Filter = v.optional(v.object({ ticketId: some(Id) }), {})

export const inboxRouter = router({
  list: procedure
    .input(Filter)
    .output(Entries)
    .query(({ ctx, input }) => ctx.kernel.inbox.list(input)),
  hold: procedure
    .input(v.object({ ticketId: Id, id: Id }))
    .output(Held)
    .mutation(({ ctx, input }) => ctx.kernel.inbox.hold(input)),
  onChange: procedure.input(Filter).subscription(({ ctx, input, signal: asked }) => {
    const signal = signalOf(asked)
    const read = async (): Promise<Inbox> => v.parse(Entries, await ctx.kernel.inbox.list(input))
    return stream(changes(ctx.kernel, read, signal), { ctx, signal })
  }),
})
