import { isAbsolute } from 'node:path'
import * as v from 'valibot'
import type { ProjectCosts, ProjectView } from '#core'
import { Caps, Spent } from './money-shapes.ts'
import { Id, listOf, NoInput, reply, ShortText, some } from './shapes.ts'
import { procedure, router } from './trpc.ts'

const Project = reply<ProjectView>({ id: v.string(), key: v.string(), name: v.string(), path: v.string(), defaultBranch: v.string() })
const Key = v.pipe(v.string(), v.regex(/^[A-Z][A-Z0-9]{0,9}$/, 'must be 1 to 10 capital letters or digits, a letter first'))
/** The server's folder is not the caller's: a path that is relative to one of them means something else in the other. */
const Path = v.pipe(ShortText, v.check(isAbsolute, 'must be an absolute path'))

const Pause = v.object({ projectId: v.string(), paused: v.boolean() })
const Costs = reply<ProjectCosts>({
  projectId: v.string(),
  limits: Caps,
  project: v.object(Spent),
  byTicket: v.array(v.object({ ticketId: v.string(), ...Spent })),
})
const ofProject = procedure.input(v.object({ projectId: Id }))

export const projectsRouter = router({
  attach: procedure
    .input(v.object({ path: Path, key: some(Key), name: some(Id) }))
    .output(Project)
    .mutation(({ ctx, input }) => ctx.kernel.projects.attach(input)),
  list: procedure
    .input(NoInput)
    .output(listOf(Project))
    .query(({ ctx }) => ctx.kernel.projects.list()),
  get: procedure
    .input(v.object({ projectId: Id }))
    .output(Project)
    .query(({ ctx, input }) => ctx.kernel.projects.get(input.projectId)),
  update: procedure
    .input(v.object({ projectId: Id, name: some(Id), key: some(Key), defaultBranch: some(Id) }))
    .output(Project)
    .mutation(({ ctx, input }) => ctx.kernel.projects.update(input)),
  detach: procedure
    .input(v.object({ projectId: Id }))
    .output(v.object({ detached: v.literal(true) }))
    .mutation(({ ctx, input }) => ctx.kernel.projects.detach(input.projectId)),
  pause: ofProject.output(Pause).mutation(({ ctx, input }) => ctx.kernel.projects.pause(input.projectId)),
  costs: ofProject.output(Costs).query(({ ctx, input }) => ctx.kernel.projects.costs(input.projectId)),
  resume: ofProject.output(Pause).mutation(({ ctx, input }) => ctx.kernel.projects.resume(input.projectId)),
})
