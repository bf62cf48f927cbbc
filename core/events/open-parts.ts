/** Text so far of the parts that the model is writing now. */
import type { LiveEvent } from './live.ts'

export interface OpenPart {
  readonly turnId: string
  readonly partId: string
  readonly kind: 'text' | 'reasoning'
  text: string
}

export class OpenParts {
  readonly #byTicket = new Map<string, Map<string, OpenPart>>()

  grow(ticketId: string, part: Readonly<OpenPart>): LiveEvent {
    const parts = this.#byTicket.get(ticketId) ?? new Map<string, OpenPart>()
    const open = parts.get(part.partId) ?? { ...part, text: '' }
    const live: LiveEvent = { type: 'delta', ...part, offset: open.text.length }
    open.text += part.text
    this.#byTicket.set(ticketId, parts.set(part.partId, open))
    return live
  }
  close(ticketId: string, partId: string): void {
    const parts = this.#byTicket.get(ticketId)
    parts?.delete(partId)
    if (parts?.size === 0) this.#byTicket.delete(ticketId)
  }
  snapshots(ticketId: string): LiveEvent[] {
    return [...(this.#byTicket.get(ticketId)?.values() ?? [])].map((part) => ({ type: 'part.snapshot', ...part }))
  }
}
