/** A person at the gates of a pipeline: approves what is shown, answers questionnaires, passes checklists. */
import type { Kernel, InboxView, TicketView } from '../../core/kernel-api.ts'
import type { Form, Json } from '../../plugins/contract.ts'

export interface Decided {
  readonly action: string
  readonly payload?: Json
}
/** By phase and how often that phase asked (from 1); undefined is the usual decision. */
export type Decide = (phase: string, time: number, form: Form) => Decided | undefined | Promise<Decided | undefined>

const usual = (form: Form): Decided => {
  if (form.kind === 'questionnaire') return { action: 'complete', payload: { answers: answers(form) } }
  if (form.kind === 'checklist')
    return { action: 'complete', payload: { results: Object.fromEntries(idsOf(form).map((id) => [id, { result: 'pass' }])) } }
  return { action: form.actions.find((a) => a.approves)?.id ?? form.actions[0]?.id ?? '' }
}
const idsOf = (form: Form): readonly string[] => (form.questions ?? []).map((q) => (q as { id: string }).id)
const answers = (form: Form): Json => Object.fromEntries(idsOf(form).map((id) => [id, { text: `About ${id}` }]))

export class Person {
  readonly kernel: Kernel
  /** `PHASE action`, in order. */
  readonly decisions: string[] = []
  readonly #decide: Decide
  readonly #times = new Map<string, number>()
  constructor(kernel: Kernel, decide: Decide = () => undefined) {
    this.kernel = kernel
    this.#decide = decide
  }

  /** Decides on what is open; false when nothing is. */
  async decideOne(ticket: TicketView): Promise<boolean> {
    const entry = (await this.kernel.inbox.list({ ticketId: ticket.id })).items.find((item) => item.kind === 'gate')
    if (!entry) return false
    await this.#submit(ticket, entry)
    return true
  }

  async #submit(ticket: TicketView, entry: InboxView): Promise<void> {
    const { form, artifact } = entry.payload as unknown as { form: Form; artifact: { sha256: string } | null }
    const phase = entry.id.split(':')[1] ?? '' // of the gate: the ticket was read before
    const time = (this.#times.get(phase) ?? 0) + 1
    this.#times.set(phase, time)
    const { action, payload } = (await this.#decide(phase, time, form)) ?? usual(form)
    this.decisions.push(`${phase} ${action}`)
    await this.kernel.tickets.submitGate({
      ...{ ticketId: ticket.id, gateId: entry.id, action, actionId: `${entry.id}:${time}` },
      ...(artifact ? { expectedContentSha256: artifact.sha256 } : {}),
      ...(payload === undefined ? {} : { payload }),
    })
  }
}
