/** People's decisions: one door, and shorthands that name the action and find the gate. */
import { randomUUID } from 'node:crypto'
import * as v from 'valibot'
import { fail, type GateSubmission, type Kernel, type TicketView } from '#core'
import { given, Id, orNull, reply, Sha256, some } from './shapes.ts'
import { Ticket } from './ticket-shapes.ts'
import { procedure, router } from './trpc.ts'

type Payload = Exclude<GateSubmission['payload'], undefined>

const decision = { expectedContentSha256: some(Sha256), payload: some(given<Payload>()) }

type Draft = NonNullable<Awaited<ReturnType<Kernel['tickets']['draft']>>>
const DraftShape = reply<Draft>({ revision: v.number(), content: given<Draft['content']>(), savedAt: v.number() })
const Seen = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000))

export const gatesRouter = router({
  /** What was filled in and not sent; null: nothing. */
  draft: procedure
    .input(v.object({ ticketId: Id, gateId: Id }))
    .output(orNull(DraftShape))
    .query(({ ctx, input }) => ctx.kernel.tickets.draft(input)),
  /** `seen`: the revision that it goes over, 0 for none. DRAFT_STALE when another one was saved meanwhile. */
  saveDraft: procedure
    .input(v.object({ ticketId: Id, gateId: Id, seen: Seen, content: given<Draft['content']>() }))
    .output(DraftShape)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.saveDraft(input)),
  submit: procedure
    .input(v.object({ ticketId: Id, gateId: Id, action: Id, actionId: Id, ...decision }))
    .output(Ticket)
    .mutation(({ ctx, input }) => ctx.kernel.tickets.submitGate(input)),
})

const Shorthand = v.object({ ticketId: Id, gateId: some(Id), actionId: some(Id), action: some(Id), ...decision })

/** The same door with a fixed action; `answer` may name another one of its questionnaire. */
export const gateShorthands = {
  approve: procedure
    .input(Shorthand)
    .output(Ticket)
    .mutation(({ ctx, input }) => decide(ctx.kernel, { ...input, action: 'approve' })),
  requestChanges: procedure
    .input(Shorthand)
    .output(Ticket)
    .mutation(({ ctx, input }) => decide(ctx.kernel, { ...input, action: 'request_changes' })),
  answer: procedure
    .input(Shorthand)
    .output(Ticket)
    .mutation(({ ctx, input }) => decide(ctx.kernel, { ...input, action: input.action ?? 'complete' })),
}

async function decide(kernel: Kernel, input: v.InferOutput<typeof Shorthand> & { action: string }): Promise<TicketView> {
  const gateId = input.gateId ?? (await onlyGate(kernel, input.ticketId))
  return kernel.tickets.submitGate({ ...input, gateId, actionId: input.actionId ?? randomUUID() })
}

async function onlyGate(kernel: Kernel, ticketId: string): Promise<string> {
  await kernel.tickets.get(ticketId)
  const gates = (await kernel.inbox.list({ ticketId })).items.filter((entry) => entry.kind === 'gate')
  const [gate] = gates
  if (gate === undefined) throw fail('GATE_CLOSED', { ticketId, gateId: 'any' })
  if (gates.length > 1)
    throw fail('INVALID_INPUT', { field: 'gateId', problem: `must be one of ${gates.map((entry) => entry.id).join(', ')}` })
  return gate.id
}
