import * as v from 'valibot'
import { TICKET_STATUSES, type Kernel } from '#core'
import { gateShorthands } from './gates.ts'
import {
  Acting,
  Failures,
  Id,
  Limit,
  listOf,
  LongText,
  Models,
  OfTicket,
  Priority,
  reply,
  Sha256,
  ShortText,
  some,
  Title,
  Version,
} from './shapes.ts'
import { Costs } from './money-shapes.ts'
import { Artifact, ArtifactHead, Attempt, Bead, Deleted, Diff, ErrorOccurrence, Preview, Session, Ticket, Turn } from './ticket-shapes.ts'
import { procedure, router } from './trpc.ts'

type Page = Awaited<ReturnType<Kernel['tickets']['list']>>

const of = procedure.input(v.object(Acting))
const edit = { title: some(Title), description: some(LongText), priority: some(Priority), pipeline: some(Id), models: some(Models) }
const List = v.object({ projectId: some(Id), status: some(v.picklist(TICKET_STATUSES)), cursor: some(Id), limit: some(Limit) })
const Tickets = reply<Page>({ items: v.array(Ticket), nextCursor: some(v.string()), errors: Failures })
const Document = v.pipe(v.string(), v.minLength(1, 'must not be empty'), v.maxLength(1_000_000))
const MAX_DIFF_CHARS = 2_000_000

export const ticketsRouter = router({
  create: procedure
    .input(v.object({ ...edit, projectId: Id, title: Title, actionId: some(Id) }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.create(input)),
  get: of.output(Ticket).query(({ ctx, input }) => ctx.kernel.tickets.get(input.ticketId)),
  list: procedure
    .input(v.optional(List, {}))
    .output(Tickets)
    .query(({ ctx, input }) => ctx.kernel.tickets.list(input)),
  update: procedure
    .input(v.object({ ...Acting, ...edit }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.update(input)),
  start: of.output(Ticket).mutation(({ ctx, input }) => ctx.kernel.tickets.start(input)),
  cancel: procedure
    .input(v.object({ ...Acting, reason: some(ShortText) }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.cancel(input)),
  retry: procedure
    .input(v.object({ ...Acting, note: some(ShortText) }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.retry(input)),
  continue: of.output(Ticket).mutation(({ ctx, input }) => ctx.kernel.tickets.continue(input)),
  resolveTurn: procedure
    .input(v.object({ ...Acting, turnId: Id, as: v.picklist(['resend', 'adopt', 'abandon']) }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.resolveTurn(input)),
  release: of.output(Ticket).mutation(({ ctx, input }) => ctx.kernel.tickets.release(input)),
  pause: of.output(Ticket).mutation(({ ctx, input }) => ctx.kernel.tickets.pause(input)),
  resume: of.output(Ticket).mutation(({ ctx, input }) => ctx.kernel.tickets.resume(input)),
  delete: procedure
    .input(v.object({ ...Acting, branch: some(v.boolean()) }))
    .output(Deleted)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.delete(input)),
  ...gateShorthands,
  editArtifact: procedure
    .input(v.object({ ...Acting, kind: Id, content: Document, expectedContentSha256: Sha256 }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.editArtifact(input)),
  previewEdit: procedure
    .input(v.object({ ...OfTicket, kind: Id, content: some(Document) }))
    .output(Preview)
    .query(({ ctx, input }) => ctx.kernel.tickets.previewEdit(input)),

  artifacts: of.output(listOf(ArtifactHead)).query(({ ctx, input }) => ctx.kernel.tickets.artifacts(input.ticketId)),
  artifact: procedure
    .input(v.object({ ...OfTicket, kind: Id, phase: some(Id), attempt: some(Version), revision: some(Version) }))
    .output(Artifact)
    .query(({ ctx, input }) => ctx.kernel.tickets.artifact(input)),
  attempts: of.output(listOf(Attempt)).query(({ ctx, input }) => ctx.kernel.tickets.attempts(input.ticketId)),
  sessions: of.output(listOf(Session)).query(({ ctx, input }) => ctx.kernel.tickets.sessions(input.ticketId)),
  turns: of.output(listOf(Turn)).query(({ ctx, input }) => ctx.kernel.tickets.turns(input.ticketId)),
  costs: of.output(Costs).query(({ ctx, input }) => ctx.kernel.tickets.costs(input.ticketId)),
  beads: of.output(listOf(Bead)).query(({ ctx, input }) => ctx.kernel.tickets.beads(input.ticketId)),
  diff: procedure
    .input(v.object({ ...OfTicket, maxChars: some(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_DIFF_CHARS))) }))
    .output(Diff)
    .query(({ ctx, input }) => ctx.kernel.tickets.diff(input)),
  errors: of.output(listOf(ErrorOccurrence)).query(({ ctx, input }) => ctx.kernel.tickets.errors(input.ticketId)),
})
