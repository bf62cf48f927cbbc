import * as v from 'valibot'
import { Id, ShortText, some } from './shapes.ts'
import { procedure, router } from './trpc.ts'

export const permissionsRouter = router({
  reply: procedure
    .input(
      v.object({
        ticketId: Id,
        requestId: Id,
        actionId: some(Id),
        reply: v.picklist(['once', 'always', 'reject']),
        message: some(ShortText),
      }),
    )
    .output(v.object({ ok: v.literal(true) }))
    .mutation(({ ctx, input }) => ctx.kernel.questions.replyPermission(input)),
})
