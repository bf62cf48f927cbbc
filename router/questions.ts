import * as v from 'valibot'
import type { Kernel, QuestionView } from '#core'
import { changes } from './changes.ts'
import { Failures, Id, reply, ShortText, some } from './shapes.ts'
import { procedure, router, signalOf, stream } from './trpc.ts'

type Questions = Awaited<ReturnType<Kernel['questions']['list']>>

const Question = reply<QuestionView>({
  requestId: v.string(),
  ticketId: v.string(),
  sessionId: v.string(),
  questions: v.array(
    v.object({
      header: v.string(),
      question: v.string(),
      options: v.array(v.object({ label: v.string(), description: v.string() })),
      multiple: v.boolean(),
      custom: v.boolean(),
    }),
  ),
  askedAt: v.number(),
  detached: some(v.boolean()),
  deadline: some(v.number()),
})
const QuestionList = reply<Questions>({ items: v.array(Question), errors: Failures })
const Filter = v.optional(v.object({ ticketId: some(Id) }), {})
const Done = v.object({ ok: v.literal(true) })
const request = { ticketId: Id, requestId: Id, actionId: some(Id) }

export const questionsRouter = router({
  list: procedure
    .input(Filter)
    .output(QuestionList)
    .query(({ ctx, input }) => ctx.kernel.questions.list(input)),
  reply: procedure
    .input(v.object({ ...request, answers: v.array(v.array(ShortText)) }))
    .output(Done)
    .mutation(({ ctx, input }) => ctx.kernel.questions.reply(input)),
  reject: procedure
    .input(v.object({ ...request, reason: some(ShortText) }))
    .output(Done)
    .mutation(({ ctx, input }) => ctx.kernel.questions.reject(input)),
  onChange: procedure.input(Filter).subscription(({ ctx, input, signal: asked }) => {
    const signal = signalOf(asked)
    const read = async (): Promise<Questions> => v.parse(QuestionList, await ctx.kernel.questions.list(input))
    return stream(changes(ctx.kernel, read, signal), { ctx, signal })
  }),
})
