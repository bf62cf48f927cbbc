import * as v from 'valibot'
import type { Kernel, SettingsPatch } from '#core'
import { given, Id, reply, some } from './shapes.ts'
import { procedure, router } from './trpc.ts'

type Resolved = Awaited<ReturnType<Kernel['settings']['get']>>

const Settings = reply<Resolved>({ values: given<Resolved['values']>(), sources: v.record(v.string(), v.string()) })
/** The project or the ticket, under its own name or as `id`. */
const Of = { id: some(Id), projectId: some(Id), ticketId: some(Id) }
const idOf = ({
  id,
  projectId,
  ticketId,
}: {
  id?: string | undefined
  projectId?: string | undefined
  ticketId?: string | undefined
}): string | undefined => id ?? projectId ?? ticketId

export const settingsRouter = router({
  get: procedure
    .input(v.object({ scope: v.picklist(['app', 'project', 'ticket']), ...Of }))
    .output(Settings)
    .query(({ ctx, input }) => ctx.kernel.settings.get({ scope: input.scope, id: idOf(input) })),
  /** Of a started ticket only what it may spend. */
  update: procedure
    .input(
      v.object({
        scope: v.picklist(['app', 'project', 'ticket']),
        ...Of,
        patch: v.record(v.pipe(v.string(), v.minLength(1, 'has no name')), v.unknown()),
      }),
    )
    .output(Settings)
    .mutation(({ ctx, input }) => ctx.kernel.settings.update({ scope: input.scope, id: idOf(input), patch: input.patch as SettingsPatch })),
})
