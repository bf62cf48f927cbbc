/** What a person does in the kernel's specs. */
import * as assert from 'uvu/assert'
import type { InboxView, TicketView } from '../../core/kernel-api.ts'
import type { ErrorCode, LoopTroopError } from '../../core/errors.ts'
import type { World } from '../helpers/world.ts'

export async function openGate(world: World, ticketId: string): Promise<InboxView> {
  const { items } = await world.kernel.inbox.list({ ticketId })
  const gate = items.find((entry) => entry.kind === 'gate')
  if (!gate) throw new Error(`${ticketId} has no open gate: ${JSON.stringify(await world.kernel.tickets.get(ticketId))}`)
  return gate
}

let actions = 0
export const actionId = (): string => `act-${(actions += 1)}`

/** At WAITING_BEADS_APPROVAL, with the hash of what is there. */
export async function approvePlan(world: World, ticketId: string): Promise<TicketView> {
  const gate = await openGate(world, ticketId)
  const { contentSha256 } = await world.kernel.tickets.artifact({ ticketId, kind: 'beads' })
  const decision = { action: 'approve', actionId: actionId(), expectedContentSha256: contentSha256 }
  return world.kernel.tickets.submitGate({ ticketId, gateId: gate.id, ...decision })
}

/** The refusal's code, and the field it names when it is about one. */
export async function refusal(call: () => unknown): Promise<{ code: ErrorCode; field: unknown; error: LoopTroopError }> {
  try {
    await call()
  } catch (error) {
    const refused = error as LoopTroopError
    assert.ok(refused.code, `threw ${String(error)} instead of a kernel error`)
    return { code: refused.code, field: refused.details['field'], error: refused }
  }
  throw new Error('was not refused')
}
