import * as v from 'valibot'
import type { ServerView } from '#core'
import { NoInput, reply } from './shapes.ts'
import { procedure, router } from './trpc.ts'

const State = reply<ServerView>({ paused: v.boolean(), busy: v.array(v.string()) })

export const serverRouter = router({
  status: procedure
    .input(NoInput)
    .output(State)
    .query(({ ctx }) => ctx.kernel.server.status()),
  pause: procedure
    .input(NoInput)
    .output(State)
    .mutation(({ ctx }) => ctx.kernel.server.pause()),
  resume: procedure
    .input(NoInput)
    .output(State)
    .mutation(({ ctx }) => ctx.kernel.server.resume()),
})
